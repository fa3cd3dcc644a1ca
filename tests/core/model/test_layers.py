"""Attention, norm, rotary positions and the Funnel's pooling, computed another way."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from tests.examples import examples
from tvae_core.model.config import TVAEConfig
from tvae_core.model.encoder import FunnelEncoder, pool_pairs
from tvae_core.model.fused import _rotate_
from tvae_core.model.layers import (
    SHORT,
    Attention,
    FeedForward,
    RMSNorm,
    _product,
    _short_attention,
    rotary_table,
)
from tvae_core.model.vae import TransformerVAE


@pytest.mark.parametrize("kind", ["plain", "causal", "keys", "rows"])
def test_short_attention_is_scaled_dot_product_attention(kind: str) -> None:
    shapes = (
        [(3, 2, 7, 8)] * 3 if kind in ("plain", "causal") else [(3, 2, 5, 8), *[(3, 2, 7, 8)] * 2]
    )
    own = [torch.randn(shape, requires_grad=True) for shape in shapes]
    theirs = [x.detach().clone().requires_grad_() for x in own]
    mask = None
    if kind == "keys":
        mask = torch.arange(7)[None] < torch.tensor([[7], [3], [1]])
        mask = mask[:, None, None]
    elif kind == "rows":
        mask = torch.rand(3, 1, 5, 7) < 0.5
        mask[..., 0] = True
    out = _short_attention(*own, mask, kind == "causal")
    expected = F.scaled_dot_product_attention(*theirs, attn_mask=mask, is_causal=kind == "causal")
    torch.testing.assert_close(out, expected, atol=1e-6, rtol=1e-5)
    pull = torch.randn_like(out)
    (out * pull).sum().backward()
    (expected * pull).sum().backward()
    for a, b in zip(own, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("length", [SHORT, SHORT + 1])
def test_both_attention_paths_agree_at_the_border(
    length: int, tiny_config: Callable[..., TVAEConfig]
) -> None:
    attention = Attention(tiny_config())
    x = torch.randn(2, length, 32)
    q, (k, v) = attention.queries(x), attention.keys_values(x)
    out = attention.attend(q, k, v, causal=True)
    plain = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(
        out, attention.out_proj(plain.transpose(1, 2).flatten(-2)), atol=1e-6, rtol=1e-5
    )


@pytest.mark.parametrize("masked", [False, True])
def test_long_attention_in_bf16_is_trained_in_fp32(masked: bool) -> None:
    shape = (2, 2, SHORT + 9, 8)
    mask = torch.arange(shape[2])[None] < torch.tensor([[shape[2]], [40]]) if masked else None
    mask = None if mask is None else mask[:, None, None]
    own = [torch.randn(shape).bfloat16().requires_grad_() for _ in range(3)]
    wide = [x.detach().float().requires_grad_() for x in own]
    pull = torch.randn(shape).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        out = _product(*own, mask, not masked)
    expected = F.scaled_dot_product_attention(*wide, attn_mask=mask, is_causal=not masked)
    assert torch.equal(out, expected.bfloat16())
    out.backward(pull)
    expected.backward(pull.float())
    for a, b in zip(own, wide, strict=True):
        assert a.grad is not None
        assert torch.equal(a.grad, b.grad.bfloat16())


def test_causal_attention_does_not_look_ahead(tiny_config: Callable[..., TVAEConfig]) -> None:
    attention = Attention(tiny_config())
    x = torch.randn(1, 9, 32)
    changed = x.clone()
    changed[:, 5:] += 1
    outs = []
    for states in (x, changed):
        q, (k, v) = attention.queries(states), attention.keys_values(states)
        outs.append(attention.attend(q, k, v, causal=True))
    assert torch.equal(outs[0][:, :5], outs[1][:, :5])
    assert (outs[0][:, 5:] - outs[1][:, 5:]).abs().amin() > 0


def test_rms_norm_by_its_formula() -> None:
    norm = RMSNorm(16, 1e-6)
    with torch.no_grad():
        norm.weight.copy_(torch.rand(16) + 0.5)
    x = torch.randn(4, 16) * 7
    expected = x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * norm.weight
    torch.testing.assert_close(norm(x), expected)


def test_rotary_products_depend_on_the_distance_only() -> None:
    q, k = torch.randn(2, 1, 1, 16, dtype=torch.float64)

    def product(at: float, other: float) -> float:
        turned = [q.clone(), k.clone()]
        for x, place in zip(turned, (at, other), strict=True):
            _rotate_(x, *rotary_table(torch.tensor([place]), 16, 1e4, torch.float64), 16)
        return float((turned[0] * turned[1]).sum())

    assert product(3.0, 1.0) == pytest.approx(product(13.0, 11.0), rel=1e-4)
    assert product(2.5, 1.0) == pytest.approx(product(1.5, 0.0), rel=1e-4)
    assert product(3.0, 1.0) != pytest.approx(product(4.0, 1.0), rel=1e-4)
    assert product(0.0, 0.0) == pytest.approx(float((q * k).sum()))


def test_gated_feed_forward_by_its_formula(tiny_config: Callable[..., TVAEConfig]) -> None:
    config = tiny_config()
    layer, norm = FeedForward(config), RMSNorm(config.d_model, config.norm_eps)
    states = torch.randn(3, 32)
    x = norm(states)
    gate, up = layer.in_proj.weight[:48] @ x.T, layer.in_proj.weight[48:] @ x.T
    expected = layer.out_proj.weight @ (gate * torch.sigmoid(gate) * up)
    torch.testing.assert_close(layer(states, norm), expected.T)


def test_pooling_by_hand() -> None:
    x = torch.tensor([[[1.0], [3.0], [5.0], [7.0], [9.0]], [[2.0], [4.0], [6.0], [8.0], [1.0]]])
    keep = torch.tensor([[True] * 5, [True, True, True, False, False]])
    pooled, kept, places = pool_pairs(x, keep, torch.arange(5.0))
    assert pooled[0, :, 0].tolist() == [2.0, 6.0, 9.0]
    assert pooled[1, :2, 0].tolist() == [3.0, 6.0]
    assert kept.tolist() == [[True, True, True], [True, True, False]]
    assert places[:2].tolist() == [0.5, 2.5]


@pytest.mark.parametrize("length", [1, 2, 3, 6, 7, 8, 9, 17])
def test_every_block_halves_the_sequence(
    length: int, tiny_config: Callable[..., TVAEConfig]
) -> None:
    encoder = FunnelEncoder(tiny_config(encoder_blocks=(1, 2, 1)))
    keep = torch.ones(2, length, dtype=torch.bool)
    states, mask, places = encoder(torch.randn(2, length, 32), keep)
    sizes = [length, math.ceil(length / 2), math.ceil(math.ceil(length / 2) / 2)]
    assert states.shape == (2, sum(sizes), 32)
    assert mask.shape == (2, sum(sizes))
    assert mask.all()
    assert places.shape == (sum(sizes),)
    assert places.min() >= 0
    assert places.max() <= length + 2


def test_a_funnel_reads_every_token(tiny_config: Callable[..., TVAEConfig]) -> None:
    encoder = FunnelEncoder(tiny_config(encoder_blocks=(1, 1, 1)))
    x = torch.randn(1, 11, 32, requires_grad=True)
    states, _, _ = encoder(x, torch.ones(1, 11, dtype=torch.bool))
    states[:, -1].square().sum().backward()
    assert (x.grad.abs().sum(-1) > 0).all()


@pytest.fixture(scope="module")
def funnel_model(tiny_model: Callable[..., TransformerVAE]) -> TransformerVAE:
    return tiny_model(encoder_blocks=(1, 1, 1))


@examples(30)
@given(
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=6),
    extra=st.integers(0, 5),
    seed=st.integers(0, 2**16),
)
def test_padding_never_changes_a_code(
    funnel_model: TransformerVAE, lengths: list[int], extra: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    width = max(lengths) + extra
    ids = torch.zeros(len(lengths), width, dtype=torch.long)
    for row, size in enumerate(lengths):
        ids[row, :size] = torch.randint(4, 14, (size,), generator=generator)
    with torch.no_grad():
        together = funnel_model.encode(ids)
        for row, size in enumerate(lengths):
            alone = funnel_model.encode(ids[row : row + 1, :size])
            torch.testing.assert_close(alone[0], together[row], atol=2e-5, rtol=1e-4)


def test_what_stands_behind_a_mask_never_changes_a_code(funnel_model: TransformerVAE) -> None:
    ids = torch.tensor([[5, 6, 7, 9, 9], [8, 9, 10, 11, 12]])
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    with torch.no_grad():
        masked = funnel_model.encode(ids, mask)
        clean = funnel_model.encode(ids * mask)
    torch.testing.assert_close(masked, clean, atol=1e-6, rtol=1e-6)


def test_order_and_length_of_the_tokens_matter(funnel_model: TransformerVAE) -> None:
    ids = torch.tensor([[5, 6, 7, 0], [7, 6, 5, 0], [5, 6, 7, 7]])
    with torch.no_grad():
        codes = funnel_model.encode(ids).flatten(1)
    distances = torch.cdist(codes, codes) + torch.eye(3) * 9
    assert distances.min() > 1e-2
