"""The bricks: RMSNorm, rotary positions, attention, gated feed-forward.

Shape legend: `b` batch, `q` query positions, `k` key positions, `h` heads, `e` head size,
`d` model width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tvae_core.config import TVAEConfig

Rotary = tuple[Tensor, Tensor]
SHORT = 64
"""Keys up to which two batched products beat the fused CPU kernel (2-3x at 9 tokens)."""


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


def rotate(x: Tensor, table: Rotary | None) -> Tensor:
    """Applies rotary positions to `(b, h, length, e)`."""
    if table is None:
        return x
    cos, sin = table
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


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

    def queries(self, x: Tensor, rotary: Rotary | None = None) -> Tensor:
        """`(b, q, d)` -> rotated queries `(b, h, q, e)`."""
        q = self.q_proj(x).unflatten(-1, (self.n_heads, self.head_size)).transpose(1, 2)
        return rotate(q, rotary)

    def keys_values(self, x: Tensor, rotary: Rotary | None = None) -> tuple[Tensor, Tensor]:
        """`(b, k, d)` -> rotated keys and values, each `(b, h, k, e)`."""
        kv = self.kv_proj(x).unflatten(-1, (2, self.n_heads, self.head_size))
        k, v = kv.unbind(-3)
        return rotate(k.transpose(1, 2), rotary), v.transpose(1, 2)

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
        if q.device.type == "cpu" and k.shape[-2] <= SHORT:
            out = _short_attention(q, k, v, mask, causal)
        else:
            out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
        mixed: Tensor = self.out_proj(out.transpose(1, 2).flatten(-2))
        return mixed


def _short_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if causal and q.shape[-2] > 1:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
        scores = scores.masked_fill(later, float("-inf"))
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    mixed: Tensor = scores.softmax(-1) @ v
    return mixed


class FeedForward(nn.Module):
    """Gated feed-forward, SwiGLU (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, config: TVAEConfig) -> None:
        super().__init__()
        self.in_proj = nn.Linear(config.d_model, 2 * config.d_ff, bias=False)
        self.out_proj = nn.Linear(config.d_ff, config.d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`(..., d)` -> `(..., d)`."""
        gate, up = self.in_proj(x).chunk(2, dim=-1)
        mixed: Tensor = self.out_proj(F.silu(gate) * up)
        return mixed
