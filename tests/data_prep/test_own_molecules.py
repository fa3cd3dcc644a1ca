"""`python -m data_prep.smiles --input`: a user's own molecules, the bad rows among them."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest
from datasets import load_from_disk
from rdkit import Chem

from data_prep import smiles
from data_prep.own_molecules import read_own
from tests.molecule_cases import CASES, RIGHT, check

Run = Callable[..., int]
GOOD = ["OCC", "CCN", "c1ccccc1Cl", "N[C@@H](C)C(=O)O", "[13CH4]", "CC(=O)[O-].[Na+]"]
MIXED = """smiles name
OCC ethanol
CCO the same
C1CC open

c1cccc1 odd
CC(C)(C)(C)C five
C[Xx] nobody
CCN amine
CCC propane
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def command(path: Path, *arguments: str) -> int:
        given = ["--input", str(path), "--out", str(tmp_path / "out"), "--jobs", "1"]
        return smiles.main([*given, "--vocab-size", "150", *arguments])

    return command


def texts_of(folder: Path) -> dict[str, list[str]]:
    prepared = load_from_disk(str(folder))
    return {split: prepared[split]["text"][:] for split in prepared}


def test_bad_rows_are_told_counted_and_kept(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.smi"
    path.write_text(MIXED)
    assert run(path) == 0
    errors = capsys.readouterr().err
    assert "mine.smi:4: rejected 'C1CC': ring 1 opened here is never closed" in errors
    assert "mine.smi:7: rejected 'CC(C)(C)(C)C': carbon atom 2 has a valence of 5" in errors
    with (tmp_path / "out" / "rejected.csv").open(newline="") as file:
        rejected = list(csv.DictReader(file))
    assert [row["line"] for row in rejected] == ["4", "6", "7", "8"]
    assert all(row["reason"] for row in rejected)
    assert "kekulised" in rejected[1]["reason"]
    assert "character 3" in rejected[3]["reason"]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["rejected"], manifest["duplicates"]) == (4, 1)
    assert manifest["source"] == "mine.smi"
    splits = texts_of(tmp_path / "out")
    assert set(splits) == {"train", "validation", "test"}
    assert sorted(chain.from_iterable(splits.values())) == ["CCC", "CCN", "CCO"]


def test_only_the_first_ten_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.smi"
    path.write_text("C\nCC\nCCC\n" + "C1\n" * 15)
    rejected = read_own(path, None, 1).rejected
    errors = capsys.readouterr().err
    assert len(rejected) == 15
    assert errors.count("rejected 'C1'") == 10
    assert "5 more rejected" in errors


@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ","), (".tsv", "\t"), (".csv.gz", ",")])
def test_tables(tmp_path: Path, suffix: str, delimiter: str) -> None:
    path = tmp_path / f"mine{suffix}"
    rows = [['"id"', "SMILES", "note"], *([str(i), text, '"x\ny"'] for i, text in enumerate(GOOD))]
    rows += [["7", "C(", "bad"], ["8"]]
    content = "\n".join(delimiter.join(row) for row in rows) + "\n"
    data = content.encode("utf-8-sig")
    path.write_bytes(gzip.compress(data) if suffix.endswith(".gz") else data)
    found = read_own(path, "smiles", 1)
    assert found.texts == [Chem.CanonSmiles(text) for text in GOOD]
    assert [(row.line, row.text) for row in found.rejected] == [(14, "C("), (15, "8")]
    assert found.account.duplicates == 0


@pytest.mark.parametrize("packed", [False, True])
def test_sdf(tmp_path: Path, packed: bool) -> None:
    plain = tmp_path / "mine.sdf"
    with Chem.SDWriter(str(plain)) as writer:
        for text in GOOD:
            writer.write(Chem.MolFromSmiles(text))
    lines = plain.read_text().splitlines(keepends=True)
    first_end = lines.index("$$$$\n") + 1
    content = "".join(
        [*lines[:first_end], "broken\n\n\nno counts\nM  END\n$$$$\n", *lines[first_end:]]
    )
    path = tmp_path / "mine.sdf.gz" if packed else plain
    path.write_bytes(gzip.compress(content.encode()) if packed else content.encode())
    found = read_own(path, None, 1)
    texts, rejected = found.texts, found.rejected
    assert texts == [Chem.CanonSmiles(text) for text in GOOD]
    assert [(row.line, row.text) for row in rejected] == [(first_end + 1, "broken")]
    assert rejected[0].reason


