"""The functions that keep little, against the plain ones and against finite differences."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

import tvae_core.model.fused as lean
from tvae_core.model.fused import norm_feed_forward, norm_project, project
from tvae_core.model.layers import rotary_table
from tvae_core.model.vae import TransformerVAE

EPS = 1e-5


@pytest.fixture(params=[1 << 22, 12], ids=["whole", "pieces"])
def _piece(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows at once, or two at a time."""
    monkeypatch.setattr(lean, "_PIECE", request.param)


def inputs(*shapes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]
    return [x.requires_grad_() for x in drawn]


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.unflatten(-1, (-1, 4)).chunk(2, -1)
    cos, sin = cos[:, None], sin[:, None]
    pair = (first * cos - second * sin, second * cos + first * sin)
    return torch.cat(pair, -1).flatten(-2)


@pytest.mark.usefixtures("_piece")
def test_feed_forward_by_its_formula_and_its_differences() -> None:
    x, gain, inner, outer = inputs((2, 3, 6), (6,), (10, 6), (6, 5))
    gate, up = F.linear(F.rms_norm(x, (6,), gain, EPS), inner).chunk(2, -1)
    expected = F.linear(F.silu(gate) * up, outer)
    torch.testing.assert_close(norm_feed_forward(x, gain, EPS, inner, outer), expected)
    for keep in (True, False):
        assert torch.autograd.gradcheck(
            lambda a, g, i, o, keep=keep: norm_feed_forward(a, g, EPS, i, o, keep),
            (x, gain, inner, outer),
        )


@pytest.mark.usefixtures("_piece")
def test_projections_by_their_formula_and_their_differences() -> None:
    x, gain, first, second = inputs((2, 3, 8), (8,), (8, 8), (16, 8))
    cos, sin = rotary_table(torch.tensor([0.5, 2.0, 7.0]), 4, 100.0, torch.float64)
    normed = F.rms_norm(x, (8,), gain, EPS)
    q, kv = norm_project(x, gain, EPS, (first, second), (cos, sin), 4)
    torch.testing.assert_close(q, turned(F.linear(normed, first), cos, sin))
    torch.testing.assert_close(kv[..., :8], turned(F.linear(normed, second[:8]), cos, sin))
    torch.testing.assert_close(kv[..., 8:], F.linear(normed, second[8:]))
    assert torch.autograd.gradcheck(
        lambda a, g, b, c: norm_project(a, g, EPS, (b, c), (cos, sin), 4), (x, gain, first, second)
    )
    assert torch.autograd.gradcheck(
        lambda a, g, b: norm_project(a, g, EPS, (b,)), (x, gain, second)
    )


def test_a_projection_is_a_linear_layer() -> None:
    x, weight = inputs((2, 3, 4), (5, 4))
    torch.testing.assert_close(project(x, weight), F.linear(x, weight))
    assert torch.autograd.gradcheck(project, (x, weight))


def test_gradients_of_bf16_products_come_back_in_fp32() -> None:
    x, gain, inner, outer = (v.detach().float() for v in inputs((4, 6), (6,), (10, 6), (6, 5)))
    exact = [v.clone().requires_grad_() for v in (x, gain, inner, outer)]
    mixed = [v.clone().requires_grad_() for v in (x, gain, inner, outer)]
    norm_feed_forward(exact[0], exact[1], EPS, *exact[2:]).sum().backward()
    with torch.autocast("cpu", torch.bfloat16):
        out = norm_feed_forward(mixed[0], mixed[1], EPS, *mixed[2:])
    assert out.dtype == torch.bfloat16
    out.sum().backward()
    for a, b in zip(exact, mixed, strict=True):
        assert b.grad.dtype == torch.float32
        assert (a.grad - b.grad).norm() < 0.03 * a.grad.norm()


class _Products(TorchDispatchMode):
    """Counts the calls of matrix products."""

    def __init__(self) -> None:
        super().__init__()
        self.products = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.products += func.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.addmm)
        return func(*args, **(kwargs or {}))


def kept_bytes(model: TransformerVAE, ids: Tensor) -> int:
    """Bytes that the forward pass keeps for the backward pass, each storage once."""
    kept: dict[int, int] = {}
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}

    def pack(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.size()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        loss = model(ids).loss
    assert loss.requires_grad
    return sum(kept.values())


@pytest.mark.parametrize(("encoder", "rate"), [(True, 0), (False, 1), (False, 3), (True, 2)])
def test_checkpointing_changes_memory_and_nothing_else(
    encoder: bool, rate: int, tiny_model: Callable[..., TransformerVAE]
) -> None:
    ids = torch.randint(4, 14, (8, 30), generator=torch.Generator().manual_seed(0))
    seen = []
    for on in (False, True):
        model = tiny_model(encoder_blocks=(2, 1), decoder_layers=5, dropout=0.1).train()
        if on:
            model.set_checkpointing(encoder, rate)
        torch.manual_seed(1)
        held = kept_bytes(model, ids)
        torch.manual_seed(1)
        with _Products() as counted:
            loss = model(ids).loss
            loss.backward()
        grads = {name: p.grad for name, p in model.named_parameters()}
        seen.append((loss.detach(), grads, held, counted.products))
    torch.testing.assert_close(seen[1][0], seen[0][0])
    torch.testing.assert_close(seen[1][1], seen[0][1])
    assert seen[1][2] < 0.8 * seen[0][2]
    assert seen[1][3] > seen[0][3]


def test_checkpointing_is_for_training_only(tiny_model: Callable[..., TransformerVAE]) -> None:
    model = tiny_model(decoder_layers=2)
    model.set_checkpointing(True, 1)
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        plain = tiny_model(decoder_layers=2)(ids).loss
        torch.testing.assert_close(model(ids).loss, plain)
