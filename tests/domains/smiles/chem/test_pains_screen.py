"""The screen in front of the PAINS catalogue loses no alert, on molecules known to have them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rdkit import Chem, RDConfig

from domains.smiles.chem import pains_screen
from domains.smiles.chem.alerts import CATALOGS, _catalog, _screen, alerts_of
from domains.smiles.chem.molecule import quiet

POSITIVES = Path(RDConfig.RDDataDir) / "Pains" / "test_data" / "test_set3.txt"
"""RDKit's own list: for nearly every PAINS pattern, a compound that matches it."""


@pytest.fixture(scope="module")
def molecules() -> list[Chem.Mol]:
    rows = [line.split("\t") for line in POSITIVES.read_text().splitlines() if line[:1].isdigit()]
    with quiet():
        found = [
            Chem.MolFromSmiles(row[2].strip()) for row in rows if len(row) > 2 and row[2].strip()
        ]
    return [mol for mol in found if mol is not None]


@pytest.mark.parametrize("catalog", ["pains", "pains_c"])
def test_the_screen_finds_what_the_catalogue_finds(catalog: str, molecules: list[Chem.Mol]) -> None:
    alerts = 0
    families = set()
    for mol in molecules:
        names = [
            f"{CATALOGS[catalog]}: " + re.sub(r"\(\d+\)$", "", entry.GetDescription())
            for entry in _catalog(catalog).GetMatches(mol)
        ]
        found = alerts_of(mol, catalog)
        assert found == list(dict.fromkeys(names)), Chem.MolToSmiles(mol)
        alerts += len(found)
        families |= set(found)
    assert len(molecules) > 400
    assert len(families) > 350


def test_the_screen_leaves_few_patterns_to_match(molecules: list[Chem.Mol]) -> None:
    counts = [len(_screen("pains").candidates(mol)) for mol in molecules]
    assert sum(counts) / len(counts) < 0.25 * _catalog("pains").GetNumEntries()


def test_without_rdkits_file_every_pattern_is_a_candidate(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pains_screen, "_FILE", tmp_path / "absent.csv")
    entries = [_catalog("pains_a").GetEntry(row) for row in range(16)]
    screen = pains_screen.PainsScreen(entries)
    assert len(screen.candidates(Chem.MolFromSmiles("C"))) == 16