@pytest.mark.parametrize("name", RIGHT)
def test_cases(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Every row is kept, rejected with its line and reason, or a duplicate; the counts are told."""
    right, path = RIGHT[name], CASES / name
    found = read_own(path, None, 1)
    check(name, {row.line: row.reason for row in found.rejected}, found.account)
    capsys.readouterr()
    if right.kept < 3:
        assert run(path) == 2
        assert "name it .csv" in capsys.readouterr().err.strip().splitlines()[-1]
        assert not (tmp_path / "out").exists()
        return
    assert run(path) == 0
    told = capsys.readouterr()
    assert found.account.summary() in told.out.strip().splitlines()[-1]
    for words in right.told:
        assert words in told.err
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    kept = sum(manifest["counts"].values())
    assert (kept, manifest["duplicates"]) == (right.kept, right.duplicates)
    assert manifest["rejected"] == len(right.rejected)
    assert kept + manifest["rejected"] + manifest["duplicates"] == manifest["input"]["rows"]
    assert manifest["reader"].startswith("molecules ")
    for file, rows in (("rejected", found.rejected), ("changed", found.changed)):
        listed = tmp_path / "out" / f"{file}.csv"
        assert listed.exists() == bool(rows)
        if rows:
            with listed.open(newline="") as table:
                lines = [int(row["line"]) for row in csv.DictReader(table)]
            assert lines == [row.line for row in rows]


def test_changed_rows_are_listed(run: Run, tmp_path: Path) -> None:
    assert run(CASES / "m02_atom_maps.csv") == 0
    with (tmp_path / "out" / "changed.csv").open(newline="") as file:
        first, *_ = csv.DictReader(file)
    assert first == {
        "line": "3",
        "text": "[CH3:1][CH2:2][OH:3]",
        "smiles": "CCO",
        "change": "atom maps removed",
    }


def test_a_column_is_for_tables(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.smi").write_text("C\nCC\nCCC\n")
    assert run(tmp_path / "a.smi", "--column", "smiles") == 0
    assert "--column is for tables" in capsys.readouterr().err
    assert run(CASES / "m07_headerless.csv") == 2
    assert "no header?" in capsys.readouterr().err


def test_ninety_five_five(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.smi"
    path.write_text("\n".join("C" * (1 + i % 20) + "N" + "C" * (20 + i // 20) for i in range(200)))
    assert run(path) == 0
    first = texts_of(tmp_path / "out")
    distinct = sum(map(len, first.values()))
    assert len(first["validation"]) == len(first["test"]) == round(0.05 * distinct)
    assert len(set(chain.from_iterable(first.values()))) == distinct
    assert run(path) == 0
    assert texts_of(tmp_path / "out") == first
    assert run(path, "--seed", "1") == 0
    assert texts_of(tmp_path / "out") != first
    assert run(path, "--limit", "20") == 0
    assert sum(map(len, texts_of(tmp_path / "out").values())) == 20


def test_processes_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mine.smi"
    path.write_text("\n".join("C" * (i % 50) + ("N" if i % 7 else "C1") for i in range(2100)))
    assert read_own(path, None, 2) == read_own(path, None, 1)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "a.csv",
            "id,drawing\n1,CC\n",
            "which column holds the SMILES? There are: 'id', 'drawing'",
        ),
        ("a.csv", "Smiles,SMILES\nC,C\n", "more than one column"),
        ("a.csv", "", "is empty"),
        ("a.csv", "smiles\n", "holds no molecules"),
        ("a.smi", "", "is empty"),
        ("a.sdf", "\n\n", "is empty"),
        ("a.smi", "# nothing\n", "holds no molecules"),
        ("a.smi", "C1\nCC\nC-C\nCCC\n", "at least 3"),
        ("a.xyz", "1\n\nC 0 0 0\n", "molecules are read from .smi"),
        ("missing.smi", None, "no such file"),
    ],
)
def test_bad_input_is_one_clear_line(
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: str | None,
    said: str,
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    assert run(tmp_path / name) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in last
    assert "Traceback" not in last
    assert not (tmp_path / "out").exists()


def test_a_truncated_gzip(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.smi.gz"
    path.write_bytes(gzip.compress(MIXED.encode())[:-12])
    assert run(path) == 1
    assert "cannot be read" in capsys.readouterr().err
