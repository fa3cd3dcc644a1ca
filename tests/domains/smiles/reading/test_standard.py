"""The standard form of molecules for training: parts, isotopes, elements, size; skeletons."""

from __future__ import annotations

import pytest
from rdkit import Chem

from domains.smiles.reading.standard import (
    ISOTOPES,
    MIXTURE,
    PARTS,
    TAKEN_OFF,
    is_ionised,
    skeleton,
    standardise,
)

METFORMIN = "CN(C)C(=N)NC(=N)N"


@pytest.mark.parametrize(
    ("text", "smiles", "changes"),
    [
        ("OCC1CC1", "OCC1CC1", {}),
        (f"{METFORMIN}.Cl", METFORMIN, {f"{TAKEN_OFF}hydrochloric acid": 1}),
        ("C[C@H](N)C(=O)O.O.O", "C[C@H](N)C(=O)O", {f"{TAKEN_OFF}water": 2}),
        ("[Na+].CC(=O)Oc1ccccc1C(=O)[O-]", "CC(=O)Oc1ccccc1C(=O)[O-]", {f"{TAKEN_OFF}sodium": 1}),
        (
            "C[N+](C)(C)CCO.[O-]C(=O)/C=C/C(=O)O",
            "C[N+](C)(C)CCO",
            {f"{TAKEN_OFF}fumaric or maleic acid": 1},
        ),
        ("c1ccccc1CCO.CCCCCCCN(C)C", "CCCCCCCN(C)C", {f"{TAKEN_OFF}{MIXTURE}": 1}),
        ("CCCCCC.[Cl-].Cl", "CCCCCC", {f"{TAKEN_OFF}hydrochloric acid": 2}),
        ("CCCCO.C#C", "CCCCO", {f"{TAKEN_OFF}C#C": 1}),
        ("[2H]C([2H])([2H])Oc1ccc[13cH]c1", "COc1ccccc1", {ISOTOPES: 4}),
    ],
)
def test_what_is_taken_off_is_named(text: str, smiles: str, changes: dict[str, int]) -> None:
    found = standardise(text)
    assert found.reason is None
    assert found.smiles == Chem.CanonSmiles(smiles)
    assert {change.kind: change.times for change in found.changes} == changes


def test_the_largest_part_is_organic_and_the_whole_stays_when_asked() -> None:
    inorganic = "CCCCC.OP(=O)(O)OP(=O)(O)OP(=O)(O)O"
    assert standardise(inorganic).smiles == "CCCCC"
    whole = standardise(f"{METFORMIN}.Cl", "whole")
    assert whole.smiles == Chem.CanonSmiles(f"{METFORMIN}.Cl")
    assert whole.changes == ()
    with pytest.raises(ValueError, match="largest, whole"):
        standardise("CCCCC", "both")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("CCCCC*", "wildcard"),
        ("CCC[Fe]CCC", "element Fe"),
        ("CCCCC[CH2]", "radical at C atom 6"),
        ("C" * 61, "61 heavy atoms, not 5 to 60"),
        ("CCCC", "4 heavy atoms"),
        ("CC.CC.CC", "2 heavy atoms"),
        ("C1CC", "ring"),
    ],
)
def test_what_is_no_molecule_for_training(text: str, reason: str) -> None:
    found = standardise(text)
    assert found.smiles == ""
    assert reason in (found.reason or "")


def test_charges_and_stereo_stay() -> None:
    text = "C[C@H]([NH3+])C(=O)N/N=C/c1ccc([N+](=O)[O-])cc1"
    assert standardise(text).smiles == Chem.CanonSmiles(text)


@pytest.mark.parametrize(
    ("text", "ionised"),
    [
        ("C[N+](=O)[O-]", False),
        ("CN=[N+]=[N-]", False),
        ("C[n+]1ccccc1", True),
        ("CC(=O)[O-]", True),
    ],
)
def test_ions_are_told_from_written_charges(text: str, ionised: bool) -> None:
    assert is_ionised(Chem.MolFromSmiles(text)) == ionised


def test_forms_of_a_compound_share_a_skeleton() -> None:
    forms = ["C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "CC([NH3+])C(=O)[O-]", "CC(N)C(=O)O"]
    assert {skeleton(Chem.CanonSmiles(form)) for form in forms} == {"CC(N)C(=O)O"}
    assert skeleton("CC=CC[N+](=O)[O-]") == skeleton("C/C=C/C[N+](=O)[O-]")


def test_the_names_of_parts_are_of_canonical_forms() -> None:
    for part in PARTS:
        mol = Chem.MolFromSmiles(part)
        assert Chem.MolToSmiles(mol) == part
