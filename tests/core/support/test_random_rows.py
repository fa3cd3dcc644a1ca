"""Random rows and the fidelity dial."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tvae_core.decoding.dial import fidelity_of, sigma_of
from tvae_core.model.config import TVAEConfig
from tvae_core.support.random_rows import BLOCK, normal_rows, uniform_rows

TABLE = normal_rows(0, 3 * BLOCK, (3,), seed=7)


@given(st.integers(0, 3 * BLOCK), st.integers(0, 300))
def test_rows_do_not_depend_on_where_one_starts(start: int, count: int) -> None:
    stop = min(start + count, 3 * BLOCK)
    assert torch.equal(normal_rows(start, stop, (3,), seed=7), TABLE[start:stop])


def test_no_rows() -> None:
    assert normal_rows(5, 5, (2, 3), seed=0).shape == (0, 2, 3)


def test_seeds_streams_and_blocks_differ() -> None:
    tables = [normal_rows(0, 50, (4,), seed, stream) for seed in range(4) for stream in range(4)]
    tables.append(normal_rows(BLOCK, BLOCK + 50, (4,), 0))
    tables.append(normal_rows(0, 50, (4,), seed=-1))
    for i, a in enumerate(tables):
        for b in tables[:i]:
            assert torch.corrcoef(torch.stack((a.flatten(), b.flatten())))[0, 1].abs() < 0.4
            assert not torch.isin(a, b).any()


def test_distributions() -> None:
    uniform = uniform_rows(0, 20_000, (2,), seed=1)
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert abs(float(uniform.mean()) - 0.5) < 0.01
    assert abs(float(uniform.var()) - 1 / 12) < 0.003
    normal = normal_rows(0, 20_000, (2,), seed=1)
    assert abs(float(normal.mean())) < 0.02
    assert abs(float(normal.var()) - 1) < 0.03
    assert abs(float(torch.corrcoef(normal.T)[0, 1])) < 0.03


@given(st.floats(0, 1))
def test_the_dial_and_its_inverse(fidelity: float) -> None:
    config = TVAEConfig(sigma_min=0.1, sigma_max=3.0)
    sigma = sigma_of(config, fidelity)
    assert 0.1 * (1 - 1e-5) <= float(sigma) <= 3.0 * (1 + 1e-5)
    assert float(fidelity_of(config, sigma)) == pytest.approx(fidelity, abs=1e-5)


def test_the_dial_by_hand() -> None:
    config = TVAEConfig(sigma_min=0.1, sigma_max=10.0)
    found = sigma_of(config, torch.tensor([0.0, 0.25, 0.5, 1.0]))
    torch.testing.assert_close(found, torch.tensor([10.0, math.sqrt(10), 1.0, 0.1]))
    assert float(fidelity_of(config, 1e-9)) == 1.0
    assert float(fidelity_of(config, 0.0)) == 1.0
    assert float(fidelity_of(config, 99.0)) == 0.0


@pytest.mark.parametrize("wrong", [-0.01, 1.01, math.nan, math.inf])
def test_the_dial_has_ends(wrong: float, tiny_config: Callable[..., TVAEConfig]) -> None:
    for value in (wrong, torch.tensor([0.5, wrong])):
        with pytest.raises(ValueError, match=r"fidelity must lie in 0\.\.1"):
            sigma_of(tiny_config(), value)


def test_a_dial_of_one_level(tiny_config: Callable[..., TVAEConfig]) -> None:
    config = tiny_config(sigma_min=0.5, sigma_max=0.5)
    assert float(sigma_of(config, 0.3)) == pytest.approx(0.5)
    assert 0 <= float(fidelity_of(config, 0.5)) <= 1


def test_seeds_of_any_size_differ() -> None:
    """Seeds 2**32 apart drew alike once; small ones draw what they always drew."""
    seeds = [s + k * 2**32 for s in (0, 7, 2**31) for k in (-1, 0, 1, 2**31)] + [2**64, 10**40]
    tables = [normal_rows(0, 8, (4,), seed) for seed in seeds]
    for i, a in enumerate(tables):
        for b in tables[:i]:
            assert not torch.isin(a, b).any()
    assert not torch.isin(
        normal_rows(0, 8, (4,), 2**40), normal_rows(BLOCK, BLOCK + 8, (4,), 2**40)
    ).any()
    small = {0: -1.1258398, 7: -0.5394499, -1: -0.1693850, 2**31 - 1: -1.1025335}
    for seed, wanted in small.items():
        assert float(normal_rows(0, 1, (1,), seed)) == pytest.approx(wanted, rel=1e-6)
