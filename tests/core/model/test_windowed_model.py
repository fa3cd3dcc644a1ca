"""Models with windows: cached steps, what is seen, generation, padding, growth with the length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tests.examples import examples
from tvae_core.decoding.generate import decode_latents
from tvae_core.model.vae import TransformerVAE
from tvae_core.model.windows import ring_positions


@examples(40)
@given(
    size=st.integers(2, 20),
    overlap=st.integers(0, 20),
    length=st.integers(1, 60),
    capacity=st.sampled_from([1, 4, 32]),
    seed=st.integers(0, 99),
)
def test_cached_steps_give_the_logits_of_the_full_pass(
    tiny_model: Callable[..., TransformerVAE],
    size: int,
    overlap: int,
    length: int,
    capacity: int,
    seed: int,
) -> None:
    overlap = min(overlap, size)
    model = tiny_model(
        seed, decoder_layers=3, max_length=80, window_size=size, window_overlap=overlap
    )
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, 14, (2, length), generator=generator)
    latents, sigma = torch.randn(2, 2, 4, generator=generator), torch.tensor([0.1, 1.0])
    with torch.no_grad():
        full = model.decode(tokens, latents, sigma)
        cache = model.decoder.start(*model.memory(latents, sigma), capacity=capacity)
        steps = []
        for place in range(length):
            if cache.full:
                cache.grow(2 * cache.filled)
            states = model.decoder.step(model.embed_tokens(tokens[:, place : place + 1]), cache)
            steps.append(model.logits(states))
    assert cache.keys.shape[3] <= size + overlap
    torch.testing.assert_close(torch.cat(steps, 1), full, atol=2e-5, rtol=2e-5)


@torch.no_grad()
def test_windows_change_what_is_seen_and_long_ones_change_nothing(
    tiny_model: Callable[..., TransformerVAE],
) -> None:
    tokens, latents = torch.randint(4, 14, (2, 20)), torch.randn(2, 2, 4)
    outs = [
        tiny_model(decoder_layers=1, window_size=size).decode(tokens, latents, 0.3)
        for size in (0, 20, 30, 6)
    ]
    torch.testing.assert_close(outs[1], outs[0])
    torch.testing.assert_close(outs[2], outs[0])
    torch.testing.assert_close(outs[3][:, :6], outs[0][:, :6])
    assert (outs[3][:, 6:] - outs[0][:, 6:]).abs().amax(-1).min() > 1e-4


@torch.no_grad()
def test_two_layers_carry_what_one_cannot(tiny_model: Callable[..., TransformerVAE]) -> None:
    tokens, latents = torch.randint(4, 14, (1, 16)), torch.randn(1, 2, 4)
    other = tokens.clone()
    other[:, 3] = 4 + (tokens[:, 3] - 3) % 10
    changed = []
    for layers in (1, 2):
        model = tiny_model(decoder_layers=layers, window_size=4)
        both = [model.decode(t, latents, 0.3) for t in (tokens, other)]
        changed.append((both[0] - both[1]).abs().amax(-1)[0] > 1e-6)
    assert changed[0].nonzero()[:, 0].tolist() == [3]
    assert changed[1].nonzero()[:, 0].tolist() == [3, 4, 5]


@torch.no_grad()
def test_generation_follows_the_full_pass(tiny_model: Callable[..., TransformerVAE]) -> None:
    model = tiny_model(decoder_layers=2, window_size=5, window_overlap=1, max_length=40)
    latents = torch.randn(6, 2, 4)
    rows = decode_latents(model, latents, 0.3)
    assert max(map(len, rows)) > 12
    for latent, row in zip(latents, rows, strict=True):
        tokens = torch.tensor([[1, *row]])
        logits = model.decode(tokens, latent[None], 0.3)[0]
        logits[:, [0, 1, 3]] = float("-inf")
        best = logits.argmax(-1).tolist()
        assert best[: len(row)] == row
        assert len(row) == 40 or best[len(row)] == 2


@pytest.mark.parametrize("pooling", [(1,), (2, 2)])
def test_padding_never_changes_a_code(
    pooling: tuple[int, ...], tiny_model: Callable[..., TransformerVAE]
) -> None:
    model = tiny_model(encoder_blocks=pooling, window_size=6, window_overlap=2)
    sizes = [1, 3, 13, 20, 34]
    ids = torch.zeros(len(sizes), 40, dtype=torch.long)
    for row, size in enumerate(sizes):
        ids[row, :size] = torch.randint(4, 14, (size,))
    with torch.no_grad():
        together = model.encode(ids)
        for row, size in enumerate(sizes):
            alone = model.encode(ids[row : row + 1, :size])
            torch.testing.assert_close(alone[0], together[row], atol=2e-5, rtol=1e-4)


def test_ring_slots_hold_the_latest_positions() -> None:
    for filled in range(25):
        held = ring_positions(filled, 7, torch.device("cpu"))
        for slot, position in enumerate(held.tolist()):
            written = [p for p in range(filled + 1) if p % 7 == slot]
            assert position == written[-1] if written else position < 0


class _Largest(TorchDispatchMode):
    """Remembers the largest tensor that any operation made."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for out in made if isinstance(made, tuple | list) else (made,):
            if isinstance(out, Tensor):
                self.numel = max(self.numel, out.untyped_storage().size() // out.element_size())
        return made


def test_no_tensor_of_a_step_grows_faster_than_the_length(
    tiny_model: Callable[..., TransformerVAE],
) -> None:
    model = tiny_model(
        decoder_layers=2, encoder_blocks=(2, 2), window_size=16, window_overlap=4, max_length=2048
    ).train()
    largest = []
    for length in (512, 1024, 2048):
        with _Largest() as mode:
            model(torch.randint(4, 14, (1, length))).loss.backward()
        largest.append(mode.numel)
    assert largest[1] < 2.1 * largest[0]
    assert largest[2] < 2.1 * largest[1]
    assert largest[2] < 2048 * 2048
