"""Noise on the code, its level, what the decoder is told of it, and the readout's bound."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tvae_core.model.config import TVAEConfig
from tvae_core.model.latent import RunningNorm, add_noise, capacity_bits, draw_sigma
from tvae_core.model.vae import TransformerVAE

CPU = torch.device("cpu")


@pytest.mark.parametrize("sigma", [0.0, 0.1, 1.0, 5.0])
def test_noisy_codes_keep_unit_variance_and_the_stated_share_of_signal(sigma: float) -> None:
    codes = torch.randn(20_000, 2, 3)
    noisy = add_noise(codes, torch.full((20_000,), sigma))
    assert abs(float(noisy.var()) - 1) < 0.02
    share = torch.corrcoef(torch.stack((codes.flatten(), noisy.flatten())))[0, 1]
    assert float(share) == pytest.approx(1 / math.sqrt(1 + sigma**2), abs=0.01)


def test_each_row_has_its_own_level() -> None:
    codes, noise = torch.randn(3, 2, 3), torch.randn(3, 2, 3)
    sigma = torch.tensor([0.0, 1.0, 2.0])
    noisy = add_noise(codes, sigma, noise)
    assert torch.equal(noisy[0], codes[0])
    torch.testing.assert_close(noisy[1], (codes[1] + noise[1]) / math.sqrt(2))
    torch.testing.assert_close(noisy[2], (codes[2] + 2 * noise[2]) / math.sqrt(5))


def test_random_levels_are_log_uniform() -> None:
    config = TVAEConfig(noise="random", sigma_min=0.1, sigma_max=3.0)
    place = (draw_sigma(config, 50_000, CPU) / 0.1).log() / math.log(30)
    assert place.min() >= 0
    assert place.max() <= 1
    histogram = torch.histc(place, 10, 0, 1) / 50_000
    assert (histogram - 0.1).abs().max() < 0.01


@pytest.mark.parametrize(("noise", "level"), [("fixed", 0.7), ("none", 0.0)])
def test_other_levels_are_constant(noise: str, level: float) -> None:
    drawn = draw_sigma(TVAEConfig(noise=noise, sigma_max=0.7), 9, CPU)
    assert drawn.tolist() == pytest.approx([level] * 9)


@pytest.mark.parametrize(("noise", "heard"), [("random", True), ("fixed", False), ("none", False)])
@torch.no_grad()
def test_only_a_decoder_with_random_noise_hears_the_level(
    noise: str, heard: bool, tiny_model: Callable[..., TransformerVAE]
) -> None:
    model = tiny_model(noise=noise)
    tokens, latents = (
        torch.tensor([[1, 5, 6]]).expand(5, -1),
        torch.randn(1, 2, 4).expand(5, -1, -1),
    )
    logits = model.decode(tokens, latents, torch.tensor([0.1, 0.2, 0.4, 0.7, 1.0]))
    differences = [float((a - b).abs().max()) for a, b in zip(logits[1:], logits[:-1], strict=True)]
    assert min(differences) > 1e-3 if heard else max(differences) < 1e-6


@torch.no_grad()
def test_one_level_or_one_a_row(tiny_model: Callable[..., TransformerVAE]) -> None:
    model = tiny_model()
    tokens, latents = torch.tensor([[1, 5, 6]] * 3), torch.randn(3, 2, 4)
    one, each = (model.decode(tokens, latents, s) for s in (0.5, torch.full((3,), 0.5)))
    assert torch.equal(one, each)


def test_known_capacities() -> None:
    assert capacity_bits(2, 1.0) == pytest.approx(1.0)
    assert capacity_bits(320, 0.3) == pytest.approx(576, abs=1)  # 320/2 * log2(1 + 1/0.3^2)
    assert capacity_bits(64, 0.5) == pytest.approx(74, abs=0.5)
    assert capacity_bits(32, 0.3) == pytest.approx(57.6, abs=0.1)


@torch.no_grad()
def test_tanh_bounds_the_code(tiny_model: Callable[..., TransformerVAE]) -> None:
    ids = torch.randint(4, 14, (50, 6))
    bounded, free = (tiny_model(latent_bound=b) for b in ("tanh", "none"))
    for model in (bounded, free):
        model.readout.out.weight.mul_(5)
    assert free.encode(ids).abs().max() > 1.5
    assert bounded.encode(ids).abs().max() <= 1
    torch.testing.assert_close(bounded.encode(ids), free.encode(ids).tanh())


@torch.no_grad()
def test_an_untrained_code_is_near_unit_variance(
    tiny_config: Callable[..., TVAEConfig],
) -> None:
    torch.manual_seed(0)
    model = TransformerVAE(tiny_config(initializer_range=0.02, d_model=64, latent_size=32)).eval()
    codes = model.encode(torch.randint(4, 14, (200, 8)))
    assert 0.5 < float(codes.square().mean().sqrt()) < 2


def test_running_norm_brings_codes_to_mean_0_and_variance_1() -> None:
    torch.manual_seed(0)
    norm = RunningNorm(2, 3).train()
    offset, scale = torch.randn(2, 3) * 9, torch.rand(2, 3) * 0.1 + 0.001
    first = norm(torch.randn(64, 2, 3) * scale + offset)
    assert float(first.std(0).sub(1).abs().max()) < 0.3
    assert float(first.mean(0).abs().max()) < 0.1
    for _ in range(400):
        norm(torch.randn(64, 2, 3) * scale + offset)
    out = norm.eval()(torch.randn(5000, 2, 3) * scale + offset)
    assert float(out.std(0).sub(1).abs().max()) < 0.1
    assert float(out.mean(0).abs().max()) < 0.15


def test_running_norm_keeps_what_batches_differ_in() -> None:
    """Batches of one length each: their means differ, and the norm must not take that away."""
    torch.manual_seed(0)
    norm = RunningNorm(1, 1).train()
    for step in range(600):
        norm(torch.randn(32, 1, 1) * 0.1 + (1.0 if step % 2 else -1.0))
    norm.eval()
    low, high = norm(torch.full((1, 1, 1), -1.0)), norm(torch.full((1, 1, 1), 1.0))
    assert float(high - low) == pytest.approx(2.0, rel=0.1)
    assert float(norm.variance) == pytest.approx(1.01, rel=0.1)


def test_no_loss_can_ask_for_smaller_codes() -> None:
    """Its gradient would never end: the norm undoes what it asks for."""
    torch.manual_seed(0)
    norm = RunningNorm(1, 3).train()
    raw = (torch.randn(64, 1, 3) * 0.01 + 2).requires_grad_()
    loss = norm(raw).square().mean()
    loss.backward()
    assert raw.grad is not None
    along = (raw.grad * (raw.detach() - norm.mean)).sum(0)
    assert float(along.abs().max()) < 1e-3
    norm.eval()
    raw.grad = None
    norm(raw).square().mean().backward()
    assert float((raw.grad * (raw.detach() - norm.mean)).sum(0).abs().max()) > 0.1


def test_running_norm_learns_nothing_outside_training() -> None:
    norm = RunningNorm(1, 2).eval()
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    norm(torch.randn(8, 1, 2) + 5)
    norm.train()(torch.randn(1, 1, 2) + 5)
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())


def test_the_running_norm_is_part_of_a_saved_model(tmp_path: Path) -> None:
    config = TVAEConfig(
        vocab_size=20,
        max_length=8,
        d_model=32,
        n_heads=2,
        d_ff=48,
        encoder_blocks=[1],
        decoder_layers=1,
        n_latent=2,
        latent_size=4,
        latent_norm="running",
    )
    torch.manual_seed(0)
    model = TransformerVAE(config).train()
    ids = torch.randint(4, 20, (16, 6))
    for _ in range(20):
        model(input_ids=ids)
    model.eval()
    model.save_pretrained(tmp_path)
    again = TransformerVAE.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        codes = model.encode(ids)
        assert torch.equal(codes, again.encode(ids))
    assert float(codes.std(0).mean()) == pytest.approx(1, abs=0.15)
    assert "readout.running.mean" in again.state_dict()
    plain = TransformerVAE(TVAEConfig(vocab_size=20, max_length=8, d_model=32, n_heads=2))
    assert not any("running" in name for name in plain.state_dict())
