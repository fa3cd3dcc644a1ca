"""Real rows as the trainer's loader makes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tvae_core.bench.steps import RealBatches
from tvae_core.model.config import TVAEConfig
from tvae_core.support.errors import PreparedSetError


@pytest.fixture
def data(prepared: Callable[..., Path], words: Callable[..., list[str]]) -> Path:
    return prepared({"train": words(200, shortest=2, longest=12)})


def test_batches_are_bucketed_cut_and_spread_over_lengths(
    data: Path, tiny_config: Callable[..., TVAEConfig]
) -> None:
    real = RealBatches(data, tiny_config(), 9, 10, 3, seed=0)
    rows = real.rows()
    sizes = [[len(row) for row in batch] for batch in rows]
    assert [len(batch) for batch in sizes] == [10, 10, 10]
    assert max(max(batch) for batch in sizes) == 8
    means = [sum(batch) / 10 for batch in sizes]
    assert means == sorted(means)
    assert means[0] < means[2]
    assert all(max(batch) - min(batch) <= 2 for batch in sizes)


def test_the_loader_gives_the_same_rows_without_padding(
    data: Path, tiny_config: Callable[..., TVAEConfig]
) -> None:
    real = RealBatches(data, tiny_config(), 9, 10, 3, seed=4)
    for rows, batch in zip(real.rows(), real.loader(), strict=True):
        lengths = batch["attention_mask"].sum(1).tolist()
        found = [r[:n] for r, n in zip(batch["input_ids"].tolist(), lengths, strict=True)]
        assert found == rows
        assert batch["input_ids"].shape[1] == max(lengths)


def test_seeds_repeat(data: Path, tiny_config: Callable[..., TVAEConfig]) -> None:
    first, again, other = (
        RealBatches(data, tiny_config(), 9, 10, 2, seed).rows() for seed in (0, 0, 1)
    )
    assert first == again != other


def test_mistakes(data: Path, tiny_config: Callable[..., TVAEConfig], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has 200 rows, too few for 3 such batches"):
        RealBatches(data, tiny_config(), 9, 100, 3, seed=0)
    with pytest.raises(ValueError, match="outside a vocabulary of 8; give --vocab-size"):
        RealBatches(data, tiny_config(vocab_size=8), 9, 10, 2, seed=0)
    with pytest.raises(PreparedSetError, match="not a prepared set"):
        RealBatches(tmp_path / "none", tiny_config(), 9, 10, 2, seed=0)
