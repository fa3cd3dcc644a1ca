"""The compact set of known molecules: no false negatives, the stated false positives, files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.smiles.chem.novelty import KnownSet, plain_forms
from domains.smiles.domain import EXAMPLES


@pytest.fixture(scope="module")
def large() -> KnownSet:
    return KnownSet.build(f"known {i}" for i in range(50_000))


def test_false_positive_rate_is_the_one_stated(large: KnownSet) -> None:
    hits = large.contains([f"novel {i}" for i in range(200_000)])
    assert large.false_positive_rate == pytest.approx(1 / 256, rel=0.01)
    # 781 hits expected, 28 is one standard deviation
    assert hits.mean() == pytest.approx(large.false_positive_rate, rel=0.15)


def test_no_false_negatives(large: KnownSet) -> None:
    assert large.contains([f"known {i}" for i in range(50_000)]).all()
    assert len(large) == 50_000


@given(st.sets(st.text(max_size=20), max_size=40), st.sets(st.text(max_size=20), max_size=10))
def test_members_are_always_known(members: set[str], others: set[str]) -> None:
    known = KnownSet.build(members)
    assert known.contains(sorted(members)).all()
    assert known.contains(sorted(others)).shape == (len(others),)


def test_round_trip_and_size(large: KnownSet, tmp_path: Path) -> None:
    path = tmp_path / "known.bin"
    large.save(path)
    again = KnownSet.load(path)
    texts = [f"known {i}" for i in range(100)] + [f"novel {i}" for i in range(5000)]
    np.testing.assert_array_equal(again.contains(texts), large.contains(texts))
    assert (len(again), again.false_positive_rate) == (len(large), large.false_positive_rate)
    assert path.stat().st_size * 8 < 10.1 * len(large)
    assert list(tmp_path.iterdir()) == [path]


def test_file_is_the_same_on_every_machine(tmp_path: Path) -> None:
    path = tmp_path / "known.bin"
    KnownSet.build(EXAMPLES.values()).save(path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == (
        "9e68ed358700874710559cfe0cf41a0b2491c0481a8468afd2a15f82c8b4d5ac"
    )
    KnownSet.build(reversed(EXAMPLES.values())).save(path)
    assert hashlib.sha256(path.read_bytes()).hexdigest().startswith("9e68ed35")


def test_empty_set(tmp_path: Path) -> None:
    empty = KnownSet.build([])
    empty.save(tmp_path / "known.bin")
    again = KnownSet.load(tmp_path / "known.bin")
    assert not again.contains(["CCO"]).any()
    assert again.false_positive_rate == 0.0


def test_molecules_are_known_in_any_spelling() -> None:
    known = KnownSet.from_molecules([*EXAMPLES.values(), "C[C@H](N)C(=O)O", "C1CC"])
    assert len(known) == len(EXAMPLES) + 1
    spellings = ["OC(=O)c1ccccc1OC(C)=O", "C[C@@H](N)C(O)=O", "CC(N)C(=O)O", "[13CH3]C(N)C(=O)O"]
    assert known.contains([form or "" for form in plain_forms(spellings)]).all()


def test_plain_forms_keep_order_and_mark_what_is_invalid() -> None:
    assert plain_forms(["OCC", "C1CC", "F/C=C/F"]) == ["CCO", None, "FC=CF"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: b"", "not a file of that kind"),
        (lambda raw: b"PK" + raw[2:], "not a file of that kind"),
        (lambda raw: raw[:20], "cut short"),
        (lambda raw: raw[:-1], "cut short or has extra bytes"),
        (lambda raw: raw + b"\0", "cut short or has extra bytes"),
        (lambda raw: raw[:8] + b"\2\0" + raw[10:], "version 2"),
        (lambda raw: raw[:-9] + bytes([raw[-9] ^ 1]) + raw[-8:], "checksum"),
        (lambda raw: raw[:16] + b"\xff" * 8 + raw[24:], "cut short"),
    ],
)
def test_damaged_files_are_refused(damage, message: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "known.bin"
    KnownSet.build(EXAMPLES.values()).save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=message):
        KnownSet.load(path)


def test_forged_counts_with_a_right_checksum_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "known.bin"
    KnownSet.build(EXAMPLES.values()).save(path)
    raw = bytearray(path.read_bytes())
    raw[-3:] = b"\xff\xff\xff"
    raw[32:64] = bytes(32)
    raw[32:64] = hashlib.sha256(raw).digest()
    path.write_bytes(raw)
    with pytest.raises(ValueError, match="counts do not match"):
        KnownSet.load(path)


def test_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot read the set of known molecules"):
        KnownSet.load(tmp_path / "nowhere.bin")
