"""Lines of text files: encodings told by name, every line end, gzip, bounded length."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvae_core.support.reading import lines as module
from tvae_core.support.reading.lines import TableError, TextLines


def read(folder: Path, content: bytes, name: str = "a.txt") -> TextLines:
    (folder / name).write_bytes(content)
    return TextLines(folder / name)


@pytest.mark.parametrize(
    ("codec", "notes"),
    [
        ("utf-8", []),
        ("utf-8-sig", []),
        ("utf-16", ["read as UTF-16 (little-endian)"]),
        ("utf-16-le", ["read as UTF-16 (little-endian, without a mark)"]),
        ("utf-16-be", ["read as UTF-16 (big-endian, without a mark)"]),
        ("utf-32", ["read as UTF-32 (little-endian)"]),
        ("cp1252", ["read as Windows-1252"]),
    ],
)
def test_encodings_are_told_by_name(tmp_path: Path, codec: str, notes: list[str]) -> None:
    text = "smiles;name\r\nCCO;Äthanol\r\nCCN;naïve – “quoted”\r\n"
    found = read(tmp_path, text.encode(codec))
    assert [line.text for line in found] == text.splitlines()
    assert found.notes == notes
    found = read(tmp_path, gzip.compress(text.encode(codec)), "a.txt.gz")
    assert [line.text for line in found] == text.splitlines()


def test_a_damaged_line_of_utf8_is_told(tmp_path: Path) -> None:
    found = read(tmp_path, "é\né\n".encode() + b"\xe9\nx\n")
    assert [line.text for line in found] == ["é", "é", "\udce9", "x"]
    assert found.notes == ["1 line holds bytes that are not UTF-8"]
    assert [line.text for line in found][3] == "x"
    assert found.notes == ["1 line holds bytes that are not UTF-8"]


@given(
    parts=st.lists(st.text(st.sampled_from("abé"), max_size=5), min_size=1, max_size=12),
    end=st.sampled_from(["\n", "\r\n", "\r", "\r\r\n"]),
    last=st.booleans(),
    block=st.integers(1, 9),
)
def test_every_line_end_in_blocks_of_any_size(
    parts: list[str],
    end: str,
    last: bool,
    block: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.getbasetemp() / "ends.txt"
    path.write_bytes((end.join(parts) + end * last).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        found = list(TextLines(path))
    expected = parts if last or parts[-1] else parts[:-1]
    assert [line.text for line in found] == expected
    assert [line.number for line in found] == list(range(1, len(expected) + 1))


def test_a_line_that_is_too_long_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LINE", 5000)
    monkeypatch.setattr(module, "_BLOCK", 700)
    found = list(read(tmp_path, b"a\n" + b"x" * 20_000 + b"\nb\n" + b"y" * 5001))
    assert [(line.number, len(line.text), line.too_long) for line in found] == [
        (1, 1, False),
        (2, 1000, True),
        (3, 1, False),
        (4, 1000, True),
    ]


@pytest.mark.parametrize(
    ("name", "content", "words", "code"),
    [
        ("a.txt", b"\x1f\x8b\x08", "is packed by gzip; name it .gz", 2),
        ("a.csv", b"PK\x03\x04...", "an Excel workbook", 2),
        ("a.csv", b"\xd0\xcf\x11\xe0", "old Excel workbook", 2),
        ("a.csv", b"PAR1", "name it .parquet", 2),
        ("a.csv.gz", b"smiles\n", "cannot be read: not a whole gzip file", 1),
        ("a.csv.gz", gzip.compress(b"smiles\n" * 99, mtime=0)[:-6], "not a whole gzip file", 1),
    ],
)
def test_files_of_other_kinds(
    tmp_path: Path, name: str, content: bytes, words: str, code: int
) -> None:
    with pytest.raises(TableError, match=words) as caught:
        list(read(tmp_path, content, name))
    assert caught.value.exit_code == code
    assert isinstance(caught.value, ValueError)


def test_there_is_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no such file"):
        TextLines(tmp_path / "a.csv")
    with pytest.raises(TableError, match="is a folder"):
        TextLines(tmp_path)
