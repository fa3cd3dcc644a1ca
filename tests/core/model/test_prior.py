"""Priors: what they are fitted to comes back, at the noise level that was asked for."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tvae_core.model.prior import FlowPrior, GaussianPrior, PriorSet
from tvae_core.support.random_rows import normal_rows


def two_modes(n: int, seed: int = 0) -> Tensor:
    """Four dimensions: a mode at +1.2 and one at -1.2 in the first, a narrow second one."""
    generator = torch.Generator().manual_seed(seed)
    side = torch.randint(0, 2, (n, 1), generator=generator) * 2.0 - 1
    spread = torch.tensor([0.25, 0.4, 1.0, 1.0])
    return torch.randn(n, 4, generator=generator) * spread + side * torch.tensor([1.2, 0, 0, 0])


@pytest.mark.parametrize("sigma", [0.1, 0.5, 3.0])
def test_gaussian_samples_have_the_noisy_codes_moments(sigma: float) -> None:
    mixing = torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.4, 0.0], [0.0, 0.0, 0.1]])
    codes = torch.randn(4000, 3) @ mixing.T + torch.tensor([0.5, -1.0, 0.0])
    prior = GaussianPrior(3)
    prior.fit(codes)
    samples = prior.sample(normal_rows(0, 40_000, (3,), 0), sigma)
    expected = (torch.cov(codes.T) + sigma**2 * torch.eye(3)) / (1 + sigma**2)
    torch.testing.assert_close(torch.cov(samples.T), expected, atol=0.03, rtol=0.03)
    mean = codes.mean(0) / math.sqrt(1 + sigma**2)
    torch.testing.assert_close(samples.mean(0), mean, atol=0.03, rtol=0.0)


def test_gaussian_of_fewer_codes_than_dimensions() -> None:
    prior = GaussianPrior(6)
    prior.fit(torch.randn(3, 6))
    assert torch.isfinite(prior.sample(torch.randn(50, 6), 0.1)).all()


@pytest.fixture(scope="module")
def fitted() -> PriorSet:
    torch.manual_seed(0)
    priors = PriorSet(4, width=64, depth=2)
    codes = two_modes(4000)
    priors.gaussian.fit(codes)
    priors.flow.fit(codes, steps=500, batch_size=256, learning_rate=4e-3)
    return priors.eval()


def noisy(codes: Tensor, sigma: float) -> Tensor:
    noise = torch.randn(codes.shape, generator=torch.Generator().manual_seed(9))
    return (codes + sigma * noise) / math.sqrt(1 + sigma**2)


@pytest.mark.parametrize("sigma", [0.1, 0.5, 2.0])
def test_flow_samples_are_noisy_codes(sigma: float, fitted: PriorSet) -> None:
    samples = fitted.sample(4000, sigma, "flow", seed=1)
    expected = noisy(two_modes(20_000, seed=5), sigma)
    torch.testing.assert_close(samples.mean(0), expected.mean(0), atol=0.15, rtol=0.0)
    torch.testing.assert_close(torch.cov(samples.T), torch.cov(expected.T), atol=0.15, rtol=0.2)
    # the whole of the first dimension, by its quantiles
    levels = torch.linspace(0.05, 0.95, 19)
    found, wanted = samples[:, 0].quantile(levels), expected[:, 0].quantile(levels)
    assert (found - wanted).abs().mean() < 0.15


def test_flow_keeps_modes_apart_where_the_gaussian_cannot(fitted: PriorSet) -> None:
    between = {
        name: float((fitted.sample(4000, 0.1, name, seed=1)[:, 0].abs() < 0.5).float().mean())
        for name in ("flow", "gaussian")
    }
    assert float((noisy(two_modes(4000), 0.1)[:, 0].abs() < 0.5).float().mean()) < 0.01
    assert between["flow"] < 0.08
    assert between["gaussian"] > 0.25


@pytest.mark.parametrize("scale", [0.2, 4.0])
def test_flow_works_in_the_codes_own_units(scale: float) -> None:
    torch.manual_seed(0)
    flow = FlowPrior(4, width=32, depth=1)
    codes = two_modes(2000) * scale + 3
    flow.fit(codes, steps=150, batch_size=256, sigma_min=0.1)
    samples = flow.eval().sample(normal_rows(0, 3000, (4,), 0), 0.1 * scale)
    back = samples * math.sqrt(1 + (0.1 * scale) ** 2)
    assert (back.mean(0) - codes.mean(0)).abs().max() < 0.3 * scale
    ratio = back.std(0) / (codes.var(0) + (0.1 * scale) ** 2).sqrt()
    assert ((ratio - 1).abs() < 0.35).all()


@pytest.mark.parametrize(("sigma", "most"), [(0.1, 0.01), (0.4, 0.005), (1.5, 0.002)])
def test_flow_follows_its_path_to_the_end(sigma: float, most: float, fitted: PriorSet) -> None:
    noise = normal_rows(0, 500, (4,), 2)
    exact = fitted.flow.sample(noise, sigma, steps=3000)
    error = (fitted.flow.sample(noise, sigma) - exact).square().mean().sqrt()
    assert error < most
    assert (fitted.flow.sample(noise, sigma, steps=3) - exact).square().mean().sqrt() > error


def test_flow_loss_falls_and_progress_is_told() -> None:
    seen: list[tuple[int, int, float]] = []
    torch.manual_seed(0)
    loss = FlowPrior(4, width=32, depth=1).fit(
        two_modes(1000), steps=120, batch_size=128, progress=lambda *told: seen.append(told)
    )
    assert [told[:2] for told in seen] == [(step + 1, 120) for step in range(120)]
    assert loss < 0.8 * seen[0][2]


def test_fitting_repeats_with_its_seed() -> None:
    results = []
    for _ in range(2):
        torch.manual_seed(4)
        flow = FlowPrior(4, width=16, depth=1)
        flow.fit(two_modes(300), steps=5, batch_size=32, seed=7)
        results.append(flow.sample(normal_rows(0, 10, (4,), 0), 0.3))
    assert torch.equal(*results)


@pytest.mark.parametrize("prior", ["flow", "gaussian", "normal"])
def test_a_row_depends_on_seed_and_place_only(prior: str, fitted: PriorSet) -> None:
    whole = fitted.sample(60, 0.4, prior, seed=3)
    few = fitted.sample(10, 0.4, prior, seed=3, first_row=45)
    torch.testing.assert_close(few, whole[45:55], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(fitted.sample(60, 0.4, prior, seed=4), whole, atol=0.1)
    assert fitted.sample(0, 0.4, prior).shape == (0, 4)


def test_the_normal_prior_is_normal_at_every_level(fitted: PriorSet) -> None:
    for sigma in (0.1, 3.0):
        samples = fitted.sample(20_000, sigma, "normal")
        assert abs(float(samples.std()) - 1) < 0.02


@pytest.mark.parametrize("given", [{"n": 3, "prior": "vamp"}, {"n": -1}])
def test_impossible_requests(given: dict[str, object], fitted: PriorSet) -> None:
    message = "unknown prior 'vamp'; there are flow, gaussian, normal" if "prior" in given else "-1"
    with pytest.raises(ValueError, match=message):
        fitted.sample(sigma=0.4, **given)  # type: ignore[arg-type]


def test_a_saved_set_samples_the_same(fitted: PriorSet) -> None:
    copy = PriorSet(4, width=64, depth=2)
    copy.load_state_dict(fitted.state_dict())
    for prior in ("flow", "gaussian"):
        a, b = (p.sample(20, 0.4, prior, seed=1) for p in (fitted, copy.eval()))
        assert torch.equal(a, b)
