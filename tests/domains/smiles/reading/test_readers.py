"""Molecules of files as people have them: nothing is dropped or changed unsaid, and it adds up."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.smiles.reading.readers import Account, MoleculeFile, Row, read_molecules, read_rows
from tests.molecule_cases import CASES, RIGHT, check
from tvae_core.support.reading.lines import TableError


def account_of(path: Path) -> tuple[list[Row], Account]:
    file, account = MoleculeFile(path), Account()
    rows = list(file.rows())
    for row in rows:
        account.add(row.line, row.smiles, row.changes)
    account.notes, account.skipped = file.notes, file.skipped
    return rows, account


@pytest.mark.parametrize("name", RIGHT)
def test_cases(name: str) -> None:
    rows, account = account_of(CASES / name)
    check(name, {row.line: row.reason for row in rows if row.reason is not None}, account)
    assert account.rows == len(rows)
    assert str(len(rows)) in account.summary()


def test_a_racemate_is_no_enantiomer() -> None:
    for name in ("m01_cxsmiles.csv", "s3_v3000_racemate.sdf"):
        racemate, *others = (row for row in read_rows(CASES / name) if row.reason is None)
        assert "@" not in racemate.smiles
        assert sum("@" in row.smiles for row in others) == 1


def test_a_missing_header_is_told(tmp_path: Path) -> None:
    said = "the first line looks like a molecule: no header"
    with pytest.raises(TableError, match=said):
        read_rows(CASES / "m07_headerless.csv")
    with pytest.raises(TableError, match=said):
        read_rows(CASES / "m07_headerless.csv", "CC(=O)Oc1ccccc1C(=O)O")
    (tmp_path / "one.csv").write_text("CCO\nCCN\n")
    with pytest.raises(TableError, match=said):
        read_rows(tmp_path / "one.csv")
    (tmp_path / "short.csv").write_text("C,N\nCCO,x\n")
    assert [row.smiles for row in read_rows(tmp_path / "short.csv", "C")] == ["CCO"]


def test_a_long_cell_in_another_column(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'smiles,blob\nCCO,{"x" * 140_000}\nCCN,"{"y," * 90_000}"\nCCC,z\n')
    assert read_molecules(path) == (["CCO", "CCN", "CCC"], [])


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet", "smi", "txt", "csv.gz"])
def test_every_kind_of_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"mine.{kind}"
    rows = [("OCC", "ethanol"), ("C1CC", "open"), ("", "nothing"), ("CCO", "again")]
    if kind == "parquet":
        smiles, names = zip(*rows, strict=True)
        pq.write_table(pa.table({"w": [1.5] * 4, "SMILES": smiles, "id": names}), path)
    elif kind == "jsonl":
        path.write_text("".join(f'{{"SMILES": "{s}", "id": "{n}"}}\n' for s, n in rows))
    elif kind in ("smi", "txt"):
        path.write_text("smiles id\nOCC ethanol\nC1CC open\n\nCCO again\n")
    else:
        mark = "\t" if kind == "tsv" else ","
        text = "".join(mark.join(row) + "\r\n" for row in [("SMILES", "id"), *rows])
        path.write_bytes(gzip.compress(text.encode()) if kind.endswith(".gz") else text.encode())
    found, account = account_of(path)
    assert [row.name for row in found if row.smiles] == ["ethanol", "again"]
    empty = "txt" not in kind and "smi" not in kind
    assert (account.kept, account.rejected, account.duplicates) == (1, 1 + empty, 1)
    assert found[1].reason == "ring 1 opened here is never closed (at character 2)"


def test_atoms_maps_isotopes_and_labels(tmp_path: Path) -> None:
    path = tmp_path / "a.smi"
    path.write_text(
        "[13CH3:1]O\n[CH3:1][C@H]([CH3:2])O\n[H:1][O:2][H:3]\n[*:1]C\n[2H]C\n[Na+:1].[Cl-:2]\n"
    )
    rows = read_rows(path)
    assert [row.smiles for row in rows] == [
        *("[13CH3]O", "CC(C)O", "O", "C[*:1]", "[2H]C", "[Cl-].[Na+]")
    ]
    assert [bool(row.changes) for row in rows] == [True, True, True, False, False, True]


def test_lines_of_a_smi_file(tmp_path: Path) -> None:
    path = tmp_path / "a.smi"
    path.write_bytes(
        "#c\n\n  CCO\tmy name\nCCN two words\nC[C@H](N)O |&1:1| last\n"
        "CC;x\nC |\nCC\u200b\n".encode()
    )
    rows = read_rows(path)
    assert [(row.line, row.name) for row in rows[:3]] == [(3, "my name"), (4, "two"), (5, "last")]
    reasons = [row.reason or "" for row in rows[3:]]
    assert "separated by semicolons: name it .csv" in reasons[0]
    assert "cut short" in reasons[1]
    assert "zero width space" in reasons[2]


def test_what_is_no_utf8_can_be_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("smiles,name\nCCO,é\nCCN,é\n".encode() + b"CCC,\xe9\nC\xe9,x\n")
    rows, account = account_of(path)
    assert [row.name for row in rows] == ["é", "é", "?", "x"]
    assert account.rejected == 1
    assert account.notes == ["2 lines hold bytes that are not UTF-8"]


def test_processes_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "many.smi"
    path.write_text("".join(f"{'C' * (i % 50)}{'N' if i % 7 else 'C1'}\n" for i in range(5100)))
    assert read_rows(path, jobs=2) == read_rows(path)


CELLS = st.one_of(
    st.sampled_from(["CCO", "OCC", "[CH3:1]O", "C[C@H](N)O |&1:1|", "C |&1", "CC>>C", "*C", "C.C"]),
    st.text(st.sampled_from('CO(=1)[]@"|, ;\té'), max_size=8),
)


@given(
    cells=st.lists(st.tuples(CELLS, CELLS), max_size=12),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    extra=st.sampled_from(["", ",x\n", "C\n", 'CC,"open\n']),
)
def test_rows_are_kept_rejected_or_duplicates(
    cells: list[tuple[str, str]],
    quoting: int,
    extra: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """`extra` may be a row of too few fields, or with an open quote."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=quoting, lineterminator="\n")  # type: ignore[arg-type]
    writer.writerows([("smiles", "name"), *cells])
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    path.write_text(out.getvalue() + extra, encoding="utf-8", newline="")
    if not (cells or extra):
        with pytest.raises(TableError, match="holds no molecules"):
            read_rows(path)
        return
    rows, account = account_of(path)
    assert len(rows) == len(cells) + bool(extra)
    assert account.kept + account.rejected + account.duplicates == len(rows)
    assert [row.line for row in rows] == list(range(2, len(rows) + 2))
    forms = Counter(row.smiles for row in rows if row.reason is None)
    assert account.kept == len(forms)
    assert account.duplicates == sum(forms.values()) - len(forms)
    for row, (text, _) in zip(rows, cells, strict=False):
        assert row.text == text.strip()
        if row.smiles and ("|" in text or ":" in text):
            assert row.changes
