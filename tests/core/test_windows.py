"""Windowed attention against its definition: blocked product, Flex rules, rolling cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention.flex_attention import create_mask, flex_attention
from torch.utils._python_dispatch import TorchDispatchMode

import tvae_core.windows as windows_module
from tvae_core.config import TVAEConfig
from tvae_core.generate import decode_latents
from tvae_core.layers import _product, fused_attention
from tvae_core.model import TransformerVAE
from tvae_core.windows import (
    Windows,
    band_attention,
    band_mask,
    band_rule,
    causal_attention,
    causal_mask,
    causal_rule,
    layer_windows,
    ring_positions,
)

windows_of_any_kind = st.integers(2, 9).flatmap(
    lambda size: st.builds(
        Windows, st.just(size), st.integers(0, size), st.sampled_from([0, size // 2])
    )
)


def dense(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def draws(seed: int, *shapes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]


def gradients(value: Tensor, pull: Tensor, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    return torch.autograd.grad((value * pull).sum(), inputs)


@pytest.mark.parametrize(("size", "overlap", "shift"), [(4, 0, 0), (4, 0, 2), (5, 2, 2), (3, 3, 1)])
def test_the_masks_are_what_the_words_say(size: int, overlap: int, shift: int) -> None:
    windows, length = Windows(size, overlap, shift), 17
    causal, band = causal_mask(length, windows), band_mask(length, 2 * length, windows, 2)
    for query in range(length):
        first = next(p for p in range(query, -size, -1) if (p + shift) % size == 0)
        for key in range(length):
            assert causal[query, key] == (first - overlap <= key <= query)
        for key in range(2 * length):
            inside = first - overlap <= key // 2 < first + size + overlap
            assert band[query, key] == inside


def test_every_other_layer_is_shifted_by_half_a_window(
    tiny_config: Callable[..., TVAEConfig],
) -> None:
    config = tiny_config(window_size=7, window_overlap=2)
    assert [layer_windows(config, i) for i in range(3)] == [
        Windows(7, 2, 0),
        Windows(7, 2, 3),
        Windows(7, 2, 0),
    ]
    assert layer_windows(tiny_config(), 1) is None


@settings(max_examples=60, deadline=None)
@given(
    windows=windows_of_any_kind,
    length=st.integers(1, 40),
    fused=st.booleans(),
    seed=st.integers(0, 999),
)
def test_blocked_causal_attention_is_masked_attention(
    windows: Windows, length: int, fused: bool, seed: int
) -> None:
    *inputs, pull = draws(seed, *[(2, 3, length, 4)] * 4)
    for x in inputs:
        x.requires_grad_()
    if fused:
        with fused_attention():
            mixed = causal_attention(*inputs, windows, _product)
    else:
        mixed = causal_attention(*inputs, windows, _product)
    expected = dense(*inputs, causal_mask(length, windows))
    torch.testing.assert_close(mixed, expected)
    torch.testing.assert_close(
        gradients(mixed, pull, inputs), gradients(expected, pull, inputs), atol=1e-7, rtol=1e-6
    )


@settings(max_examples=60, deadline=None)
@given(
    windows=windows_of_any_kind,
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=3),
    ratio=st.sampled_from([1, 2]),
    seed=st.integers(0, 999),
)
def test_blocked_band_attention_is_masked_attention(
    windows: Windows, lengths: list[int], ratio: int, seed: int
) -> None:
    keys, rows = max(lengths), len(lengths)
    queries = -(-keys // ratio)
    q, k, v, pull = draws(
        seed, (rows, 2, queries, 4), *[(rows, 2, keys, 4)] * 2, (rows, 2, queries, 4)
    )
    for x in (q, k, v):
        x.requires_grad_()
    keep = torch.arange(keys)[None] < torch.tensor(lengths)[:, None]
    mask = band_mask(queries, keys, windows, ratio) & keep[:, None]
    seen = mask.any(-1)
    mixed = band_attention(q, k, v, keep, windows, ratio, _product)
    assert mixed.isfinite().all()
    expected = dense(q, k, v, (mask | ~seen[..., None])[:, None])
    real = seen[:, None, :, None]
    torch.testing.assert_close(mixed * real, expected * real)
    torch.testing.assert_close(
        gradients(mixed, pull * real, [q, k, v]),
        gradients(expected, pull * real, [q, k, v]),
        atol=1e-7,
        rtol=1e-6,
    )


@settings(max_examples=20, deadline=None)
@given(windows=windows_of_any_kind, length=st.integers(1, 20), ratio=st.sampled_from([1, 2]))
def test_the_flex_rules_are_the_masks(windows: Windows, length: int, ratio: int) -> None:
    causal = create_mask(causal_rule(windows), 1, 1, length, length, device="cpu")
    assert torch.equal(causal[0, 0], causal_mask(length, windows))
    keys = ratio * length
    keep = torch.arange(keys)[None] < torch.tensor([[keys], [keys // 2]])
    band = create_mask(band_rule(windows, ratio, keep), 2, 1, length, keys, device="cpu")
    assert torch.equal(band[:, 0], band_mask(length, keys, windows, ratio) & keep[:, None])


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_what_runs_on_cuda_is_the_blocked_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_module, "_flex", lambda: flex_attention)
    windows, length = Windows(24, 8, 12), 150
    q, k, v = (x.float() for x in draws(0, *[(2, 4, length, 32)] * 3))
    causal = windows_module._flex_causal(q, k, v, windows)
    torch.testing.assert_close(
        causal, causal_attention(q, k, v, windows, _product), atol=1e-5, rtol=1e-5
    )
    keep = torch.arange(length)[None] < torch.tensor([[length], [75]])
    band = windows_module._flex_band(q, k, v, keep, windows, 1)
    blocked = band_attention(q, k, v, keep, windows, 1, _product)
    torch.testing.assert_close(band[0], blocked[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(band[1, :, :75], blocked[1, :, :75], atol=1e-5, rtol=1e-5)


@settings(max_examples=40, deadline=None)
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


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"window_size": 1}, "window_size"), ({"window_size": 4, "window_overlap": 5}, "overlap")],
)
def test_impossible_windows_are_refused(
    changes: dict[str, int], named: str, tiny_config: Callable[..., TVAEConfig]
) -> None:
    with pytest.raises(ValueError, match=named):
        tiny_config(**changes)
