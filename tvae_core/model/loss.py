"""Cross-entropy of tied-embedding logits that are never held in whole.

The `(tokens, vocabulary)` logits of a batch are its largest tensor: 12,000 tokens of 32,128 entries
are 1.5 GB in fp32, three times over with their gradient. They are made here in pieces, each turned
into its gradient at once, as Wijmans et al. 2024 (arXiv 2411.09009) and others do.
`torch.nn.functional.linear_cross_entropy` does so too, but gives no accuracy, which would take the
product a second time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from tvae_core.model.fused import Sums, compute_dtype

IGNORED = -100
"""Target of positions that are not counted."""
_PIECE = 1 << 25
"""Logits held at once."""


def token_loss(states: Tensor, weight: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy of the next tokens, and which of them are the most likely ones.

    Args:
        states: `(n, d)` hidden states.
        weight: `(vocab, d)` output embedding.
        targets: `(n,)` token ids, `IGNORED` where there is none.

    Returns:
        A scalar in fp32 (fp64 for fp64 states), and `(n,)` bool, False on ignored positions.
    """
    wanted = torch.is_grad_enabled() and (states.requires_grad or weight.requires_grad)
    loss, right = _TokenLoss.apply(states, weight, targets, compute_dtype(states), wanted)  # type: ignore[no-untyped-call]
    return loss, right


def look_up(weight: Tensor, ids: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Rows of an embedding, and the embedding to use once more, as output weights.

    Gradients of the rows are added into that of the output weights, so that a tied embedding has
    one gradient of its size where autograd would make one for each use.

    Args:
        weight: `(vocab, d)`.
        ids: `(n,)`.
        scale: the rows are multiplied by it.

    Returns:
        Rows `(n, d)` in the compute type, and `weight` itself.
    """
    rows, tied = _LookUp.apply(weight, ids, scale, compute_dtype(weight))  # type: ignore[no-untyped-call]
    return rows, tied


class _LookUp(Function):
    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, ids: Tensor, scale: float, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(ids)
        ctx.scale = scale
        return (weight[ids] * scale).to(dtype), weight.view_as(weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, rows: Tensor, total: Tensor) -> tuple[Tensor | None, ...]:
        (ids,) = ctx.saved_tensors
        total = total.contiguous()  # our own, but where it was expanded from a sum
        total.index_add_(0, ids, rows.to(total.dtype), alpha=ctx.scale)
        return total, None, None, None


class _TokenLoss(Function):
    @staticmethod
    def forward(
        ctx: Any, states: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype, wanted: bool
    ) -> tuple[Tensor, Tensor]:
        wide = torch.float64 if dtype == torch.float64 else torch.float32
        counted = targets != IGNORED
        picked = targets.clamp(min=0)
        scale = (1 / counted.sum().clamp(min=1)).to(wide)
        low, product = states.to(dtype), weight.to(dtype)
        total = torch.zeros((), dtype=wide, device=states.device)
        right = torch.zeros_like(counted)
        dstates = torch.empty_like(states) if wanted else None
        sums = Sums((weight,))
        size = max(1, _PIECE // len(weight))
        for start in range(0, len(states), size):
            rows = slice(start, start + size)
            log = torch.log_softmax(low[rows] @ product.T, -1, dtype=wide)
            index, seen = picked[rows, None], counted[rows]
            total -= (log.gather(1, index)[:, 0] * seen).sum()
            right[rows] = (log.max(-1).indices == index[:, 0]) & seen
            if dstates is None:
                continue
            grad = log.exp_().scatter_add_(1, index, log.new_full((), -1.0).expand(index.shape))
            grad = grad.mul_((seen * scale)[:, None]).to(dtype)
            dstates[rows] = grad @ product
            sums.add(0, grad, low[rows])
        ctx.gradients = (dstates, *sums.values())
        ctx.mark_non_differentiable(right)
        return total * scale, right

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.gradients is None:
            raise RuntimeError("the token loss has been backpropagated already")
        dstates, dweight = ctx.gradients
        ctx.gradients = None
        dstates.mul_(grad.to(dstates.dtype))
        dweight.mul_(grad.to(dweight.dtype))
        return dstates, dweight, None, None, None
