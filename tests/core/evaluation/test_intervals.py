"""Confidence intervals by hand, and what clusters do to them."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest

from tvae_core.evaluation.intervals import Estimate, mean_of, share_of, wilson, with_bounds


def test_wilson_by_hand() -> None:
    """8 of 10: (0.8 + z^2/20 -+ z sqrt(.016 + z^2/400)) / (1 + z^2/10), z = 1.96."""
    assert wilson(0.8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0.0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    low, high = wilson(1.0, 10)
    assert (low, high) == pytest.approx((1 - 0.2775, 1.0), abs=1e-4)


def test_a_share_of_independent_trials() -> None:
    found = share_of([1, 0, 1, 1] * 25)
    assert found == 0.75
    assert (found.low, found.high) == pytest.approx(wilson(0.75, 100))
    single = share_of([1, 0, 1, 1] * 25, [1] * 100)
    assert (single.low, single.high) == pytest.approx((found.low, found.high))


def test_trials_that_agree_within_a_cluster_count_as_one() -> None:
    found = share_of([10] * 20 + [0] * 20, [10] * 40)
    assert found == 0.5
    assert (found.low, found.high) == pytest.approx(
        wilson(0.5, 400 / (40 / 39 * 0.25 / 40 * 399 / 0.25))
    )
    sure = share_of([10] * 20, [10] * 20)
    assert (sure.low, sure.high) == pytest.approx(wilson(1.0, 20))


def test_clusters_that_are_more_alike_than_chance_do_not_narrow_it() -> None:
    found = share_of([5] * 40, [10] * 40)
    assert (found.low, found.high) == pytest.approx(wilson(0.5, 400))


def test_empty_clusters_are_left_out() -> None:
    assert share_of([3, 0, 1], [4, 0, 4]) == 0.5
    for nothing in (share_of([]), share_of([0], [0]), mean_of([]), mean_of([0.0], [0])):
        assert all(math.isnan(x) for x in (nothing, nothing.low, nothing.high))


def test_a_mean_by_hand() -> None:
    found = mean_of([1.0, 2.0, 3.0, 6.0])
    error = np.std([1, 2, 3, 6], ddof=1) / 2
    assert found == 3
    assert found.high == pytest.approx(3 + 1.96 * error, rel=1e-4)
    assert found.low == pytest.approx(max(0, 3 - 1.96 * error), abs=1e-3)
    assert mean_of([3.0, 1.0], [3, 1]) == 1
    assert mean_of([0.9, 1.0], most=1).high == 1
    assert math.isnan(mean_of([2.0]).low)


def test_the_interval_holds_the_truth_19_times_in_20() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        rates = rng.beta(2, 2, size=30)  # alike within a cluster: plain Wilson would be too sure
        found = share_of(rng.binomial(20, rates), [20] * 30)
        held += found.low <= 0.5 <= found.high
    assert 0.91 < held / 400 < 0.99


def test_an_estimate_is_a_number() -> None:
    found = Estimate(0.5, 0.25, 0.75)
    assert isinstance(found, float)
    assert json.dumps(found) == "0.5"
    again = pickle.loads(pickle.dumps(found))
    assert (again, again.low, again.high) == (0.5, 0.25, 0.75)


def test_bounds_are_named_after_their_value() -> None:
    flat = with_bounds({"n": 3.0, "valid": Estimate(0.5, 0.25, 0.75)})
    assert flat == {"n": 3.0, "valid": 0.5, "valid_low": 0.25, "valid_high": 0.75}
    assert all(type(value) is float for value in flat.values())
