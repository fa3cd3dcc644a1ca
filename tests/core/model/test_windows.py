"""Windowed attention against its definition: blocked product, Flex rules, rolling cache."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention.flex_attention import create_mask, flex_attention

import tvae_core.model.windows as windows_module
from tests.examples import examples
from tvae_core.model.config import TVAEConfig
from tvae_core.model.layers import _product, fused_attention
from tvae_core.model.windows import (
    Windows,
    band_attention,
    band_mask,
    band_rule,
    causal_attention,
    causal_mask,
    causal_rule,
    layer_windows,
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


@examples(60)
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


@examples(60)
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


@examples(20)
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


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"window_size": 1}, "window_size"), ({"window_size": 4, "window_overlap": 5}, "overlap")],
)
def test_impossible_windows_are_refused(
    changes: dict[str, int], named: str, tiny_config: Callable[..., TVAEConfig]
) -> None:
    with pytest.raises(ValueError, match=named):
        tiny_config(**changes)
