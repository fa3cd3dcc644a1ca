"""The Funnel encoder: blocks of attention between which the sequence is halved.

At the start of a block the queries are pooled and the keys are not, so that what pooling drops
can still be attended to (Dai et al. 2020, arXiv 2006.03236). With windows on, every block attends
within windows of its own, ever coarser positions, and the readout joins them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tvae_core.model.config import TVAEConfig
from tvae_core.model.fused import Rotary
from tvae_core.model.layers import Attention, FeedForward, RMSNorm, rotary_table
from tvae_core.model.windows import Windows, layer_windows


class FunnelLayer(nn.Module):
    """Pre-norm attention and feed-forward; queries may be shorter than keys."""

    def __init__(self, config: TVAEConfig) -> None:
        super().__init__()
        self.norm = RMSNorm(config.d_model, config.norm_eps)
        self.attention = Attention(config)
        self.ff_norm = RMSNorm(config.d_model, config.norm_eps)
        self.ff = FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        query: Tensor,
        keys: Tensor | None,
        query_rotary: Rotary,
        key_rotary: Rotary,
        keep: Tensor,
        windows: Windows | None = None,
    ) -> Tensor:
        """Attends from `query` `(b, q, d)` to `keys` `(b, k, d)` (None: to itself).

        `keep` `(b, k)` is False on padded keys.
        """
        attention = self.attention
        if keys is None:
            q, k, v = attention.self_projections(query, self.norm, query_rotary)
        else:
            q = attention.queries(query, self.norm, query_rotary)
            k, v = attention.keys_values(keys, self.norm, key_rotary)
        if windows is None or windows.count(query.shape[1]) == 1:
            mixed = attention.attend(q, k, v, mask=keep[:, None, None])
        else:
            mixed = attention.attend_windows(q, k, v, windows, keep, 1 if keys is None else 2)
        query = query + self.dropout(mixed)
        out: Tensor = query + self.dropout(self.ff(query, self.ff_norm))
        return out


def pool_pairs(x: Tensor, keep: Tensor, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Halves a sequence by the mean of neighbouring pairs, padding left out of the mean.

    Args:
        x: `(b, length, d)`.
        keep: `(b, length)` bool, False on padding.
        positions: `(length,)`.

    Returns:
        The same three at `ceil(length / 2)`.
    """
    if x.shape[1] % 2:
        x = nn.functional.pad(x, (0, 0, 0, 1))
        keep = nn.functional.pad(keep, (0, 1))
        step = positions[-1:] - positions[-2:-1] if len(positions) > 1 else 1.0
        positions = torch.cat((positions, positions[-1:] + step))
    pairs = x.unflatten(1, (-1, 2))
    weight = keep.unflatten(1, (-1, 2)).to(x.dtype)
    mean = (pairs * weight[..., None]).sum(2) / weight.sum(2).clamp(min=1)[..., None]
    return mean, keep.unflatten(1, (-1, 2)).any(2), positions.unflatten(0, (-1, 2)).mean(1)


class FunnelEncoder(nn.Module):
    """Embedded tokens -> the states of every block, concatenated along the sequence."""

    def __init__(self, config: TVAEConfig) -> None:
        super().__init__()
        self.head_size, self.theta = config.head_size, config.rope_theta
        blocks = [
            nn.ModuleList([FunnelLayer(config) for _ in range(n)]) for n in config.encoder_blocks
        ]
        self.blocks: Sequence[Sequence[FunnelLayer]] = nn.ModuleList(blocks)  # type: ignore[assignment]
        self.norm = RMSNorm(config.d_model, config.norm_eps)
        deepest = range(max(config.encoder_blocks))
        self.windows = [layer_windows(config, depth) for depth in deepest]
        self.checkpoint = False

    def forward(self, x: Tensor, keep: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Runs the blocks.

        Args:
            x: `(b, length, d)` embedded tokens.
            keep: `(b, length)` bool, False on padding.

        Returns:
            States `(b, total, d)` of all blocks one after another (to be normed by `norm` where
            they are read), their mask `(b, total)` and their positions `(total,)` in tokens.
        """
        positions = torch.arange(x.shape[1], device=x.device, dtype=torch.float32)
        states, masks, places = [], [], []
        for index, block in enumerate(self.blocks):
            keys, key_keep, key_positions = x, keep, positions
            if index:
                x, keep, positions = pool_pairs(x, keep, positions)
            key_rotary = self._rotary(key_positions, x.dtype)
            rotary = key_rotary if not index else self._rotary(positions, x.dtype)
            for depth, layer in enumerate(block):
                pooled = bool(index) and depth == 0
                source = keys if pooled else None
                places_of, seen = (key_rotary, key_keep) if pooled else (rotary, keep)
                arguments = x, source, rotary, places_of, seen, self.windows[depth]
                if self.checkpoint and self.training and torch.is_grad_enabled():
                    x = checkpoint(layer, *arguments, use_reentrant=False)
                else:
                    x = layer(*arguments)
            states.append(x)
            masks.append(keep)
            places.append(positions)
        return torch.cat(states, 1), torch.cat(masks, 1), torch.cat(places)

    def _rotary(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        return rotary_table(positions, self.head_size, self.theta, dtype)
