"""The tasks of PMO against GuacaMol's own code, and the area under their curve."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from domains.smiles.objectives import parse_objectives
from domains.smiles.pmo import MISSING, TASKS, auc_top

REFERENCE = json.loads((Path(__file__).parent / "pmo_reference.json").read_text())
"""Scores of twenty molecules by guacamol 0.5.5, run once beside an older way into SciPy."""


def test_every_task_that_needs_rdkit_alone_is_there() -> None:
    assert set(TASKS) == set(REFERENCE["scores"])
    assert len(TASKS) + len(MISSING) == 23


@pytest.mark.parametrize("task", TASKS)
def test_a_task_against_guacamol(task: str) -> None:
    wanted = REFERENCE["scores"][task]
    found = TASKS[task](REFERENCE["molecules"])
    assert np.allclose(found, wanted, atol=1e-8)
    assert all(0 <= score <= 1 for score in found)
    assert TASKS[task](["C1CC", ""]) == [0.0, 0.0]


def test_a_task_is_a_target() -> None:
    objective = parse_objectives(["domains.smiles.pmo:albuterol_similarity"])
    found = objective(REFERENCE["molecules"][:3])
    assert np.allclose(found.score, REFERENCE["scores"]["albuterol_similarity"][:3])
    with pytest.raises(ValueError, match="osimertinib_mpo"):
        parse_objectives(["domains.smiles.pmo:osimertinib"])


def test_the_area_by_hand() -> None:
    # 0 to 1 in a straight line over the first 100 calls, 1 for the other 900
    assert auc_top([1.0] * 1000, 1000) == pytest.approx(0.95)
    # a search that ended after 100 of 1,000 calls keeps what it had
    assert auc_top([1.0] * 100, 1000) == pytest.approx(0.95)
    assert auc_top([1.0] * 5000, 1000) == pytest.approx(0.95)
    # the best ten of 200: .5, then 1 from the second hundred on
    scores = [0.5] * 100 + [1.0] * 100
    assert auc_top(scores, 200) == pytest.approx((0.25 * 100 + 0.75 * 100) / 200)
    assert auc_top([math.nan, 1.0, 0.0], 3, top=1) == pytest.approx(0.5)
    assert auc_top([], 10) == 0.0
