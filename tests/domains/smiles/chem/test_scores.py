"""Scores and alerts against known values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from rdkit import Chem

from domains.smiles.chem.alerts import CATALOGS, alerts_of, find_alerts, resolve_catalogs
from domains.smiles.chem.scores import SCORES, default_names, scaffold, score_all, score_mol
from domains.smiles.domain import EXAMPLES

ASPIRIN = EXAMPLES["aspirin"]
SALICYLIC_ACID = "O=C(O)c1ccccc1O"

# Weights and TPSA as PubChem lists them; QED, SA and logP are RDKit's.
GOLDEN = {
    "aspirin": {"weight": 180.16, "tpsa": 63.6, "logp": 1.31, "qed": 0.550, "sa": 1.58},
    "ibuprofen": {"weight": 206.28, "tpsa": 37.3, "logp": 3.073, "qed": 0.822, "sa": 2.19},
    "paracetamol": {"weight": 151.16, "tpsa": 49.3, "logp": 1.351, "qed": 0.595, "sa": 1.41},
    "diazepam": {"weight": 284.74, "tpsa": 32.7, "heavy_atoms": 20, "rings": 3, "lipinski": 0},
    "imatinib": {"weight": 493.6, "tpsa": 86.3, "heavy_atoms": 37, "rings": 5, "lipinski": 0},
}
TOLERANCE = {"weight": 0.06, "tpsa": 0.06, "logp": 0.002, "qed": 0.001, "sa": 0.01}


@pytest.mark.parametrize("drug", GOLDEN)
def test_golden_values(drug: str) -> None:
    found = score_all([EXAMPLES[drug]])
    for name, value in GOLDEN[drug].items():
        assert found[name][0] == pytest.approx(value, abs=TOLERANCE.get(name, 0.0)), name


def test_lipinski_counts_each_violation() -> None:
    # palmitic anhydride is heavy enough only by logP; a peptide breaks weight, donors, acceptors
    lipid = "CCCCCCCCCCCCCCCC(=O)O"
    peptide = "N" + "CC(=O)N" * 12 + "CC(=O)O"
    assert score_all([lipid, peptide], ["lipinski"])["lipinski"].tolist() == [1.0, 3.0]


def test_reference_scores() -> None:
    found = score_all(
        [ASPIRIN, SALICYLIC_ACID, "C1CCCCC1", "CCO"],
        ["similarity", "scaffold_match"],
        reference=SALICYLIC_ACID,
    )
    assert found["similarity"][1] == 1.0
    assert 0.3 < found["similarity"][0] < 0.6
    assert found["scaffold_match"].tolist() == [1.0, 1.0, 0.0, 0.0]
    acyclic = score_all([ASPIRIN], ["scaffold_match"], reference="CCO")
    assert math.isnan(acyclic["scaffold_match"][0]), "no scaffold to match"


def test_scaffold_is_the_ring_system_with_linkers() -> None:
    assert scaffold(Chem.MolFromSmiles("CCOc1ccc(Cn2cccc2C)cc1")) == "c1ccc(Cn2cccc2)cc1"
    assert scaffold(Chem.MolFromSmiles("CCO")) == ""


def test_what_cannot_be_scored_is_nan_never_zero() -> None:
    found = score_all(["C1CC", "", "*CC"])
    for name, values in found.items():
        assert np.isnan(values[:2]).all(), name
    assert math.isnan(found["weight"][2]), "a wildcard atom has no weight"
    assert found["heavy_atoms"][2] >= 2


def test_every_score_is_described_and_finite_for_drugs() -> None:
    found = score_all(list(EXAMPLES.values()), reference=ASPIRIN)
    assert list(found) == default_names(with_reference=True) == list(SCORES)
    for name, values in found.items():
        assert SCORES[name].description
        assert np.isfinite(values).all(), name


def test_molecules_and_texts_mix() -> None:
    found = score_all([Chem.MolFromSmiles(ASPIRIN), ASPIRIN], ["qed"])["qed"]
    assert found[0] == found[1] == score_mol(Chem.MolFromSmiles(ASPIRIN), "qed")


def test_empty_batch() -> None:
    assert score_all([], ["qed"])["qed"].shape == (0,)


@pytest.mark.parametrize(
    ("names", "reference", "message"),
    [
        (["qde"], None, "did you mean qed"),
        (["xyzzy"], None, "there are: qed, sa"),
        (["similarity"], None, "needs a reference"),
        (["qed"], "C1CC", "reference 'C1CC' is not a molecule: ring 1"),
    ],
)
def test_bad_requests(names: list[str], reference: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score_all([ASPIRIN], names, reference=reference)


def test_processes_give_the_same_in_the_same_order() -> None:
    texts = [*EXAMPLES.values(), "C1CC"] * 80
    seen: list[tuple[int, int]] = []
    alone = score_all(texts, ["weight", "rings"])
    shared = score_all(texts, ["weight", "rings"], jobs=2, progress=lambda *at: seen.append(at))
    for name, values in alone.items():
        np.testing.assert_array_equal(values, shared[name])
    assert seen[-1] == (len(texts), len(texts))
    assert seen == sorted(seen)
    with pytest.raises(ValueError, match="jobs"):
        score_all(texts, ["weight"], jobs=0)


def test_known_alerts_have_their_names() -> None:
    catechol = Chem.MolFromSmiles("Oc1ccccc1O")
    assert alerts_of(catechol, "pains") == ["PAINS: catechol_A"]
    assert alerts_of(catechol, ["PAINS", "brenk"]) == ["PAINS: catechol_A", "BRENK: catechol"]
    assert alerts_of(catechol, "none") == alerts_of(catechol, []) == []
    assert alerts_of(Chem.MolFromSmiles(EXAMPLES["paracetamol"]), ["pains"]) == []


def test_alerts_point_at_atoms() -> None:
    found = find_alerts(Chem.MolFromSmiles("Cc1ccc(N=Nc2ccccc2)cc1"), "pains,brenk")
    assert [(a.name, a.atoms) for a in found] == [
        ("PAINS: azo_A", (5, 6)),
        ("BRENK: diazo_group", (5, 6)),
    ]


def test_all_is_every_catalogue_and_every_catalogue_loads() -> None:
    catechol = Chem.MolFromSmiles("Oc1ccccc1O")
    assert resolve_catalogs("all") == ("pains", "brenk", "nih", "zinc", "chembl")
    separate = [name for c in resolve_catalogs("all") for name in alerts_of(catechol, c)]
    assert alerts_of(catechol, "all") == separate
    for catalog in CATALOGS:
        assert isinstance(alerts_of(catechol, catalog), list)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("pain", "unknown alert catalogue 'pain'; did you mean pains"),
        ("brink", "did you mean brenk"),
        (["pains", "none"], "cannot be combined"),
    ],
)
def test_unknown_catalogues(names: str | list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolve_catalogs(names)
