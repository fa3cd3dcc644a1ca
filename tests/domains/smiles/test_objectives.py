"""Objectives over scores: expressions, penalised logP, constraints, user functions."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import QED, Crippen

from domains.smiles.benchmark.similar_plogp import BENCHMARKS
from domains.smiles.chem.scores import score_all
from domains.smiles.objectives import parse_objectives, score_names

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
TEXTS = [ASPIRIN, "OC(=O)c1ccccc1OC(C)=O", "c1ccccc1O", "CCO", "C1CCCCCCC1", "no molecule"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("qid + 1", "in 'qid [+] 1': unknown score 'qid'; did you mean qed"),
        ("qed +", "is no expression: invalid syntax"),
        ("", "the expression is empty"),
        ("1 + 1", "names no score"),
    ],
)
def test_what_is_no_objective(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_objectives([text])


def test_scores_of_an_expression() -> None:
    found = parse_objectives(["qed - 0.1*abs(logp - 2.5)"])(TEXTS)
    mol = Chem.MolFromSmiles(ASPIRIN)
    wanted = QED.qed(mol) - 0.1 * abs(Crippen.MolLogP(mol) - 2.5)
    assert found.score[0] == pytest.approx(wanted)
    assert found.texts[0] == found.texts[1] == Chem.CanonSmiles(ASPIRIN)
    assert np.isnan(found.score[-1])
    assert found.feasible.tolist() == [True] * 5 + [False]
    assert {"qed", "logp"} < set(found.values)


def test_penalised_logp() -> None:
    found = parse_objectives(["plogp_raw", "plogp", "ring_penalty"])(TEXTS)
    parts = score_all(TEXTS, ["logp", "sa"])
    ring = np.array([0, 0, 0, 0, 2, np.nan])
    raw = parts["logp"] - parts["sa"] - ring
    np.testing.assert_allclose(found.values["plogp_raw"], raw)
    np.testing.assert_array_equal(found.values["ring_penalty"], ring)
    # of methane-like terms at their ZINC means, the standardised form is 0
    terms = (parts["logp"] - 2.4570953396) / 1.4343244011 - (parts["sa"] - 3.0525811293) / 0.83352
    wanted = terms - (ring - 0.0485696876) / 0.2860212110
    np.testing.assert_allclose(found.values["plogp"], wanted, rtol=1e-4)


def test_constraints() -> None:
    similar = parse_objectives(["qed"], start=ASPIRIN, similarity=0.4)(TEXTS)
    like = score_all(TEXTS, ["similarity"], ASPIRIN)["similarity"]
    assert similar.feasible.tolist() == (like >= 0.4).tolist()
    assert similar.violation is not None
    np.testing.assert_allclose(similar.violation[:5], np.maximum(0, 0.4 - like[:5]))
    clean = parse_objectives(["qed"], alerts="pains,brenk")(TEXTS)
    assert clean.feasible.tolist() == [False, False, True, True, True, False]
    kept = parse_objectives(["qed"], start="Cc1ccccc1", keep_scaffold=True)(TEXTS)
    assert kept.feasible.tolist() == [True, True, True, False, False, False]
    part = parse_objectives(["qed"], scaffold="CO")(TEXTS)
    assert part.feasible.tolist() == [True, True, True, True, False, False]
    small = parse_objectives(["qed"], bounds={"weight": (None, 100.0), "logp": (0.5, None)})
    assert small.name == "qed; logp >= 0.5; weight <= 100"
    light = small(TEXTS)
    assert light.feasible.tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"similarity": 0.4}, "similarity needs a start"),
        ({"similarity": 1.4, "start": "CCO"}, r"similarity must lie in 0\.\.1, not 1.4"),
        ({"start": "C1CC"}, "start 'C1CC': ring 1"),
        ({"scaffold": "C1CC"}, "scaffold 'C1CC' is not a molecule"),
        ({"keep_scaffold": True}, "needs a start molecule"),
        ({"keep_scaffold": True, "start": "CCO"}, "has no rings"),
        ({"alerts": "painz"}, "unknown alert catalogue 'painz'; did you mean pains"),
        ({"bounds": {"qid": (0, 1)}}, "unknown score 'qid'"),
        ({"bounds": {"qed": (1, 0)}}, "nothing has qed of at least 1 and at most 0"),
        ({"bounds": {"qed": (float("nan"), None)}}, "the limit of qed is not a number"),
    ],
)
def test_constraints_that_make_no_sense(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_objectives(["qed"], **settings)  # type: ignore[arg-type]


def test_targets() -> None:
    with pytest.raises(ValueError, match="at least one --target"):
        parse_objectives([])
    with pytest.raises(ValueError, match="named twice"):
        parse_objectives(["qed", "qed"])
    with pytest.raises(ValueError, match="needs a start to compare with"):
        parse_objectives(["similarity"])
    both = parse_objectives(["qed", "-sa"])(TEXTS)
    np.testing.assert_allclose(both.score, both.values["qed"] - both.values["sa"])
    assert "plogp" in score_names()


USER = """
calls = []
def length(smiles):
    calls.append(list(smiles))
    return [None if text == "CCO" else len(text) for text in smiles]
