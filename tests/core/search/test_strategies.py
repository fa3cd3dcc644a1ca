"""Where the methods of a search look next."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tvae_core.search.strategies import Evolution
from tvae_core.search.types import FloatArray

TOKENS, WIDTH = 4, 3
PARENT: FloatArray = np.arange(TOKENS * WIDTH, dtype=float)


class OneItem:
    """An archive with one item."""

    centre, fresh, generation, stale = PARENT, 0.4, 0, 0

    def elite(self, count: int) -> FloatArray:
        return PARENT[None]

    def told(self) -> tuple[FloatArray, FloatArray]:
        raise AssertionError("evolution asks for the best items alone")


def test_evolution_moves_some_tokens_and_keeps_the_others() -> None:
    children = Evolution(4000, 1.0, 0, TOKENS).ask(OneItem())
    moved = (children != PARENT).reshape(-1, TOKENS, WIDTH)
    assert bool((moved.any(2) == moved.all(2)).all())
    count = moved.all(2).sum(1)
    shares = np.bincount(count, minlength=TOKENS + 1) / len(children)
    assert shares[0] == 0
    assert shares[1:] == pytest.approx(1 / TOKENS, abs=0.03)
    assert moved.all(2).mean(0) == pytest.approx(5 / 8, abs=0.03)  # no token more than another


def test_few_tokens_move_as_far_as_all_would() -> None:
    children = Evolution(4000, 1.0, 0, TOKENS).ask(OneItem())
    step = children - PARENT
    count = (step.reshape(-1, TOKENS, WIDTH) != 0).all(2).sum(1)
    square = np.square(step).mean(1)
    expected = 3.5 / (3 * math.log(2))  # mean square of radii log-uniform in 2^-0.5..2
    for moved in range(1, TOKENS + 1):
        assert square[count == moved].mean() == pytest.approx(expected, rel=0.15)


def test_half_of_the_children_are_of_two_parents() -> None:
    class TwoItems(OneItem):
        def elite(self, count: int) -> FloatArray:
            return np.stack([PARENT, -1000 - PARENT])

    children = Evolution(4000, 1e-3, 0, TOKENS).ask(TwoItems()).reshape(-1, TOKENS, WIDTH)
    second = (children < -500).all(2).sum(1)
    mixed = ((second > 0) & (second < TOKENS)).mean()
    # the better parent is drawn in 2 of 3: 4/9 of the pairs differ, 7/8 of their mixtures show it
    assert mixed == pytest.approx(0.5 * 4 / 9 * 7 / 8, abs=0.03)
