"""The bricks: RMSNorm, rotary positions, attention, gated feed-forward.

The norm before an attention or a feed-forward goes into the same function as its projection (see
`lean`), so the bricks take states that are not normed yet, and the norm beside them.

Shape legend: `b` batch, `q` query positions, `k` key positions, `h` heads, `e` head size,
`d` model width.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tvae_core.model.config import TVAEConfig
from tvae_core.model.fused import Rotary, norm_feed_forward, norm_project, project
from tvae_core.model.windows import Windows, band_attention, causal_attention

SHORT = 64
"""Keys up to which two batched products beat the fused CPU kernel (2-3x at 9 tokens; with one query
at any number of keys)."""
FEW = 8
"""Keys below which one query's products are faster number by number."""
_always_fused: ContextVar[bool] = ContextVar("always_fused", default=False)


@contextmanager
def fused_attention() -> Iterator[None]:
    """Inside, attention takes the fused kernel at every length, as it does on a GPU."""
    token = _always_fused.set(True)
    try:
        yield
    finally:
        _always_fused.reset(token)


class RMSNorm(nn.Module):
    """Root-mean-square norm with a learned gain (Zhang & Sennrich 2019, arXiv 1910.07467)."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalises the last dimension; the dtype is that of autocast where it is on."""
        normed = F.rms_norm(x, self.weight.shape, self.weight.to(x.dtype), self.eps)
        kind = x.device.type
        if torch.is_autocast_enabled(kind):
            return normed.to(torch.get_autocast_dtype(kind))
        return normed


def rotary_table(positions: Tensor, head_size: int, theta: float, dtype: torch.dtype) -> Rotary:
    """Cosines and sines of rotary positions (Su et al. 2021, arXiv 2104.09864).

    Args:
        positions: `(length,)`, in tokens; fractions are allowed (pooled positions).

    Returns:
        Two tensors `(length, head_size / 2)`.
    """
    steps = torch.arange(0, head_size, 2, device=positions.device, dtype=torch.float32)
    angles = positions.float()[:, None] * theta ** (-steps / head_size)
    return angles.cos().to(dtype), angles.sin().to(dtype)


class Attention(nn.Module):
    """Multi-head attention behind one brick: every attention of the model goes through here.

    Projections of queries and of keys/values are separate calls, so that a cache can hold the
    latter; `attend` is the only place that knows how the product is computed.
    """

    def __init__(self, config: TVAEConfig) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.head_size = config.head_size
        d = config.d_model
        self.q_proj = nn.Linear(d, d, bias=False)
        self.kv_proj = nn.Linear(d, 2 * d, bias=False)
        self.out_proj = nn.Linear(d, d, bias=False)

    def queries(
        self, x: Tensor, norm: RMSNorm | None = None, rotary: Rotary | None = None
    ) -> Tensor:
        """`(b, q, d)` -> queries `(b, h, q, e)` of itself, or rotated ones of its norm."""
        if norm is None:
            return self._heads(project(x, self.q_proj.weight), 1)[0]
        return self._heads(self._project(x, norm, rotary, self.q_proj)[0], 1)[0]

    def keys_values(
        self, x: Tensor, norm: RMSNorm | None = None, rotary: Rotary | None = None
    ) -> tuple[Tensor, Tensor]:
        """`(b, k, d)` -> keys and values, each `(b, h, k, e)`, as `queries` does."""
        if norm is None:
            both = project(x, self.kv_proj.weight)
        else:
            both = self._project(x, norm, rotary, self.kv_proj)[0]
        k, v = self._heads(both, 2)
        return k, v

    def self_projections(
        self, x: Tensor, norm: RMSNorm, rotary: Rotary
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`(b, length, d)` -> rotated queries, rotated keys and values of its norm."""
        q, kv = self._project(x, norm, rotary, self.q_proj, self.kv_proj)
        k, v = self._heads(kv, 2)
        return self._heads(q, 1)[0], k, v

    def _project(
        self, x: Tensor, norm: RMSNorm, rotary: Rotary | None, *into: nn.Linear
    ) -> tuple[Tensor, ...]:
        weights = [layer.weight for layer in into]
        return norm_project(x, norm.weight, norm.eps, weights, rotary, self.head_size)

    def _heads(self, x: Tensor, parts: int) -> tuple[Tensor, ...]:
        split = x.unflatten(-1, (parts, self.n_heads, self.head_size))
        return tuple(part.transpose(1, 2) for part in split.unbind(-3))

    def attend(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        """Attention product and output projection.

        Args:
            mask: bool, True where a key may be seen, broadcastable to `(b, h, q, k)`.
            causal: query i sees keys 0..i.

        Returns:
            `(b, q, d)`.
        """
        return self._out(_product(q.to(k.dtype), k, v, mask, causal).to(q.dtype))

    def attend_windows(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        windows: Windows,
        keep: Tensor | None = None,
        ratio: int = 1,
    ) -> Tensor:
        """Windowed attention and output projection.

        Args:
            windows: where they lie.
            keep: `(b, k)` bool, for attention to both sides (None: causal).
            ratio: keys that stand for one query.

        Returns:
            `(b, q, d)`.
        """
        if keep is None:
            return self._out(causal_attention(q, k, v, windows, _product))
        return self._out(band_attention(q, k, v, keep, windows, ratio, _product))

    def _out(self, mixed: Tensor) -> Tensor:
        return project(mixed.transpose(1, 2).flatten(-2), self.out_proj.weight)


def _product(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, causal: bool = False
) -> Tensor:
    if q.device.type == "cpu" and not _always_fused.get():
        if k.shape[-2] <= SHORT or q.shape[-2] == 1:
            return _short_attention(q, k, v, mask, causal)
        if q.dtype == torch.bfloat16 and torch.is_grad_enabled():
            return _wide_attention(q, k, v, mask, causal)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)


def _short_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    few = q.shape[-2] == 1 and k.shape[-2] < FEW and not torch.is_grad_enabled()
    q = q * q.shape[-1] ** -0.5
    scores = (k * q).sum(-1)[..., None, :] if few else q @ k.transpose(-1, -2)
    if causal and q.shape[-2] > 1:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
        scores = scores.masked_fill(later, float("-inf"))
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    weights = scores.softmax(-1)
    mixed: Tensor = (v * weights.transpose(-1, -2)).sum(-2, True) if few else weights @ v
    return mixed


def _wide_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    """The fused kernel in fp32.

    On a CPU its backward pass takes 1.3 to 12 times as long in bf16 (torch 2.13).
    """
    with torch.autocast(q.device.type, enabled=False):
        mixed = F.scaled_dot_product_attention(
            q.float(), k.float(), v.float(), attn_mask=mask, is_causal=causal
        )
    return mixed.to(q.dtype)


class FeedForward(nn.Module):
    """Gated feed-forward, SwiGLU (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, config: TVAEConfig) -> None:
        super().__init__()
        self.in_proj = nn.Linear(config.d_model, 2 * config.d_ff, bias=False)
        self.out_proj = nn.Linear(config.d_ff, config.d_model, bias=False)
        self.keep_hidden = True

    def forward(self, x: Tensor, norm: RMSNorm) -> Tensor:
        """Feed-forward of the norm of `(b, length, d)`."""
        weights = self.in_proj.weight, self.out_proj.weight
        return norm_feed_forward(x, norm.weight, norm.eps, *weights, self.keep_hidden)
