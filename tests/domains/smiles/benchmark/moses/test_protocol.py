"""The whole protocol, on MOSES' own test case and on real molecules with frozen figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest

from domains.smiles.benchmark.moses.protocol import NAMES, Valid, score_samples
from domains.smiles.benchmark.moses.published import PUBLISHED, fcd_floor, table
from domains.smiles.benchmark.moses.reference import Reference

Make = Callable[[Sequence[str], Sequence[str], Sequence[str]], Reference]


def test_the_case_that_moses_tests_itself_with(make_reference: Make) -> None:
    """Molecules and expected figures of `tests/test_metrics.py` in molsets 0.3.1.

    Its SA distance, 0.5238, is that of the RDKit of 2020; the SA scores of MOSES' own code and of
    RDKit are the same today, and give the figure below.
    """
    test = ["Oc1ccccc1-c1cccc2cnccc12", "COc1cccc(NC(=O)Cc2coc3ccc(OC)cc23)c1"]
    scaffolds = [
        "COCc1nnc(NC(=O)COc2ccc(C(C)(C)C)cc2)s1",
        "O=C(C1CC2C=CC1C2)N1CCOc2ccccc21",
        "Nc1c(Br)cccc1C(=O)Nc1ccncn1",
    ]
    samples = [
        "CNC",
        "Oc1ccccc1-c1cccc2cnccc12",
        "INVALID",
        "CCCP",
        "Cc1noc(C)c1CN(C)C(=O)Nc1cc(F)cc(F)c1",
        "Cc1nc(NCc2ccccc2)no1-c1ccccc1",
    ]
    found = score_samples(samples, make_reference(test, scaffolds, []))
    assert found["valid"] == pytest.approx(4 / 6)
    assert found["unique_1k"] == 1
    assert found["fcd_test"] == pytest.approx(52.58371754126664, rel=1e-5)
    assert found["snn_test"] == pytest.approx(0.3152585653588176, rel=1e-5)
    assert found["frag_test"] == pytest.approx(0.3)
    assert found["scaf_test"] == pytest.approx(0.5)
    assert found["intdiv"] == pytest.approx(0.7189187309761661, rel=1e-5)
    assert found["filters"] == 0.75
    assert found["w1_logp"] == pytest.approx(1.63229)
    assert found["w1_sa"] == pytest.approx(0.6280362203189407)
    assert found["w1_qed"] == pytest.approx(0.20370891752648637)
    assert found["w1_weight"] == pytest.approx(106.87)


@pytest.fixture(scope="module")
def real(molecules: dict[str, list[str]]) -> list[str]:
    """Training molecules, some twice, some as not canonical, some broken."""
    train = molecules["train"]
    return [*train[:200], *train[:20], *molecules["test"][:10], "C1CC", "", "OCC", "CCO"]


@pytest.mark.slow
def test_frozen_figures(real: list[str], reference: Reference) -> None:
    stages: list[str] = []
    found = score_samples(real, reference, stage=lambda name: stages.append(name))
    assert tuple(found) == NAMES
    assert found == pytest.approx(FROZEN, rel=1e-4, abs=1e-6)
    assert stages[0] == "valid"
    assert "ChemNet" in stages


@pytest.mark.slow
def test_processes_change_nothing(real: list[str], reference: Reference) -> None:
    samples = (real * 5)[:1100]
    assert score_samples(samples, reference, jobs=2) == score_samples(samples, reference, jobs=1)


def test_samples_of_the_reference_itself(
    reference: Reference, molecules: dict[str, list[str]]
) -> None:
    found = score_samples(molecules["test"], reference)
    assert found["fcd_test"] == pytest.approx(0, abs=1e-4)
    for name in ("valid", "unique_1k", "novelty", "snn_test", "frag_test", "scaf_test"):
        assert found[name] == pytest.approx(1), name
    assert [found[f"w1_{name}"] for name in ("logp", "sa", "qed", "weight")] == [0] * 4


@pytest.mark.parametrize(("samples", "n_valid"), [(["C1CC", ""], 0), (["C1CC", "CCO"], 1)])
def test_too_few_valid_samples(samples: list[str], n_valid: int, reference: Reference) -> None:
    found = score_samples(samples, reference)
    assert tuple(found) == NAMES
    assert (found["valid"], found["n_valid"]) == (n_valid / 2, n_valid)
    assert math.isnan(found["fcd_test"])
    assert math.isnan(found["snn_test"]) == (n_valid == 0)


def test_no_samples(reference: Reference) -> None:
    with pytest.raises(ValueError, match="no samples to score"):
        score_samples([], reference)


def test_repeats_are_found_in_order() -> None:
    valid = Valid.of(["CC", "C", "CC", "O", "C"])
    assert valid.distinct == ["CC", "C", "O"]
    assert valid.weights.tolist() == [2, 2, 1]
    assert valid.rows.tolist() == [0, 1, 0, 2, 1]


def test_the_table_names_what_it_compares_with() -> None:
    text = table({"valid": 0.5, "fcd_test": math.nan, "n_valid": 30_000.0})
    lines = text.splitlines()
    assert lines[0].split()[:2] == ["this", "run"]
    assert all(model in lines[0] for model in PUBLISHED)
    assert lines[1].split()[:3] == ["valid", "0.50000", "1.000"]
    assert lines[2].split()[:3] == ["fcd_test", "-", "0.008"]
    assert lines[3].split()[:2] == ["n_valid", "30,000"]
    assert len({len(line) for line in lines}) == 1


def test_the_floor_of_fcd() -> None:
    assert fcd_floor(1000) == 1.354
    assert fcd_floor(30_000) == 0.049
    assert 0.136 < fcd_floor(5000) < 0.446


# `moses.get_all_metrics` of molsets 0.3.1, with fcd_torch 1.0.7, gives the same figures for these
# molecules, to all digits shown (FCD to 1e-6), with all its 502 filters.
FROZEN: dict[str, float] = {
    "valid": 0.99145299,
    "unique_1k": 0.90948276,
    "unique_10k": 0.90948276,
    "novelty": 0.0521327,
    "fcd_test": 9.75356936,
    "fcd_testsf": 13.2290731,
    "snn_test": 0.34781521,
    "snn_testsf": 0.3261837,
    "frag_test": 0.97677081,
    "frag_testsf": 0.96336388,
    "scaf_test": 0.06392844,
    "scaf_testsf": 0.07845631,
    "intdiv": 0.85180362,
    "intdiv2": 0.83396216,
    "filters": 1.0,
    "w1_logp": 0.14667187,
    "w1_sa": 0.08164609,
    "w1_qed": 0.01064435,
    "w1_weight": 5.11431545,
    "n_valid": 232.0,
}
