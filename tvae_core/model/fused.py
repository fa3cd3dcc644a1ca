"""Norms, projections and the gated feed-forward that keep little for the backward pass.

Autograd would keep every intermediate of `linear(norm(x))` and `out(silu(gate) * up)`. These
functions keep the input and what only a matrix product can give, and compute the elementwise rest
again; weights are cast to the compute type each time instead of being held twice. Rows are
worked on in pieces, so that fp32 temporaries stay small however long the batch is.

Shape legend: `n` rows (batch and positions), `i` inputs, `o` outputs, `d` model width, `f`
feed-forward width, `h` heads, `e` head size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

Rotary = tuple[Tensor, Tensor]
_PIECE = 1 << 22
"""Numbers of a row-wise temporary; pieces of a batch are this large at most."""


def compute_dtype(x: Tensor) -> torch.dtype:
    """The type that matrix products of `x` run in: autocast's where it is on."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def norm_project(
    x: Tensor,
    gain: Tensor,
    eps: float,
    weights: Sequence[Tensor],
    rotary: Rotary | None = None,
    head_size: int = 0,
) -> tuple[Tensor, ...]:
    """RMSNorm of `x`, then one projection for each weight, the heads rotated where asked.

    Args:
        x: `(b, length, i)`.
        gain: `(i,)` gain of the norm.
        eps: of the norm.
        weights: `(o, i)` each.
        rotary: cosines and sines `(length, head_size / 2)` for the first `i` outputs of every
            projection (queries; the keys of a keys-and-values projection).
        head_size: width of a head, for `rotary`.

    Returns:
        One `(b, length, o)` a weight, in the compute type.
    """
    cos, sin = rotary if rotary is not None else (None, None)
    dtype = compute_dtype(x)
    outputs: tuple[Tensor, ...] = _NormProject.apply(  # type: ignore[no-untyped-call]
        x, gain, eps, cos, sin, head_size, dtype, *weights
    )
    return outputs


def project(x: Tensor, weight: Tensor) -> Tensor:
    """`F.linear` without a second copy of the weight: `(..., i)`, `(o, i)` -> `(..., o)`."""
    mixed: Tensor = _Project.apply(x, weight, compute_dtype(x))  # type: ignore[no-untyped-call]
    return mixed


def norm_feed_forward(
    x: Tensor, gain: Tensor, eps: float, inner: Tensor, outer: Tensor, keep_hidden: bool = True
) -> Tensor:
    """RMSNorm, then SwiGLU (Shazeer 2020, arXiv 2002.05202).

    Args:
        x: `(b, length, d)`.
        gain: `(d,)` gain of the norm.
        eps: of the norm.
        inner: `(2 f, d)`, gates first.
        outer: `(d, f)`.
        keep_hidden: keep the `2 f` gates and values for the backward pass; otherwise they are
            computed again there, for one more of its five products.

    Returns:
        `(b, length, d)` in the compute type, without the residual.
    """
    mixed: Tensor = _FeedForward.apply(  # type: ignore[no-untyped-call]
        x, gain, eps, inner, outer, compute_dtype(x), keep_hidden
    )
    return mixed


class _NormProject(Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gain: Tensor,
        eps: float,
        cos: Tensor | None,
        sin: Tensor | None,
        head_size: int,
        dtype: torch.dtype,
        *weights: Tensor,
    ) -> tuple[Tensor, ...]:
        rows = x.reshape(-1, x.shape[-1])
        outputs = [rows.new_empty(len(rows), len(w), dtype=dtype) for w in weights]
        casts = [w.to(dtype) for w in weights]
        for piece in _pieces(rows):
            normed = _norm(rows[piece], gain, eps)[0].to(dtype)
            for weight, output in zip(casts, outputs, strict=True):
                torch.mm(normed, weight.T, out=output[piece])
        shaped = [o.view(*x.shape[:-1], -1) for o in outputs]
        if cos is not None and sin is not None:
            for output in shaped:
                _rotate_(output[..., : x.shape[-1]], cos, sin, head_size)
        ctx.save_for_backward(x, gain, cos, sin, *weights)
        ctx.eps, ctx.head_size, ctx.dtype = eps, head_size, dtype
        return tuple(shaped)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, gain, cos, sin, *weights = ctx.saved_tensors
        if cos is not None:
            grads = tuple(grad.clone() for grad in grads)
            for grad in grads:
                _rotate_(grad[..., : x.shape[-1]], cos, -sin, ctx.head_size)
        rows = x.reshape(-1, x.shape[-1])
        flat = [grad.reshape(-1, grad.shape[-1]) for grad in grads]
        casts = [w.to(ctx.dtype) for w in weights]
        dx, dgain, sums = torch.empty_like(rows), gain.new_zeros(gain.shape), Sums(weights)
        for piece in _pieces(rows):
            normed, unit, scale = _norm(rows[piece], gain, ctx.eps)
            dnormed = flat[0][piece] @ casts[0]
            for grad, weight in zip(flat[1:], casts[1:], strict=True):
                dnormed = torch.addmm(dnormed, grad[piece], weight)
            low = normed.to(ctx.dtype)
            for index, grad in enumerate(flat):
                sums.add(index, grad[piece], low)
            _norm_backward(dx[piece], dgain, dnormed, unit, scale, gain)
        return dx.view_as(x), dgain, None, None, None, None, None, *sums.values()


