"""What codes say: nearness beside likeness, and facts read from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from tvae_core.domain import FloatArray
from tvae_core.evaluation.likeness import coarse_part, likeness, probes, said_by_codes, spearman

ITEMS = [f"{n:03d}" for n in range(60)]


def alike(a: Sequence[str], b: Sequence[str]) -> FloatArray:
    return 1 / (1 + np.abs(np.array([float(x) - float(y) for x, y in zip(a, b, strict=True)])))


def test_codes_in_the_order_of_their_items_say_all() -> None:
    found = likeness(torch.arange(60.0)[:, None], ITEMS, alike)
    assert found["nearest_likeness"] == pytest.approx(1)
    assert found["likeness"] == pytest.approx(1)
    assert found["similarity_random"] < found["similarity_nearest_item"] == pytest.approx(0.5)


def test_random_codes_say_nothing() -> None:
    codes = torch.randn(60, 8, generator=torch.Generator().manual_seed(0))
    found = likeness(codes, ITEMS, alike)
    assert abs(found["nearest_likeness"]) < 0.3
    assert abs(found["likeness"]) < 0.2


def test_of_few_items_nothing_is_said() -> None:
    assert likeness(torch.zeros(2, 3), ITEMS[:2], alike) == {}


def test_ties_have_their_mean_rank() -> None:
    assert spearman(np.array([1.0, 2, 2, 3]), np.array([1.0, 2, 2, 9])) == pytest.approx(1)
    # ranks 1.5, 1.5, 3 and 1, 2, 3
    assert spearman(np.array([5.0, 5, 7]), np.array([1.0, 2, 3])) == pytest.approx(3**0.5 / 2)
    assert spearman(np.ones(3), np.arange(3.0)) == 0


def test_a_fact_that_is_in_the_code_is_read_and_another_is_not() -> None:
    rng = np.random.default_rng(0)
    codes = torch.tensor(rng.normal(size=(400, 4)), dtype=torch.float32)
    scores = {
        "held": codes[:, 1].double().numpy() * 3 + 1,
        "other": rng.normal(size=400),
        "constant": np.ones(400),
        "rare": np.where(np.arange(400) < 10, 1.0, np.nan),
    }
    scores["held"][:5] = np.nan
    found = probes(codes, scores)
    assert found["probe_r2_held"] > 0.99
    assert found["probe_r2_other"] < 0.05
    assert set(found) == {"probe_r2_held", "probe_r2_other"}


def test_coarse_tokens_alone_are_looked_at() -> None:
    codes = torch.randn(60, 3, 2)
    codes[:, 0, 0], codes[:, 0, 1] = torch.arange(60.0), 0.0
    assert coarse_part(codes, 1).shape == (60, 2)
    assert coarse_part(codes, 0).shape == (60, 6)
    texts: list[str | None] = [*ITEMS[:-1], None]
    found = said_by_codes(codes, texts, 1, alike, lambda t: {"n": np.array(t, dtype=np.float64)})
    assert found["nearest_likeness"] == pytest.approx(1)
    assert found["probe_r2_n"] > 0.99
