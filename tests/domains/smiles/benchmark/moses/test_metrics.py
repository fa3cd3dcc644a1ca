"""Each metric on cases that can be worked out by hand or by brute force."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from domains.smiles.benchmark.moses import metrics

Bits = np.ndarray[Any, np.dtype[np.uint8]]


def packed(*rows: str) -> Bits:
    return np.packbits([[int(bit) for bit in row] for row in rows], axis=1)


def tanimoto(a: Bits, b: Bits) -> float:
    both, either = (a & b).sum(), (a | b).sum()
    return 1.0 if either == 0 else float(both / either)


def random_bits(n: int, bits: int, seed: int, share: float) -> Bits:
    return (np.random.default_rng(seed).random((n, bits)) < share).astype(np.uint8)


def test_unique_looks_at_the_first_k() -> None:
    smiles = ["C", "C", "CC", "CCC"]
    assert metrics.fraction_unique(smiles, 2) == 0.5
    assert metrics.fraction_unique(smiles, 3) == 2 / 3
    assert metrics.fraction_unique(smiles, 1000) == 0.75
    assert math.isnan(metrics.fraction_unique([], 1000))


def test_novelty_counts_each_molecule_once() -> None:
    assert metrics.novelty(["C", "C", "CC", "CCC"], {"C", "O"}) == 2 / 3
    assert metrics.novelty(["C"], {"C"}) == 0
    assert math.isnan(metrics.novelty([], {"C"}))


def test_cosine_of_counts() -> None:
    assert metrics.cosine({"a": 3, "b": 4}, {"a": 6, "b": 8}) == pytest.approx(1)
    assert metrics.cosine({"a": 1}, {"b": 1}) == 0
    assert metrics.cosine({"a": 3, "b": 4}, {"a": 1}) == pytest.approx(0.6)
    assert math.isnan(metrics.cosine({}, {"a": 1}))


def test_weighted_counts() -> None:
    assert metrics.weighted_counts([["a", "a", "b"], ["b"], []], [1, 3, 5]) == {"a": 2, "b": 4}


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        ([0, 1], [1, 0], 0),
        ([0], [3], 3),
        ([0, 1, 3], [5, 6, 8], 5),
        ([0, 1], [0], 0.5),
        ([0, 0, 0, 4], [0], 1),
        ([1, math.nan], [2, math.nan, 2], 1),
    ],
)
def test_wasserstein_by_hand(a: list[float], b: list[float], distance: float) -> None:
    assert metrics.wasserstein(np.array(a, float), np.array(b, float)) == pytest.approx(distance)


def test_wasserstein_of_nothing() -> None:
    assert math.isnan(metrics.wasserstein(np.array([]), np.array([1.0])))
    assert math.isnan(metrics.wasserstein(np.array([1.0]), np.array([math.nan])))


@given(
    st.integers(1, 20).flatmap(
        lambda n: st.tuples(*[st.lists(st.floats(-100, 100), min_size=n, max_size=n)] * 2)
    )
)
def test_wasserstein_of_equally_many(pair: tuple[list[float], list[float]]) -> None:
    a, b = np.sort(pair[0]), np.sort(pair[1])
    assert metrics.wasserstein(a, b) == pytest.approx(np.abs(a - b).mean(), abs=1e-9)


def test_similarity_by_hand() -> None:
    samples = packed("11110000", "00000001", "00000000")
    reference = packed("11000000", "11100011", "00000000")
    found = metrics.nearest_similarity(samples, reference)
    assert found == pytest.approx([1 / 2, 1 / 5, 1])


@pytest.mark.parametrize("share", [0.05, 0.5])
@pytest.mark.parametrize("blocks", [(4096, 16384), (7, 13)])
def test_similarity_by_brute_force(
    share: float, blocks: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "BLOCK", blocks[0])
    monkeypatch.setattr(metrics, "SAMPLE_BLOCK", blocks[1])
    a, b = random_bits(40, 1024, 0, share), random_bits(90, 1024, 1, share)
    told: list[tuple[int, int]] = []
    found = metrics.nearest_similarity(
        np.packbits(a, axis=1),
        np.packbits(b, axis=1),
        progress=lambda done, total: told.append((done, total)),
    )
    assert found == pytest.approx([max(tanimoto(x, y) for y in b) for x in a], abs=1e-12)
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]


@pytest.mark.parametrize("block", [4096, 7])
def test_diversity_by_brute_force(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "BLOCK", block)
    bits = np.vstack([random_bits(20, 256, 2, 0.2), np.zeros((1, 256), np.uint8)])
    weights = np.arange(1, 22)
    repeated = np.repeat(bits, weights, axis=0)
    alike = np.array([[tanimoto(x, y) for y in repeated] for x in repeated])
    found = metrics.internal_diversity(np.packbits(bits, axis=1), weights)
    wanted = (1 - alike.mean(), 1 - np.sqrt((alike**2).mean(1)).mean())
    assert found == pytest.approx(wanted, abs=1e-6)


def test_diversity_of_one_molecule_is_none() -> None:
    assert metrics.internal_diversity(packed("10000000"), np.array([3])) == pytest.approx((0, 0))
    nothing = metrics.internal_diversity(np.zeros((0, 128), np.uint8), np.array([], np.int64))
    assert all(math.isnan(value) for value in nothing)


def test_counts_beyond_bfloat16_are_exact() -> None:
    assert metrics.counting_type(most_bits=257) == torch.float32
    full = np.full((1, 128), 255, np.uint8)
    less = full.copy()
    less[0, 0] = 1
    assert metrics.nearest_similarity(full, less) == pytest.approx([1017 / 1024], abs=1e-12)
