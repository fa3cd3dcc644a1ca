"""What is computed of one molecule, against RDKit's own words for it."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem, rdBase
from rdkit.Chem import rdFingerprintGenerator

from domains.smiles.benchmark.moses.molecules import (
    canonical_forms,
    features,
    fingerprint,
    fragments,
    passes_filters,
    scaffold,
)
from domains.smiles.benchmark.moses.reference import PROPERTIES
from tests.domains.smiles.benchmark.moses.conftest import FILTERS


def mol(smiles: str) -> Chem.Mol:
    found = Chem.MolFromSmiles(smiles)
    assert found is not None
    return found


def test_canonical_forms() -> None:
    assert canonical_forms(["OCC", "C1CC", "", "C[C@H](N)O"]) == ["CCO", None, None, "C[C@H](N)O"]


def test_the_fingerprint_is_morgan_of_radius_two() -> None:
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)
    bits = np.unpackbits(np.frombuffer(fingerprint(mol("CC(=O)Nc1ccc(O)cc1")), np.uint8))
    wanted = generator.GetFingerprint(mol("CC(=O)Nc1ccc(O)cc1"))
    assert list(np.flatnonzero(bits)) == list(wanted.GetOnBits())


def test_fragments_are_cut_at_brics_bonds() -> None:
    # the amide bond, and the bond between ring and nitrogen
    assert sorted(fragments(mol("CC(=O)Nc1ccccc1"))) == sorted(
        ["[1*]C(C)=O", "[16*]c1ccccc1", "[5*]N[5*]"]
    )
    assert fragments(mol("CCC")) == ("CCC",)


@pytest.mark.parametrize(
    ("smiles", "core"),
    [
        ("Cc1ccc(CCc2ccncc2)cc1", "c1ccc(CCc2ccncc2)cc1"),
        ("Cc1ccccc1", None),
        ("CCO", None),
    ],
)
def test_scaffolds_have_two_rings(smiles: str, core: str | None) -> None:
    assert scaffold(mol(smiles)) == core


@pytest.mark.parametrize(
    ("smiles", "passes"),
    [
        ("CC(=O)Nc1ccc(O)cc1", True),
        ("C1CCCCCC1", True),
        ("C1CCCCCCC1", False),  # a ring of eight
        ("C[N+](C)(C)C", False),  # a charge
        ("CCP", False),  # an element that ZINC Clean Leads has not
        ("CCI", False),
        ("CSSC", False),  # the first filter
        ("CN=NC", False),  # the second
        ("FC(F)(F)CC(F)(F)CC(F)F", False),  # the third, seven fluorines
        ("FC(F)(F)CC(F)(F)CCF", True),
    ],
)
def test_filters(smiles: str, passes: bool) -> None:
    assert passes_filters(mol(smiles), FILTERS) is passes


def test_filters_see_hydrogens() -> None:
    aldehyde = ("[H][#6]=[#8]",)
    assert not passes_filters(mol("CC=O"), aldehyde)
    assert passes_filters(mol("CC(C)=O"), aldehyde)


def test_the_screen_loses_no_match(molecules: dict[str, list[str]]) -> None:
    # patterns with recursion, hydrogens, ring bonds, several parts and negations
    patterns = (
        *FILTERS,
        "[H]C([H])([#6])[F,Cl,Br,I]",
        "[#6&!H0](-&!@[#8])-&!@[#8]",
        "[#17,#35,#53]-c(:*):[!#1!#6]:*",
        "c:1:c:c:c:c:c:1-[#7&H2,$([#7;!H0]-[#6;X4]),$([#7](-[#6X4])-[#6X4])]",
        "[#6;X4]-[#7](-[#1])-[#6](=[#8])",
        "[#16](=[#8])(=[#8])-[#7]",
    )
    for smarts in patterns:
        query = Chem.MolFromSmarts(smarts)
        for text in molecules["train"]:
            wanted = not Chem.AddHs(mol(text)).HasSubstructMatch(query)
            assert passes_filters(mol(text), (smarts,)) == wanted, (smarts, text)


def test_a_filter_that_is_none() -> None:
    with rdBase.BlockLogs(), pytest.raises(ValueError, match="is not a SMARTS"):
        passes_filters(mol("CCO"), ("[#6",))


def test_features_keep_their_place() -> None:
    found = features(["CCO", "C1CC", "c1ccccc1"], ())
    assert [item is None for item in found] == [False, True, False]
    assert found[0] is not None
    assert found[0].passes
    assert len(found[0].fingerprint) == 128
    assert dict(zip(PROPERTIES, found[0].properties, strict=True))["weight"] == pytest.approx(
        46.069, abs=1e-3
    )
