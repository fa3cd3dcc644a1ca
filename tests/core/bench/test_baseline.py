"""The original's architecture from `transformers`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from transformers.modeling_outputs import BaseModelOutput

from tvae_core.bench.architecture import add_architecture_arguments, config_of
from tvae_core.bench.baseline import OriginalVAE
from tvae_core.bench.steps import parameters
from tvae_core.cli.parser import CommandParser
from tvae_core.model.config import TVAEConfig
from tvae_core.model.vae import TransformerVAE


@pytest.fixture
def original(tiny_config: Callable[..., TVAEConfig]) -> OriginalVAE:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return OriginalVAE(tiny_config(decoder_layers=2))


def batch(lengths: list[int], width: int) -> tuple[torch.Tensor, torch.Tensor]:
    mask = (torch.arange(width)[None] < torch.tensor(lengths)[:, None]).long()
    return torch.arange(mask.numel()).view_as(mask) % 10 + 4, mask


def test_loss_reaches_every_weight_that_is_used(original: OriginalVAE) -> None:
    original(*batch([9, 12, 5], 12)).backward()
    without = [name for name, weight in original.named_parameters() if weight.grad is None]
    assert without == ["t5.encoder.final_layer_norm.weight"]
    assert original.t5.lm_head.weight is original.t5.shared.weight


def test_latents_are_bounded_and_the_first_states(original: OriginalVAE) -> None:
    latents = original.encode(*batch([12, 12], 12))
    assert latents.shape == (2, 2, 4)
    assert float(latents.detach().abs().max()) < 1


def test_padding_is_masked(original: OriginalVAE) -> None:
    original.eval()
    ids, mask = batch([6, 12], 12)
    changed = torch.where(mask.bool(), ids, 13)
    torch.testing.assert_close(original.encode(ids, mask), original.encode(changed, mask))


def test_too_few_states_are_told(tiny_config: Callable[..., TVAEConfig]) -> None:
    model = OriginalVAE(tiny_config(n_latent=9))
    with pytest.raises(ValueError, match="fewer than the 9 latent tokens"):
        model(*batch([8, 8], 8))


def test_one_row_has_no_mmd(original: OriginalVAE) -> None:
    assert torch.isfinite(original(*batch([12], 12)))


def test_generation_with_and_without_cache_is_the_same(original: OriginalVAE) -> None:
    original.eval()
    with torch.no_grad():  # untied from the input, so that greedy rows differ
        original.t5.lm_head.weight = torch.nn.Parameter(torch.randn(14, 32))
        original.from_latent.weight *= 20
    latents = torch.randn(5, 2, 4)
    cached, plain = (original.generate(latents, 11, use_cache) for use_cache in (True, False))
    assert cached.shape == (5, 11)
    assert torch.equal(cached, plain)
    assert len({tuple(row) for row in cached.tolist()}) > 1
    assert int((cached == original.config.eos_token_id).sum()) == 0


def test_cached_generation_is_greedy_on_the_logits(original: OriginalVAE) -> None:
    original.eval()
    latents = torch.randn(3, 2, 4)
    rows = original.generate(latents, 6, use_cache=True)
    inputs = torch.nn.functional.pad(rows[:, :-1], (1, 0))
    memory = BaseModelOutput(last_hidden_state=original.from_latent(latents))
    with torch.no_grad():
        logits = original.t5(encoder_outputs=memory, decoder_input_ids=inputs).logits
    logits[..., original.config.eos_token_id] = float("-inf")
    assert torch.equal(logits.argmax(-1), rows)


@pytest.mark.parametrize("preset", ["base", "large_model", "funnel_tiny"])
def test_weights_of_both_are_about_as_many(preset: str) -> None:
    parser = CommandParser(prog="x")
    add_architecture_arguments(parser)
    config = config_of(parser.parse([preset]))
    with torch.device("meta"):
        sizes = [parameters(TransformerVAE(config)), parameters(OriginalVAE(config))]
    assert 0.9 < sizes[0] / sizes[1] < 1.1
