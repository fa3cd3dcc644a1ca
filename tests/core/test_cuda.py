"""The same numbers on a GPU as on the CPU; skipped where there is none."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch

from tvae_core.bench.memory import StepMeter
from tvae_core.decoding.generate import decode_latents
from tvae_core.model.config import TVAEConfig
from tvae_core.model.layers import _product
from tvae_core.model.vae import TransformerVAE
from tvae_core.model.windows import Windows, band_attention, causal_attention
from tvae_core.training.presets import TrainSettings

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

SHIFTED = Windows(24, 8, 12)


@pytest.mark.parametrize("length", [20, 130, 257])
def test_flex_attention_is_the_blocked_product(length: int) -> None:
    inputs = [torch.randn(2, 4, length, 32, requires_grad=True) for _ in range(3)]
    there = [x.detach().cuda().requires_grad_() for x in inputs]
    keep = torch.arange(length)[None] < torch.tensor([[length], [length // 2]])
    for bands in (False, True):
        if bands:
            own = band_attention(*inputs, keep, SHIFTED, 1, _product)[:1]
            cuda = band_attention(*there, keep.cuda(), SHIFTED, 1, _product)[:1]
        else:
            own = causal_attention(*inputs, SHIFTED, _product)
            cuda = causal_attention(*there, SHIFTED, _product)
        torch.testing.assert_close(cuda.cpu(), own, atol=2e-3, rtol=2e-3)
        expected = torch.autograd.grad(own.square().sum(), inputs)
        found = torch.autograd.grad(cuda.square().sum(), there)
        for a, b in zip(expected, found, strict=True):
            torch.testing.assert_close(b.cpu(), a, atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize("window", [0, 16])
@pytest.mark.parametrize("rate", [0, 2])
def test_a_step_has_the_loss_and_the_gradients_of_the_cpu(
    window: int, rate: int, tiny_model: Callable[..., TransformerVAE]
) -> None:
    model = tiny_model(
        decoder_layers=3, encoder_blocks=(2, 1), window_size=window, noise="none", mmd_weight=0.0
    ).train()
    other = copy.deepcopy(model).cuda()
    ids = torch.randint(4, 14, (6, 37))
    ids[2, 20:] = 0
    for one in (model, other):
        one.set_checkpointing(bool(rate), rate)
        one(ids.to(one.device)).loss.backward()
    for (name, own), cuda in zip(model.named_parameters(), other.parameters(), strict=True):
        if own.grad is not None:
            torch.testing.assert_close(
                cuda.grad.cpu(), own.grad, atol=2e-3, rtol=2e-2, msg=lambda m, n=name: f"{n}: {m}"
            )


@pytest.mark.parametrize("window", [0, 5])
def test_greedy_rows_are_the_same(window: int, tiny_model: Callable[..., TransformerVAE]) -> None:
    model = tiny_model(decoder_layers=2, window_size=window)
    latents = torch.randn(20, 2, 4)
    own = decode_latents(model, latents, 0.3)
    assert decode_latents(copy.deepcopy(model).cuda(), latents, 0.3) == own


def test_tracked_memory_is_the_allocators() -> None:
    config = TVAEConfig(
        vocab_size=8000, max_length=64, d_model=256, n_heads=4, encoder_blocks=(2, 2)
    )
    settings = TrainSettings(precision="bf16")
    tracked = StepMeter(config, settings, 64, "fake").measure(64).peak
    allocated = StepMeter(config, settings, 64, "cuda").measure(64).peak
    assert allocated == pytest.approx(tracked, rel=0.2)
