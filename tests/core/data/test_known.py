"""The set of known items: its size and errors, its file, and how domains make and read it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvae_core.data.known import (
    KNOWN_FILE,
    KnownSet,
    known_of_bundle,
    known_of_prepared_set,
    text_hashes,
)
from tvae_core.domain import Verdict
from tvae_core.support.errors import PreparedSetError

LINES = ["x = 1", "print('a\\n')", "", "zwölf", "a\nb", "\ud800", "x" * 5000]
Prepared = Callable[..., Path]


@pytest.fixture(scope="module")
def large() -> KnownSet:
    return KnownSet.build(f"known {i}" for i in range(20_000))


def test_members_are_known_and_others_at_the_stated_rate(large: KnownSet, tmp_path: Path) -> None:
    assert len(large) == 20_000
    assert large.contains([f"known {i}" for i in range(20_000)]).all()
    hits = large.contains([f"novel {i}" for i in range(100_000)])
    assert large.false_positive_rate == pytest.approx(1 / 256, rel=0.02)
    assert hits.mean() == pytest.approx(large.false_positive_rate, rel=0.2)  # 20 is 1 sigma of 390
    large.save(tmp_path / "known.bin")
    assert (tmp_path / "known.bin").stat().st_size * 8 < 10.1 * len(large)
    again = KnownSet.load(tmp_path / "known.bin")
    texts = [f"{kind} {i}" for kind in ("known", "novel") for i in range(3000)]
    np.testing.assert_array_equal(again.contains(texts), large.contains(texts))


@given(st.sets(st.text(max_size=20), max_size=30), st.lists(st.text(max_size=20), max_size=10))
def test_no_false_negatives(members: set[str], others: list[str]) -> None:
    known = KnownSet.build(members)
    assert known.contains(sorted(members)).all()
    assert known.contains(others).shape == (len(others),)


def test_the_file_is_the_same_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "known.bin"
    KnownSet.build(LINES).save(path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == (
        "0075c0afe5d5ee888cc5723c0ca588f18396d0389ad5c162481885fd3606d227"
    )
    assert KnownSet.load(path).contains(LINES).all()
    KnownSet.build([*reversed(LINES), LINES[0]]).save(path)
    assert hashlib.sha256(path.read_bytes()).hexdigest().startswith("0075c0af")
    assert [p.name for p in tmp_path.iterdir()] == ["known.bin"]
    assert text_hashes(["", "a"]).tolist() == [13020603013274838756, 3405396810240292928]


def test_nothing_is_in_the_empty_set(tmp_path: Path) -> None:
    KnownSet.build([]).save(tmp_path / "known.bin")
    again = KnownSet.load(tmp_path / "known.bin")
    assert not again.contains(["", "x"]).any()
    assert (len(again), again.false_positive_rate) == (0, 0.0)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: b"", "not a file of that kind"),
        (lambda raw: raw[:20], "cut short"),
        (lambda raw: raw + b"\0", "cut short or has extra bytes"),
        (lambda raw: raw[:8] + b"\2\0" + raw[10:], "version 2"),
        (lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), "checksum"),
        (lambda raw: raw[:16] + b"\xff" * 8 + raw[24:], "cut short"),
    ],
)
def test_spoilt_files_are_refused(
    damage: Callable[[bytes], bytes], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "known.bin"
    KnownSet.build(LINES).save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=message) as caught:
        KnownSet.load(path)
    assert f"set of known items {os.fspath(path)!r}" in str(caught.value)


class Loose:
    """Digit strings in any spacing: canonical without blanks; letters are refused."""

    name = "toy"

    def __init__(self) -> None:
        self.checked = 0

    def check(self, texts: Sequence[str]) -> list[Verdict]:
        self.checked += len(texts)
        forms = [text.replace(" ", "") for text in texts]
        return [Verdict(True, f) if f.isdigit() else Verdict(False, reason="no") for f in forms]


def test_the_set_of_a_prepared_set(
    prepared: Prepared, words: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = words(60)
    folder = prepared({"train": texts[:40], "validation": texts[40:50], "test": texts[50:]})
    domain: Any = Loose()
    files = known_of_prepared_set(folder, domain)
    assert files == {KNOWN_FILE: folder / KNOWN_FILE}
    assert domain.checked == 40
    known = KnownSet.load(folder / KNOWN_FILE)
    assert len(known) == 40
    assert known.contains(texts[:40]).all()
    assert known.contains(texts[40:]).mean() < 0.2
    assert "known items: 100%" in capsys.readouterr().err
    before = (folder / KNOWN_FILE).read_bytes()
    assert known_of_prepared_set(folder, domain) == files
    assert domain.checked == 40  # it is kept
    (folder / KNOWN_FILE).write_bytes(before[:-3])
    assert known_of_prepared_set(folder, domain) == files
    assert "building it again: " in capsys.readouterr().err
    assert (folder / KNOWN_FILE).read_bytes() == before


def test_what_was_published_counts_as_known(prepared: Prepared, words: Any) -> None:
    texts = words(60)
    folder = prepared({"train": texts[:40], "validation": texts[40:50], "test": texts[50:]})
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text()) | {"published_train": ["train", "validation"]}
    file.write_text(json.dumps(manifest))
    domain: Any = Loose()
    (path,) = known_of_prepared_set(folder, domain).values()
    assert len(KnownSet.load(path)) == 50
    assert KnownSet.load(path).contains(texts[:50]).all()


def test_canonical_forms_are_kept_and_looked_up(prepared: Prepared, tmp_path: Path) -> None:
    folder = prepared({"train": ["123", "1 1", "456"], "test": ["11"]})
    domain: Any = Loose()
    (path,) = known_of_prepared_set(folder, domain).values()
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / KNOWN_FILE).write_bytes(path.read_bytes())
    look = known_of_bundle(tmp_path / "bundle", domain)
    assert look is not None
    assert look(["11", "1  1", "12 3", "4 5 6 x", ""]) == [True, True, True, False, False]
    assert look([]) == []
    assert known_of_bundle(tmp_path, domain) is None


def test_no_prepared_set_of_the_domain(prepared: Prepared, tmp_path: Path) -> None:
    domain: Any = Loose()
    with pytest.raises(PreparedSetError, match="is not a prepared set"):
        known_of_prepared_set(tmp_path / "nowhere", domain)
    folder = prepared({"train": ["11"], "test": ["11"]}, domain="other")
    with pytest.raises(PreparedSetError, match="was prepared for 'other', not 'toy'"):
        known_of_prepared_set(folder, domain)
