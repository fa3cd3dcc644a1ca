"""The smoothness of paths whose every similarity is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tvae_core.domain import FloatArray, Verdict
from tvae_core.evaluation.walks import Walks, read_walks, smoothness, walk_curves


def check(texts: Sequence[str]) -> list[Verdict]:
    """Valid are numbers; their canonical form has no leading zero."""
    return [Verdict(t.isdigit(), str(int(t)) if t.isdigit() else None) for t in texts]


def close(a: Sequence[str], b: Sequence[str]) -> FloatArray:
    """1 for the same number, a tenth less for each one between them."""
    return np.array([1 - abs(int(x) - int(y)) / 10 for x, y in zip(a, b, strict=True)])


def read(*paths: list[str], ends: tuple[str, str] = ("0", "9")) -> Walks:
    return read_walks(check, close, paths, [ends] * len(paths))


def test_a_path_by_hand() -> None:
    walks = read(["0", "01", "x", "4", "9"])
    assert walks.valid.tolist() == [[True, True, False, True, True]]
    assert walks.copy.tolist() == [[True, False, False, False, True]]
    np.testing.assert_allclose(walks.to_start, [[1, 0.9, np.nan, 0.6, 0.1]])
    np.testing.assert_allclose(walks.to_end, [[0.1, 0.2, np.nan, 0.5, 1]])
    np.testing.assert_allclose(walks.step, [[0.9, 0.7, np.nan, 0.5, np.nan]])  # over the gap
    assert walks.pair.tolist() == pytest.approx([0.1])
    found = smoothness(walks)
    assert found["interpolation_step_similarity"] == pytest.approx((0.9 + 0.7 + 0.5) / 3)
    assert found["interpolation_worst_step"] == pytest.approx(0.5)
    assert found["interpolation_near_similarity"] == pytest.approx((0.9 + 0.6) / 2)


def test_a_walk_that_stays_and_jumps_is_told_from_an_even_one() -> None:
    jump = smoothness(read(["0", "0", "0", "9", "9"]))
    even = smoothness(read(["0", "2", "4", "7", "9"]))
    assert jump["interpolation_step_similarity"] == pytest.approx((1 + 1 + 0.1 + 1) / 4)
    assert jump["interpolation_worst_step"] == pytest.approx(0.1)
    assert math.isnan(jump["interpolation_near_similarity"])  # nothing but copies of the ends
    assert even["interpolation_worst_step"] == pytest.approx(0.7)
    assert even["interpolation_near_similarity"] == pytest.approx((0.8 + 0.6 + 0.8) / 3)


def test_a_path_walked_backwards_is_as_smooth() -> None:
    path = ["0", "3", "x", "4", "9"]
    there, back = smoothness(read(path)), smoothness(read(path[::-1], ends=("9", "0")))
    assert there == pytest.approx(back)


def test_copies_of_ends_as_decoded_or_as_given() -> None:
    walks = read(["1", "0", "1", "5", "8"])  # decoded ends 1 and 8, given 0 and 9
    assert walks.copy.tolist() == [[True, True, True, False, True]]


def test_paths_are_averaged_by_their_points() -> None:
    walks = read(["0", "1", "x", "9"], ["0", "3", "6", "9"], ["x", "x", "x", "x"])
    curves = walk_curves(walks)
    assert curves["path_valid"] == pytest.approx([2 / 3, 2 / 3, 1 / 3, 2 / 3])
    assert curves["path_start_similarity"] == pytest.approx([1, 0.8, 0.4, 0.1])
    assert curves["path_end_similarity"] == pytest.approx([0.1, 0.3, 0.7, 1])
    assert curves["path_step_similarity"][:3] == pytest.approx([0.8, (0.2 + 0.7) / 2, 0.7])
    assert math.isnan(curves["path_step_similarity"][3])
    found = smoothness(walks)
    assert found["interpolation_step_similarity"] == pytest.approx((0.9 + 0.2 + 0.7 * 3) / 5)
    assert found["interpolation_worst_step"] == pytest.approx((0.2 + 0.7) / 2)


def test_nothing_valid() -> None:
    found = smoothness(read(["x", "y", "z"]))
    assert all(math.isnan(value) for value in found.values())
