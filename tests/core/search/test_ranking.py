"""Ranks under constraints, Pareto fronts and scalarisations, against brute force."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tvae_core.search.ranking import non_dominated, ranks, tchebycheff

VALUES = arrays(
    np.float64,
    st.tuples(st.integers(0, 25), st.integers(1, 3)),
    elements=st.integers(-3, 3).map(float) | st.just(math.nan),
)


@given(VALUES)
def test_the_front_against_brute_force(values: Any) -> None:
    wanted = []
    for row in values:
        beaten = any((other >= row).all() and (other > row).any() for other in values)
        wanted.append(not beaten and not np.isnan(row).any())
    assert non_dominated(values).tolist() == wanted


@given(
    st.lists(
        st.tuples(st.floats(-5, 5) | st.just(math.nan), st.booleans(), st.floats(0, 3)), max_size=20
    )
)
def test_ranks(rows: list[tuple[float, bool, float]]) -> None:
    score = np.array([row[0] for row in rows], dtype=np.float64)
    feasible = np.array([row[1] for row in rows], dtype=bool)
    violation = np.array([row[2] for row in rows], dtype=np.float64)
    found = ranks(score, feasible, violation)
    assert ((found >= 0) & (found <= 1)).all()

    def key(row: tuple[float, bool, float]) -> tuple[float, ...]:
        value, fine, missed = row
        if fine:
            return (0,) if math.isnan(value) else (2, value)
        return (1, -missed, -math.inf if math.isnan(value) else value)

    for i, a in enumerate(rows):
        for j, b in enumerate(rows):
            assert (found[i] < found[j]) == (key(a) < key(b))


@given(VALUES, st.integers(0, 99))
def test_a_scalarisation_prefers_what_dominates(values: Any, seed: int) -> None:
    weights = np.random.default_rng(seed).dirichlet(np.ones(values.shape[1]))
    found = tchebycheff(values, weights)
    assert np.array_equal(np.isnan(found), np.isnan(values).any(axis=1))
    for i, a in enumerate(values):
        for j, b in enumerate(values):
            if (a >= b).all():
                assert found[i] >= found[j] - 1e-12
