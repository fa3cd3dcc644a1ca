"""Mol blocks and the records of .sdf files: what one SMILES cannot hold is refused or told."""

from __future__ import annotations

from pathlib import Path

import pytest
from rdkit import Chem
from rdkit.Chem import rdDepictor

from domains.smiles.chem.molecule import messages_of, parse, quiet
from domains.smiles.reading.mol_block import read_block
from domains.smiles.reading.readers import MoleculeFile, Row, read_rows

CHAIN = ((1, 2, 1), (2, 3, 1))


def drawn(smiles: str, name: str = "t") -> str:
    mol = Chem.MolFromSmiles(smiles)
    rdDepictor.Compute2DCoords(mol)
    mol.SetProp("_Name", name)
    return str(Chem.MolToMolBlock(mol))


def block(atoms: str, more: str = "", bonds: tuple[tuple[int, int, int], ...] = CHAIN) -> str:
    names = atoms.split()
    lines = ["t", "  x", "", f"{len(names):3d}{len(bonds):3d}  0  0  0  0  0  0  0  0999 V2000"]
    tail = "  0" * 11
    lines += [
        f"{i * 1.5:10.4f}    0.0000    0.0000 {name:<3} 0{tail}" for i, name in enumerate(names)
    ]
    lines += [f"{a:3d}{b:3d}{kind:3d}  0" for a, b, kind in bonds]
    return "\n".join([*lines, *more.splitlines(), "M  END"]) + "\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (block("C C A"), "atom 3 is a query atom"),
        (block("C C Q"), "atom 3 is a query atom"),
        (block("C C X"), "atom 3 is a query atom"),
        (block("C C L", "M  ALS   3  2 F N   O   "), "atom 3 is a query atom"),
        (block("C C C", "M  RBC  1   2  -1"), "atom 2 is a query atom"),
        (block("C C Pol"), "atom 3 (Pol) stands for something that is no element"),
        (block("C C Xx"), "Element 'Xx' not found"),
        (block("C C C", bonds=((1, 2, 5), (2, 3, 1))), "bond of atoms 1 and 2 is a query bond"),
        (block("C C C", bonds=((1, 2, 1), (2, 3, 8))), "bond of atoms 2 and 3 is a query bond"),
        (block("C C C", "M  STY  1   1 SRU\nM  SAL   1  1   2"), "a polymer (S-group SRU)"),
        (block("C C C", "A    3\nPh"), "atom 3 is drawn as 'Ph'"),
        (block("C C C").replace("M  END\n", ""), "unexpected blank line"),
        ("t\n\n\nno counts\nM  END\n", "to unsigned int on line 4"),
    ],
)
def test_what_is_not_one_molecule_is_refused(text: str, words: str) -> None:
    found = read_block(text)
    assert found.smiles == ""
    assert words in str(found.reason)


@pytest.mark.parametrize(
    ("text", "smiles", "changes"),
    [
        (block("C C R#", "M  RGP  1   3   1"), "[1*]CC", []),
        (block("C C *"), "*CC", []),
        (block("C C D"), "[2H]CC", []),
        (block("C C C", "M  APO  1   1   1"), "CCC", ["attachment points dropped"]),
        (block("C C C", "M  STY  1   1 SUP\nM  SAL   1  1   2\nM  SMT   1 Et"), "CCC", []),
        (drawn("[CH3:1][OH:2]"), "CO", ["atom maps removed"]),
        (drawn("[CH3:0]O"), "CO", []),
    ],
)
def test_what_is_kept_or_told(text: str, smiles: str, changes: list[str]) -> None:
    found = read_block(text)
    assert (found.smiles, found.reason) == (smiles, None)
    assert [change.kind for change in found.changes] == changes


def test_stereo_groups_are_counted() -> None:
    mol = Chem.MolFromSmiles("C[C@H](N)[C@@H](C)[C@H](F)O |&1:1,o2:3,a:5|")
    found = read_block(Chem.MolToMolBlock(mol, forceV3000=True))
    assert found.smiles == "CC(N)C(C)[C@@H](O)F"
    ((kind, times),) = found.changes
    assert (kind.partition(",")[0], times) == ("stereo groups dropped", 2)


