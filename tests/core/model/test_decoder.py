"""The cached steps of the decoder against its full forward pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from tvae_core.model.decoder import DecoderCache
from tvae_core.model.vae import TransformerVAE


def start(model: TransformerVAE, latents: torch.Tensor, sigma: torch.Tensor) -> DecoderCache:
    memory, summary = model.memory(latents, sigma)
    return model.decoder.start(memory, summary, capacity=4)


def stepped(
    model: TransformerVAE, tokens: torch.Tensor, cache: DecoderCache, begin: int = 0
) -> torch.Tensor:
    """Logits of each position of `tokens`, one step at a time, growing the cache as needed."""
    logits = []
    for place in range(begin, tokens.shape[1]):
        if cache.filled == cache.keys.shape[3]:
            cache.grow(2 * cache.filled)
        embedded = model.embed_tokens(tokens[:, place : place + 1])
        logits.append(model.logits(model.decoder.step(embedded, cache)))
    return torch.cat(logits, 1)


@pytest.mark.parametrize("length", [1, 4, 5, 31, 32, 33, 40, 70])
@torch.no_grad()
def test_cached_steps_give_the_logits_of_the_full_pass(
    length: int, tiny_model: Callable[..., TransformerVAE]
) -> None:
    model = tiny_model(decoder_layers=2, max_length=80)
    tokens, latents = torch.randint(0, 14, (3, length)), torch.randn(3, 2, 4)
    sigma = torch.tensor([0.1, 0.4, 1.0])
    full = model.decode(tokens, latents, sigma)
    steps = stepped(model, tokens, start(model, latents, sigma))
    assert full.std() > 0.1
    torch.testing.assert_close(steps, full, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_selected_rows_go_on_as_they_were(tiny_model: Callable[..., TransformerVAE]) -> None:
    model = tiny_model(decoder_layers=2)
    tokens, latents = torch.randint(0, 14, (5, 36)), torch.randn(5, 2, 4)
    sigma = torch.linspace(0.1, 1, 5)
    full = model.decode(tokens, latents, sigma)
    cache = start(model, latents, sigma)
    stepped(model, tokens[:, :20], cache)
    rows = torch.tensor([4, 0, 2])
    rest = stepped(model, tokens[rows], cache.select(rows), begin=20)
    torch.testing.assert_close(rest, full[rows, 20:], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_selection_leaves_the_first_cache_alone(
    tiny_model: Callable[..., TransformerVAE],
) -> None:
    model = tiny_model()
    tokens, latents = torch.randint(0, 14, (3, 10)), torch.randn(3, 2, 4)
    sigma = torch.full((3,), 0.3)
    cache = start(model, latents, sigma)
    stepped(model, tokens[:, :5], cache)
    part = cache.select(torch.tensor([1]))
    stepped(model, tokens[:1], part, begin=5)
    rest = stepped(model, tokens, cache, begin=5)
    full = model.decode(tokens, latents, sigma)
    torch.testing.assert_close(rest, full[:, 5:], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_logits_see_earlier_tokens_only(tiny_model: Callable[..., TransformerVAE]) -> None:
    model = tiny_model()
    tokens, latents = torch.randint(4, 14, (1, 12)), torch.randn(1, 2, 4)
    other = tokens.clone()
    other[:, 6] = 4 + (tokens[:, 6] - 3) % 10
    before, after = model.decode(tokens, latents, 0.3), model.decode(other, latents, 0.3)
    assert torch.equal(before[:, :6], after[:, :6])
    assert ((before[:, 6:] - after[:, 6:]).abs().amax(-1) > 1e-4).all()


@torch.no_grad()
def test_the_decoder_hears_the_code(tiny_model: Callable[..., TransformerVAE]) -> None:
    model = tiny_model()
    tokens = torch.tensor([[1, 5, 6]])
    first, second = (model.decode(tokens, torch.randn(1, 2, 4), 0.3) for _ in range(2))
    assert (first - second).abs().max() > 1e-2
