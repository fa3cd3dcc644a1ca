"""Codes of items with wanted attributes."""

from __future__ import annotations

import pytest
import torch

from tvae_core.space.population import ENOUGH, Population


def draw(n: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, 2, 8, generator=torch.Generator().manual_seed(seed))


def measure(codes: torch.Tensor) -> torch.Tensor:
    """An attribute that no direction explains, and one that is linear."""
    flat = codes.flatten(1).double()
    return torch.stack([(flat[:, :4].square().sum(1)), 100 * flat[:, 5]], dim=1)


def test_draws_have_the_wanted_attributes() -> None:
    codes = draw(1000)
    values = measure(codes)
    values[7] = torch.nan
    population = Population(codes, values, [7.0, 80.0], 0.3)
    assert len(population.codes) == 999
    for seed in (1, 2):
        more = population.draw(300, seed)
        population = population.extended(more, measure(more))
    found = measure(population.draw(400, 9))
    sd = values[torch.isfinite(values).all(1)].std(0)
    missed = (found.mean(0) - torch.tensor([7.0, 80.0])) / sd
    assert float(missed.abs().max()) < 0.4
    assert bool((found.std(0) < 0.8 * sd).all())
    assert population.effective >= ENOUGH


def test_draws_are_rows_of_a_table() -> None:
    population = Population(draw(100), measure(draw(100)), [4.0, 0.0], 0.5)
    whole = population.draw(40, 3)
    parts = torch.cat((population.draw(15, 3), population.draw(25, 3, 15)))
    torch.testing.assert_close(parts, whole, atol=0, rtol=0)
    assert not torch.equal(population.draw(40, 4), whole)
    still = Population(draw(100), measure(draw(100)), [4.0, 0.0], 0.0).draw(30)
    distance = (still.flatten(1)[:, None] - draw(100).flatten(1)[None]).abs().amax(2).amin(1)
    assert float(distance.max()) < 1e-5


def test_the_width_follows_what_there_is() -> None:
    codes, values = draw(400), measure(draw(400))[:, :1]
    near, far = (Population(codes, values, [goal], 0.1) for goal in (4.0, 60.0))
    assert far.bandwidth > near.bandwidth
    assert float(far.weights.sum()) == pytest.approx(1)


def test_what_cannot_be_aimed_at() -> None:
    with pytest.raises(ValueError, match="at least 20 items with values, not 10"):
        Population(draw(10), measure(draw(10)), [1.0, 1.0], 0.1)
    with pytest.raises(ValueError, match="does not vary"):
        Population(draw(50), torch.ones(50, 1), [1.0], 0.1)
