"""Packed sets: what goes in comes out, and what is none is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvae_core.train_kit.packed import (
    Packed,
    PackedError,
    fit_levels,
    from_four_bits,
    in_four_bits,
    read_packed,
    to_bytes,
)


def make(lengths: list[int], vocab_size: int = 40, weights: bool = False) -> Packed:
    rng = np.random.default_rng(len(lengths))
    rows = np.array(lengths, np.int32)
    return Packed(
        ids=rng.integers(4, 40, int(rows.sum())).astype(np.int16),
        lengths=rows,
        weights=rng.choice([0.5, 1.0, 2.0], len(rows)).astype(np.float32) if weights else None,
        features=rng.integers(0, 256, (len(rows) // 2, 3)).astype(np.uint8),
        featured=np.arange(len(rows) // 2, dtype=np.int64),
        levels=np.linspace(-2, 2, 16).astype(np.float32),
        model={"vocab_size": vocab_size, "d_model": 16},
        train={"seed": 3},
        files={"tokenizer.json": "{}"},
        about={"domain": "toy"},
    )


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.booleans())
def test_what_goes_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], weights: bool
) -> None:
    packed = make(lengths, weights=weights)
    path = tmp_path_factory.mktemp("packed") / "set"
    path.write_bytes(to_bytes(packed))
    found = read_packed(path)
    for name in ("ids", "lengths", "features", "featured", "levels"):
        np.testing.assert_array_equal(getattr(found, name), getattr(packed, name))
    assert (found.weights is None) == (packed.weights is None)
    if packed.weights is not None and found.weights is not None:
        np.testing.assert_array_equal(found.weights, packed.weights)
    assert (found.model, found.train) == (packed.model, packed.train)
    assert (found.files, found.about) == (packed.files, packed.about)
    assert [found.ids[i] for i in found.offsets] == [packed.ids[i] for i in packed.offsets]


def test_four_bits_lose_a_hundredth() -> None:
    values = np.random.default_rng(0).standard_normal((4000, 6)).astype(np.float32)
    levels = fit_levels(values)
    assert (np.diff(levels) > 0).all()
    back = from_four_bits(in_four_bits(values, levels), levels)
    assert back.shape == values.shape
    assert float(((back - values) ** 2).mean()) < 0.012
    np.testing.assert_array_equal(from_four_bits(in_four_bits(back, levels), levels), back)


def test_levels_of_few_values() -> None:
    values = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    levels = fit_levels(values)
    np.testing.assert_allclose(from_four_bits(in_four_bits(values, levels), levels), values)


def test_what_is_no_packed_set(tmp_path: Path) -> None:
    whole = to_bytes(make([3, 5, 2]))
    path = tmp_path / "set"
    with pytest.raises(PackedError, match="no such file"):
        read_packed(path)
    for content in (b"", b"something else", whole[:200], whole[:-9]):
        path.write_bytes(content)
        with pytest.raises(PackedError, match="set"):
            read_packed(path)


def test_tokens_of_another_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "set").write_bytes(to_bytes(make([9, 9, 9], vocab_size=20)))
    with pytest.raises(PackedError, match="another vocabulary than its model's 20 entries"):
        read_packed(tmp_path / "set")


def test_lengths_that_do_not_add_up(tmp_path: Path) -> None:
    packed = make([3, 5])
    packed.lengths = np.array([3, 6], np.int32)
    (tmp_path / "set").write_bytes(to_bytes(packed))
    with pytest.raises(PackedError, match="do not add up"):
        read_packed(tmp_path / "set")