E, N, F = (drawn(smiles, name) for smiles, name in (("CCO", "e"), ("CCN", "n"), ("CCF", "f")))


def rows_of(folder: Path, content: str, name: str = "a.sdf") -> tuple[list[Row], MoleculeFile]:
    (folder / name).write_bytes(content.encode())
    file = MoleculeFile(folder / name)
    return list(file.rows()), file


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (f"{E}$$$$\n{N}$$$$\n{F}$$$$\n", "enf"),
        (f"{E}$$$$\n{N}$$$$\n{F}", "enf"),
        (f"{E}{N}{F}", "enf"),
        (f"{E}> <x>\n1\n\n{N}$$$$\n{F}", "enf"),
        (f"{E}$$$$ \n{N} $$$$\n{F}$$$$\n\n\n", "enf"),
        (f"{E}$$$$\n{N}$$$$\n{F}$$$$\n".replace("\n", "\r\n"), "enf"),
        (f"{E}$$$$\n{N}$$$$\n{F}$$$$\n".replace("\n", "\r"), "enf"),
        (f"{E}> <price>\n$$$$5\na $$$$\n\n$$$$\n{N}", "en"),
        (f"{E}> <MOLBLOCK>\n{N}\n$$$$\n{F}$$$$\n", "ef"),
        (f"{E}> <x>\n1\n\n> <MOLBLOCK>\n{N}\n> <y>\n2\n\n$$$$\n{F}", "ef"),
        (f"{E}$$$$\n$$$$\n\n$$$$\n{F}", "ef"),
    ],
)
def test_records(tmp_path: Path, content: str, names: str) -> None:
    rows, file = rows_of(tmp_path, content)
    assert [row.name for row in rows] == list(names)
    assert all(row.smiles for row in rows)
    text = content.replace("\r\n", "\n").replace("\r", "\n").splitlines()
    assert [text[row.line - 1] for row in rows] == list(names)
    assert len(file.notes) == (f"{E}{N}" in content or f"\n\n{N}" in content)


@pytest.mark.parametrize(
    ("content", "words", "others"),
    [
        (
            f"{E}> <x>\n1\n{N}$$$$\n{F}",
            "a second molecule in one record: its M  END is line 22",
            "f",
        ),
        (E.replace("M  END\n", "") + f"{N}$$$$\n{F}", "its counts are in line 13", "f"),
        (E.replace("M  END\n", "") + f"$$$$\n{F}", "unexpected blank line", "f"),
        (f"$RXN\n\n\n\n  1  1\n$MOL\n{E}$MOL\n{N}", "a reaction is not a molecule", ""),
        (f"junk\n$$$$\n{F}", "not a readable MDL mol block", "f"),
    ],
)
def test_a_damaged_record_is_refused_alone(
    tmp_path: Path, content: str, words: str, others: str
) -> None:
    rows, _ = rows_of(tmp_path, content)
    assert words in str(rows[0].reason)
    assert "".join(row.name for row in rows if row.smiles) == others


def test_a_mol_file(tmp_path: Path) -> None:
    rows, _ = rows_of(tmp_path, E, "a.mol")
    assert rows == [Row(1, "e", "e", None, "CCO")]
    with pytest.raises(ValueError, match="only a table has columns"):
        read_rows(tmp_path / "a.mol", "x")


def test_messages_are_kept_without_undoing_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet():
        assert "unclosed ring" in messages_of(lambda: Chem.MolFromSmiles("C1CC"))[0]
        Chem.MolFromSmiles("C1CC")
    assert messages_of(lambda: None) == []
    parse("C1CC")
    assert capfd.readouterr().err == ""
    Chem.MolFromSmiles("C1CC")
    assert "unclosed ring" in capfd.readouterr().err