def fails(smiles):
    return [1 / 0 for _ in smiles]
def short(smiles):
    return [1.0]
def words(smiles):
    return ["much"] * len(smiles)
number = 3
"""


@pytest.fixture
def user_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "my_own_scores.py").write_text(USER)
    (tmp_path / "my_broken_scores.py").write_text("x = 1\nraise RuntimeError('at home')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_own_scores", raising=False)
    return "my_own_scores"


def test_a_function_of_the_users(user_module: str) -> None:
    found = parse_objectives([f"{user_module}:length"], start="CCO")(TEXTS[:4])
    assert found.score.tolist()[:3] == [21.0, 21.0, 9.0]
    assert np.isnan(found.score[3])
    assert sys.modules[user_module].calls == [TEXTS[:4]]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{}:fails", r"fails failed: ZeroDivisionError: .* \(line 7 of "),
        ("{}:short", "returned 1 numbers for 6 texts"),
        ("{}:words", "must return a list of numbers"),
        ("{}:lenght", "unknown function 'lenght'; did you mean length"),
        ("{}:number", "is a int, not a function"),
        ("nowhere_at_all:f", "No module named 'nowhere_at_all'"),
        ("my_broken_scores:f", "fails to import: RuntimeError: at home"),
    ],
)
def test_mistakes_in_a_function_of_the_users(name: str, message: str, user_module: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_objectives([name.format(user_module)])(TEXTS)


def test_the_molecules_of_the_benchmark() -> None:
    rows = [line.split() for line in BENCHMARKS["plogp"].read_text().splitlines()]
    assert len(rows) == 100
    found = parse_objectives(["plogp"])([row[0] for row in rows])
    np.testing.assert_allclose(found.score, [float(row[1]) for row in rows], atol=1e-3)
    assert (np.diff(found.score) >= -1e-3).all()


def test_constraints_that_are_told_without_the_target(user_module: str) -> None:
    far = parse_objectives([f"{user_module}:length"], start=ASPIRIN, similarity=0.4)
    missed = far.screen([ASPIRIN, "CCO", "C1CC"])
    assert missed[0] == 0 < missed[1] < missed[2] == np.inf
    assert sys.modules[user_module].calls == []  # the function was not asked
    light = parse_objectives(["qed"], bounds={"weight": (None, 100.0), "qed": (0.9, None)})
    # the bound of the target itself needs the target: it is part of the score
    assert light.screen(["CCO", ASPIRIN]).tolist() == [0, light.screen([ASPIRIN])[0]]
    assert light.screen([ASPIRIN])[0] > 0
    assert not light(["CCO"]).feasible[0]
    assert parse_objectives(["qed"]).screen(["CCO", "no molecule"]).tolist() == [0, 0]
    assert parse_objectives(["qed"], alerts="pains,brenk").screen(TEXTS[:1]).shape == (1,)
