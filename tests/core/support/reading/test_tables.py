"""Tables as people have them: delimiters, quotes, open quotes, rows of any shape, any bytes."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvae_core.support.reading.lines import TableError
from tvae_core.support.reading.rows import Row, Table
from tvae_core.support.reading.tables import open_table

OPEN = "a quotation mark that is never closed"


def table(folder: Path, name: str, content: str | bytes) -> Table:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_table(path)


def all_rows(found: Table) -> list[Row]:
    return list(found.rows(range(len(found.names))))


def test_quotes_of_tsv_files(tmp_path: Path) -> None:
    plain = table(tmp_path, "a.tsv", 'headline\tlabel\n"Rain" ends it\tx\n"All is well"\ty\n')
    assert [row.values for row in plain.rows([0])] == [('"Rain" ends it',), ('"All is well"',)]
    quoted = table(tmp_path, "b.tsv", '"headline"\t"label"\n"""Rain"" ends it"\t"x"\n')
    assert [row.values for row in quoted.rows([0, 1])] == [('"Rain" ends it', "x")]


@pytest.mark.parametrize(
    ("name", "content", "notes"),
    [
        ("a.csv", "a,b\nx,y\n", []),
        ("a.csv", "a;b\nx;y\n", ["separated by semicolons"]),
        ("a.csv", '"a";"b, of all";\n"x";y;\n', ["separated by semicolons"]),
        ("a.csv", "a\tb\nx\ty\n", ["separated by tabs"]),
        ("a.tsv", "a\tb, c\nx\ty\n", []),
        ("a.tsv", "a,b\nx,y\n", ["separated by commas"]),
        ("a.csv", "sep=;\r\na;b\r\nx;y\r\n", ["separated by semicolons"]),
        ("a.csv", '"sep=\t"\na\tb\nx\ty\n', ["separated by tabs"]),
        ("a.csv", '"a", "b"\n"x", "y"\n', []),
        ("a.csv", "a|b\nx|y\n", []),
        ("a.csv", "\n\na,b\n\nx,y\n", []),
    ],
)
def test_what_separates_is_told_from_the_header(
    tmp_path: Path, name: str, content: str, notes: list[str]
) -> None:
    found = table(tmp_path, name, content)
    (row,) = all_rows(found)
    assert row.problem == ""
    assert row.line == content.replace("\r\n", "\n")[: content.rindex("x")].count("\n") + 1
    assert row.values[0].strip('"')[0] == "x"
    assert found.notes == notes


@pytest.mark.parametrize(
    ("rows", "refused", "read"),
    [
        ('1,CCO,"open\n2,CCN,b\n3,CCC,c\n', {2}, [3, 4]),
        ('1,CCO,"open\n2,CCN,b\n3,CCC,5"\n4,C,d\n', {2}, [3, 4, 5]),
        ('1,CCO,"open\n2,CCN,"b"\n3,CCC,c\n', {2}, [3, 4]),
        ('1,CCO,"open\n2,CCN,"open\n3,CCC,c\n', {2, 3}, [4]),
        ('"1,CCO,open\n2,CCN,b\n3,CCC,c"\n4,C,d\n', {2}, [3, 4, 5]),
        ('1,CCO,"open\n2,CCN,b",x,y\n3,CCC,c\n', {2, 3}, [4]),
        ('1,CCO,5" nail\n2,CCN,"6"" nail"\n', set(), [2, 3]),
        ('1,CCO,"two\nlines"\n2,CCN,b\n', set(), [2, 4]),
        ('1,CCO,"One thing, two, three\nand more, or less, as it is"\n2,CCN,b\n', set(), [2, 4]),
        ('"a\nb",CCO,"c\n\nd"\n2,CCN,b\n', set(), [2, 6]),
    ],
)
def test_an_open_quote_rejects_its_own_line(
    tmp_path: Path, rows: str, refused: set[int], read: list[int]
) -> None:
    found = all_rows(table(tmp_path, "a.csv", "id,smiles,note\n" + rows))
    assert {row.line for row in found if row.problem} == refused
    assert [row.line for row in found if not row.problem] == read
    assert all(len(row.values) == 3 for row in found if not row.problem)


def test_ragged_rows_are_refused_with_the_reason(tmp_path: Path) -> None:
    found = table(tmp_path, "a.csv", "a,b\n1\n1,2,3\n1,2,,\n\n1,\n")
    assert [(row.line, row.values, row.problem) for row in all_rows(found)] == [
        (2, ("1",), "only 1 field, the header has 2"),
        (3, ("1,2,3",), "3 fields, the header has 2"),
        (4, ("1", "2"), ""),
        (6, ("1", ""), ""),
    ]
    assert found.empty == 1


def test_cells_of_any_length(tmp_path: Path) -> None:
    long, lines = "x" * 140_000, "y,\n" * 400
    found = table(tmp_path, "a.csv", f'a,b\n1,{long}\n2,"{long}"\n3,"{lines}"\n4,z\n')
    assert [len(row.values[1]) for row in all_rows(found)] == [140_000, 140_000, len(lines), 1]


def test_names_of_columns(tmp_path: Path) -> None:
    found = table(tmp_path, "a.csv", "Smiles,name,name, two  words \n")
    assert (found.column("smiles"), found.column("two words")) == (0, 3)
    with pytest.raises(TableError, match="more than one column 'name'"):
        found.column("name")
    with pytest.raises(TableError, match="no column 'x'; it has: Smiles, name"):
        found.column("x")


CELLS = st.text(st.sampled_from('ab"; ,\n\r\té\u2028\x00'), max_size=8)


@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8),
    mark=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_writer_of_csv_writes_is_read(
    rows: list[tuple[str, str, str]],
    mark: str,
    end: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Cells with a line end may look like rows; then they are refused or read apart, and told."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=mark, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("x", "y", "z"), *rows])
    path = tmp_path_factory.getbasetemp() / "written.csv"
    path.write_text(out.getvalue(), encoding="utf-8-sig", newline="")
    found = all_rows(open_table(path))
    if any("\n" in cell or "\r" in cell for row in rows for cell in row):
        assert len(found) >= len(rows)
    else:
        assert [row.values for row in found] == rows
        assert not any(row.problem for row in found)


@given(data=st.binary(max_size=300), kind=st.sampled_from(["csv", "tsv", "jsonl"]))
def test_any_bytes_are_read_or_refused(
    data: bytes, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{kind}"
    path.write_bytes((b'{"headline": ""}\n' if kind == "jsonl" else b"headline,b\n") + data)
    try:
        found = list(open_table(path).rows([0]))
    except TableError:
        return
    for row in found:
        assert row.line >= 1
        assert all(isinstance(value, str) for value in row.values)
    assert [row.line for row in found] == sorted({row.line for row in found})