class _Project(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, dtype: torch.dtype) -> Tensor:
        x = x.to(dtype)
        ctx.save_for_backward(x, weight)
        mixed: Tensor = F.linear(x, weight.to(dtype))
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        rows = grad.reshape(-1, grad.shape[-1])
        dweight = rows.T @ x.reshape(-1, x.shape[-1])
        return grad @ weight.to(grad.dtype), dweight.to(weight.dtype), None


class _FeedForward(Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gain: Tensor,
        eps: float,
        inner: Tensor,
        outer: Tensor,
        dtype: torch.dtype,
        keep_hidden: bool,
    ) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        hidden = rows.new_empty(len(rows) if keep_hidden else 0, len(inner), dtype=dtype)
        out = rows.new_empty(len(rows), len(outer), dtype=dtype)
        into, onward = inner.to(dtype), outer.to(dtype)
        for piece in _pieces(rows):
            normed = _norm(rows[piece], gain, eps)[0].to(dtype)
            both = torch.mm(normed, into.T, out=hidden[piece] if keep_hidden else None)
            gate, up = both.chunk(2, dim=-1)
            torch.mm(F.silu(gate).mul_(up), onward.T, out=out[piece])
        ctx.save_for_backward(x, gain, inner, outer, hidden if keep_hidden else None)
        ctx.eps, ctx.dtype = eps, dtype
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, gain, inner, outer, hidden = ctx.saved_tensors
        rows, flat = x.reshape(-1, x.shape[-1]), grad.reshape(-1, grad.shape[-1])
        into, onward = inner.to(ctx.dtype), outer.to(ctx.dtype)
        dx, dgain, sums = torch.empty_like(rows), gain.new_zeros(gain.shape), Sums((inner, outer))
        for piece in _pieces(rows):
            normed, unit, scale = _norm(rows[piece], gain, ctx.eps)
            low = normed.to(ctx.dtype)
            both = low @ into.T if hidden is None else hidden[piece]
            gate, up = both.chunk(2, dim=-1)
            act = F.silu(gate)
            dact = flat[piece] @ onward
            dboth = torch.empty_like(both)
            dgate, dup = dboth.chunk(2, dim=-1)
            torch.mul(dact, act, out=dup)
            sums.add(1, flat[piece], act.mul_(up))
            dgate.copy_(torch.ops.aten.silu_backward(dact.mul_(up), gate))
            sums.add(0, dboth, low)
            _norm_backward(dx[piece], dgain, dboth @ into, unit, scale, gain)
        return dx.view_as(x), dgain, None, *sums.values(), None, None


class Sums:
    """Weight gradients `(o, i)` summed over pieces of the rows, in the weights' own type."""

    def __init__(self, weights: Sequence[Tensor]) -> None:
        self._dtypes = [w.dtype for w in weights]
        self._totals: list[Tensor | None] = [None] * len(weights)

    def add(self, index: int, grad: Tensor, rows: Tensor) -> None:
        """Adds `grad^T rows` of one piece."""
        total, dtype = self._totals[index], self._dtypes[index]
        if total is None:
            self._totals[index] = (grad.T @ rows).to(dtype)
        elif rows.dtype == dtype:
            total.addmm_(grad.T, rows)
        else:
            total.add_(grad.T @ rows)

    def values(self) -> list[Tensor]:
        """The sums, one a weight."""
        return [total for total in self._totals if total is not None]


def _pieces(rows: Tensor) -> Iterator[slice]:
    size = max(1, _PIECE // rows.shape[1])
    for start in range(0, len(rows), size):
        yield slice(start, min(start + size, len(rows)))


def _norm(x: Tensor, gain: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Normed rows, rows of unit mean square, and the reciprocal root mean squares `(n, 1)`."""
    wide = x if x.dtype == torch.float64 else x.float()
    length = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
    scale = (length.square() / x.shape[-1] + eps).rsqrt()
    unit = wide * scale
    return unit * gain, unit, scale


def _norm_backward(
    out: Tensor, dgain: Tensor, grad: Tensor, unit: Tensor, scale: Tensor, gain: Tensor
) -> None:
    """Writes the gradient of `_norm`'s input to `out` and adds that of the gain to `dgain`."""
    wide = grad.to(unit.dtype)
    product = wide * unit
    dgain += product.sum(0)
    mean = (product @ gain.to(unit.dtype))[:, None] / unit.shape[-1]
    torch.sub(wide * gain, unit.mul_(mean), out=product)
    out.copy_(product.mul_(scale))


def _rotate_(x: Tensor, cos: Tensor, sin: Tensor, head_size: int) -> None:
    """Rotates heads `(b, length, h * e)` in place by `(length, e / 2)` angles."""
    first, second = x.unflatten(-1, (-1, head_size)).chunk(2, dim=-1)
    cos, sin = cos[:, None].to(x.dtype), sin[:, None].to(x.dtype)
    turned = first * cos - second * sin
    second.mul_(cos).add_(first * sin)
    first.copy_(turned)
