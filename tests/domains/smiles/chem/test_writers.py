"""Molecules to and from files, and their drawings."""

from __future__ import annotations

import csv
import gzip
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from rdkit import Chem

from domains.smiles import SmilesDomain
from domains.smiles.chem.drawing import draw_svg
from domains.smiles.chem.molecule import canonical
from domains.smiles.commands import COMMANDS
from domains.smiles.domain import EXAMPLES
from domains.smiles.filters import molecule_judge
from domains.smiles.reading.readers import Row, columns_of, read_molecules, read_rows
from domains.smiles.sampling import lost_row_of, row_of
from tvae_core.domain import DomainError
from tvae_core.rows import check_output, formats_of, write_rows
from tvae_core.sampling.funnel import Wanted, pour

METADATA = {
    "bundle": "1a2b3c4d",
    "seed": 7,
    "command": 'sample -n 10 --min "qed=0.6"',
    "settings": {"fidelity": 0.5, "top": None},
}


FORMATS = formats_of(COMMANDS)


def rows() -> list[dict[str, Any]]:
    judge = molecule_judge(alerts="none", mark_alerts="brenk")
    found = pour(judge, list(EXAMPLES.values()), Wanted(sort="qed"))
    return [row_of(sample) for sample in found.kept]


def write_molecules(
    path: Path,
    rows: list[dict[str, Any]],
    format: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> None:
    write_rows(path, rows, metadata or {}, COMMANDS, format)


@pytest.mark.parametrize("ending", ["csv", "smi", "sdf"])
@pytest.mark.parametrize("squeezed", [False, True])
def test_round_trip(ending: str, squeezed: bool, tmp_path: Path) -> None:
    path = tmp_path / f"out.{ending}"
    write_molecules(path, rows(), metadata=METADATA)
    if squeezed:
        raw = path.read_bytes()
        path = path.with_name(f"out.{ending}.gz")
        path.write_bytes(gzip.compress(raw, mtime=0))
    texts, rejected = read_molecules(path)
    assert texts == [row["text"] for row in rows()]
    assert rejected == []


def test_csv_reads_as_a_plain_table_with_provenance(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_molecules(path, rows(), metadata=METADATA)
    with path.open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(EXAMPLES)
    assert {(row["bundle"], row["seed"]) for row in table} == {("1a2b3c4d", "7")}
    assert json.loads(table[0]["provenance"]) == METADATA
    assert {row["provenance"] for row in table[1:]} == {""}
    by_smiles = {row["smiles"]: row for row in table}
    assert by_smiles[EXAMPLES["aspirin"]]["alerts"] == "BRENK: phenol_ester"
    assert float(by_smiles[EXAMPLES["aspirin"]]["weight"]) == pytest.approx(180.159)


def test_smi_is_read_by_rdkits_supplier(tmp_path: Path) -> None:
    path = tmp_path / "out.smi"
    write_molecules(path, rows(), metadata=METADATA)
    supplier = Chem.SmilesMolSupplier(str(path), titleLine=False)
    assert [canonical(mol) for mol in supplier] == [row["text"] for row in rows()]
    first = path.read_text().splitlines()[0].split(maxsplit=4)
    assert first[2:4] == ["bundle=1a2b3c4d", "seed=7"]
    assert json.loads(first[4]) == METADATA


def test_sdf_has_coordinates_properties_and_provenance(tmp_path: Path) -> None:
    path = tmp_path / "out.sdf"
    write_molecules(path, rows(), metadata=METADATA)
    mols = list(Chem.ForwardSDMolSupplier(str(path)))
    assert [canonical(mol) for mol in mols] == [row["text"] for row in rows()]
    for mol, row in zip(mols, rows(), strict=True):
        assert mol.GetProp("_Name") == row["name"]
        assert mol.GetProp("inchikey") == row["inchikey"]
        assert float(mol.GetProp("qed")) == pytest.approx(row["qed"], rel=1e-5)
        assert json.loads(mol.GetProp("provenance")) == METADATA
        conformer = mol.GetConformer()
        assert not conformer.Is3D()
        assert len({tuple(conformer.GetAtomPosition(i)) for i in range(mol.GetNumAtoms())}) > 1


def test_sdf_keeps_the_smiles_of_what_has_no_mol_block(tmp_path: Path) -> None:
    path = tmp_path / "out.sdf"
    write_molecules(path, [{"smiles": "[*+]"}, {"smiles": "CCO"}])
    first, second = Chem.ForwardSDMolSupplier(str(path))
    assert (first.GetNumAtoms(), first.GetProp("smiles")) == (0, "[*+]")
    assert canonical(second) == "CCO"


def test_json_is_strict(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_molecules(path, [{"smiles": "C", "qed": float("nan")}, *rows()], metadata=METADATA)
    document = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(name))
    assert document["provenance"] == METADATA
    assert document["molecules"][0] == {"smiles": "C", "qed": None}
    assert len(document["molecules"]) == len(EXAMPLES) + 1


@pytest.mark.parametrize("ending", FORMATS)
def test_rejected_texts_can_be_written(ending: str, tmp_path: Path) -> None:
    texts = ["C1CC", "", "CN(C)(C)C\n", "c1cccc1"]
    lost = [lost_row_of(sample) for sample in pour(molecule_judge(), texts).lost]
    path = tmp_path / f"rejected.{ending}"
    write_molecules(path, lost)
    assert b"ring 1 opened here" in path.read_bytes() or ending in ("smi", "txt", "parquet")
    if ending == "parquet":
        assert pq.read_table(path)["reason"].to_pylist() == [row["reason"] for row in lost]
    if ending in ("csv", "smi"):
        found, rejected = read_molecules(path)
        assert (found, len(rejected)) == ([], len(texts))


@pytest.mark.parametrize("ending", FORMATS)
def test_no_rows_and_no_metadata(ending: str, tmp_path: Path) -> None:
    write_molecules(tmp_path / f"none.{ending}", [])
    assert (tmp_path / f"none.{ending}").exists()


def test_format_can_be_named(tmp_path: Path) -> None:
    write_molecules(tmp_path / "out.dat", [{"smiles": "CCO"}], format="csv")
    assert (tmp_path / "out.dat").read_text() == "smiles\nCCO\n"


def test_unwritable_outputs_are_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for path, message in [
        (tmp_path / "out.xlsx", "unknown file ending; molecules are written to .csv, .tsv"),
        (tmp_path / "out", "unknown file ending"),
        (tmp_path / "folder.csv", "is a folder"),
        (tmp_path / "nowhere" / "out.csv", "does not exist"),
        ("/proc/out.csv", "cannot be written"),
    ]:
        with pytest.raises(ValueError, match=message) as caught:
            check_output(path, COMMANDS)
        assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["folder.csv"]


def test_bad_lines_come_back_with_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "mine.smi"
    path.write_text(
        "SMILES name\n# a comment\nCCO ethanol\n\nC1CC broken\nCN(C)(C)C\tx\nc1ccccc1\n"
    )
    texts, rejected = read_molecules(path)
    assert texts == ["CCO", "c1ccccc1"]
    assert [(r.line, r.text) for r in rejected] == [(5, "C1CC"), (6, "CN(C)(C)C")]
    assert rejected[0].reason == "ring 1 opened here is never closed (at character 2)"


def test_tables(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text('\ufeffid,Canonical_SMILES\n1,CCO\n2,"C1CC"\n3,\n\n4,CC\n5\n', encoding="utf-8")
    texts, rejected = read_molecules(path)
    assert texts == ["CCO", "CC"]
    assert [(r.line, r.reason[:12]) for r in rejected] == [
        (3, "ring 1 opene"),
        (4, "empty SMILES"),
        (7, "only 1 field"),
    ]
    with pytest.raises(ValueError, match=r"no column 'smils'; it has: id, Canonical_SMILES"):
        read_molecules(path, column="smils")
    assert read_molecules(path, column="canonical_smiles")[0] == texts
    other = tmp_path / "other.csv"
    other.write_text("a;b\nCCO;1\n")
    assert read_molecules(other, column="a")[0] == ["CCO"]
    with pytest.raises(ValueError, match="which column holds the SMILES\\? There are: 'a', 'b'"):
        read_molecules(other)
    tabs = tmp_path / "tabs.tsv"
    tabs.write_text("name\tsmiles\nx\tCCO\n")
    assert read_molecules(tabs)[0] == ["CCO"]


def test_sdf_records_that_are_no_molecules(tmp_path: Path) -> None:
    path = tmp_path / "mine.sdf"
    write_molecules(path, [{"smiles": "CCO"}, {"smiles": "CCN"}])
    lines = path.read_text().splitlines()
    end = lines.index("$$$$") + 1
    broken = ["wrong", "", "", "this is no counts line", "M  END", "$$$$"]
    five = Chem.MolToMolBlock(Chem.MolFromSmiles("CN(C)(C)C", sanitize=False), kekulize=False)
    path.write_text("\n".join([*lines[:end], *broken, *five.splitlines(), "$$$$", *lines[end:]]))
    texts, rejected = read_molecules(path)
    assert texts == ["CCO", "CCN"]
    assert [(r.line, r.text) for r in rejected] == [(end + 1, "wrong"), (end + 7, "")]
    assert "mol block" in rejected[0].reason
    assert "nitrogen atom 2 has a valence of 4" in rejected[1].reason


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.smi", b"", "is empty"),
        ("blank.csv", b"\n \n", "is empty"),
        ("header.csv", b"smiles\n", "holds no molecules"),
        ("comment.smi", b"# nothing\n", "holds no molecules"),
        ("mine.xlsx", b"x", "unknown file ending"),
        ("mine.smi.gz", b"not gzip", "not a whole gzip file"),
        ("cut.smi.gz", gzip.compress(b"CCO\n" * 999, mtime=0)[:-9], "not a whole gzip file"),
        ("packed.smi", gzip.compress(b"CCO\n", mtime=0), "packed by gzip; name it .gz"),
        ("book.csv", b"PK\x03\x04", "an Excel workbook"),
    ],
)
def test_unreadable_files(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_molecules(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_more_bad_requests(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        read_molecules(tmp_path / "nowhere.smi")
    (tmp_path / "x.smi").write_text("CCO\n")
    with pytest.raises(ValueError, match="only a table has columns"):
        read_molecules(tmp_path / "x.smi", column="smiles")


def test_binary_rubbish_is_rejected_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "rubbish.smi"
    path.write_bytes(bytes(range(256)) * 4)
    texts, rejected = read_molecules(path)
    assert not {"CCO"} & set(texts)
    assert rejected


def test_drawing() -> None:
    svg = str(SmilesDomain().render(EXAMPLES["aspirin"], size=(320, 200)).data)
    root = ET.fromstring(svg)
    assert (root.get("width"), root.get("height")) == ("320px", "200px")
    assert sum(1 for _ in root.iter("{http://www.w3.org/2000/svg}path")) > 10
    mol = Chem.MolFromSmiles(EXAMPLES["aspirin"])
    marked = draw_svg(mol, highlight=[0, 1, 2])
    assert "#FFB772" in marked
    assert "#FFB772" not in draw_svg(mol)


@pytest.mark.parametrize("text", ["[Na+].[Cl-]", "*C", "C", "[U]", "C~C", "C" * 300, "N->[Fe]"])
def test_odd_molecules_are_drawn(text: str) -> None:
    assert ET.fromstring(str(SmilesDomain().render(text).data)).tag.endswith("svg")


def test_bad_drawings() -> None:
    mol = Chem.MolFromSmiles("CCO")
    with pytest.raises(DomainError, match="ring 1"):
        SmilesDomain().render("C1CC")
    with pytest.raises(ValueError, match="sides go from 1"):
        draw_svg(mol, size=(0, 10))
    with pytest.raises(ValueError, match="go from 0 to 2"):
        draw_svg(mol, highlight=[3])


def test_rows_keep_line_name_and_reason(tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("ID,smiles,Name\n7,OCC,ethanol\n8,C1CC,\n9,,\n")
    rows = read_rows(table)
    assert [(row.line, row.text, row.name, row.reason is None) for row in rows] == [
        (2, "OCC", "ethanol", True),
        (3, "C1CC", "", False),
        (4, "", "", False),
    ]
    assert columns_of(table) == ["ID", "smiles", "Name"]
    lines = tmp_path / "mine.smi"
    lines.write_text("CCO ethanol bundle=x\nCCN\n")
    assert [row.name for row in read_rows(lines)] == ["ethanol", ""]
    assert columns_of(lines) == []
    record = tmp_path / "mine.sdf"
    write_molecules(record, [{"smiles": "OCC", "name": "ethanol"}])
    assert read_rows(record) == [Row(1, "ethanol", "ethanol", None, "CCO")]
