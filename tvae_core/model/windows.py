"""Windowed attention at a cost linear in the length: the masks, the blocked product, the ring.

Positions are cut into windows of `size`. A decoder position sees its own window up to itself and
`overlap` positions before that window; an encoder position sees its whole window and `overlap`
positions on either side. The windows of every other layer lie half a window further on (`shift`),
so that what one layer cannot see across a border reaches it in the next (Liu et al. 2021, arXiv
2103.14030, do so with images). The latent memory stays visible from everywhere.

On a CPU the product is made window by window and no `(length, length)` matrix exists; on CUDA it is
FlexAttention with a block mask (Dong et al. 2024, arXiv 2412.05496).

Shape legend: `b` batch, `h` heads, `q` query positions, `k` key positions, `e` head size, `w`
windows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from tvae_core.model.config import TVAEConfig

Product = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class Windows:
    """Where the windows of a layer lie.

    Attributes:
        size: positions of a window.
        overlap: further positions that it sees before it (in the encoder also after it).
        shift: how far to the left of position 0 the first window begins.
    """

    size: int
    overlap: int = 0
    shift: int = 0

    @property
    def reach(self) -> int:
        """The most positions that a decoder position sees, itself included."""
        return self.size + self.overlap

    def count(self, length: int) -> int:
        """Windows that `length` positions lie in."""
        return (length + self.shift - 1) // self.size + 1

    def first_seen(self, position: int | Tensor) -> Any:
        """The earliest position that a decoder position sees (negative: all before it)."""
        return (position + self.shift) // self.size * self.size - self.shift - self.overlap


def layer_windows(config: TVAEConfig, layer: int) -> Windows | None:
    """The windows of the decoder's (or a Funnel block's) layer of that number; None: full."""
    if not config.window_size:
        return None
    shift = config.window_size // 2 if layer % 2 else 0
    return Windows(config.window_size, config.window_overlap, shift)


def causal_mask(length: int, windows: Windows, device: torch.device | None = None) -> Tensor:
    """What decoder positions see, `(length, length)` bool: the definition, for short lengths."""
    place = torch.arange(length, device=device)
    query, key = place[:, None], place[None]
    seen: Tensor = (key <= query) & (key >= windows.first_seen(query))
    return seen


def band_mask(
    queries: int, keys: int, windows: Windows, ratio: int = 1, device: torch.device | None = None
) -> Tensor:
    """What encoder positions see, `(queries, keys)` bool; `ratio` keys stand for one query."""
    query = torch.arange(queries, device=device)[:, None]
    key = torch.arange(keys, device=device)[None]
    first = windows.first_seen(query)
    last = first + windows.size + 2 * windows.overlap
    seen: Tensor = (key >= ratio * first) & (key < ratio * last)
    return seen


def causal_attention(q: Tensor, k: Tensor, v: Tensor, windows: Windows, product: Product) -> Tensor:
    """Causal windowed attention.

    Args:
        q: `(b, h, length, e)`; `k` and `v` likewise.
        windows: of the layer.
        product: attention of `(n, w, q, e)` queries over `(n, w, k, e)` keys and values under a
            bool mask that broadcasts to `(n, w, q, k)`.

    Returns:
        `(b, h, length, e)`.
    """
    length = q.shape[2]
    if q.is_cuda:
        return _flex_causal(q, k, v, windows)
    count, reach = windows.count(length), windows.reach
    place = torch.arange(count * windows.size, device=q.device).view(count, windows.size, 1)
    query = place - windows.shift
    first = query[:, :1] - windows.overlap
    key = first + torch.arange(reach, device=q.device)
    mask = ((key >= 0) & (key <= query)) | (query < 0)
    mixed = product(
        _cut(q, windows, count, 1, 0),
        _cut(k, windows, count, 1, windows.overlap),
        _cut(v, windows, count, 1, windows.overlap),
        mask[None],
    )
    return _join(mixed, q, windows)


def band_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    keep: Tensor,
    windows: Windows,
    ratio: int,
    product: Product,
) -> Tensor:
    """Windowed attention to both sides, for the encoder.

    Args:
        q: `(b, h, queries, e)`.
        k: `(b, h, keys, e)`, about `ratio * queries` of them; `v` likewise.
        keep: `(b, keys)` bool, False on padding.
        windows: of the layer, in queries.
        ratio: keys that stand for one query (2 where the queries were pooled).
        product: as in `causal_attention`.

    Returns:
        `(b, h, queries, e)`; where a whole window is padding, a mean of padding.
    """
    if q.is_cuda:
        return _flex_band(q, k, v, keep, windows, ratio)
    count, around = windows.count(q.shape[2]), windows.overlap
    seen = _cut(keep[:, None, :, None], windows, count, ratio, around, after=around)
    seen = seen.transpose(-1, -2)
    seen = (seen | ~seen.any(-1, keepdim=True)).repeat_interleave(q.shape[1], 0)
    mixed = product(
        _cut(q, windows, count, 1, 0),
        _cut(k, windows, count, ratio, around, after=around),
        _cut(v, windows, count, ratio, around, after=around),
        seen,
    )
    return _join(mixed, q, windows)


def _cut(
    x: Tensor, windows: Windows, count: int, ratio: int, before: int, after: int = 0
) -> Tensor:
    """`(b, h, length, e)` -> `(b * h, w, ratio * (before + size + after), e)`, as a view."""
    left = ratio * (windows.shift + before)
    total = ratio * (count * windows.size + before + after)
    x = F.pad(x, (0, 0, left, total - left - x.shape[2]))
    width = ratio * (before + windows.size + after)
    return x.unfold(2, width, ratio * windows.size).transpose(-1, -2).flatten(0, 1)


def _join(mixed: Tensor, q: Tensor, windows: Windows) -> Tensor:
    whole = mixed.reshape(*q.shape[:2], -1, q.shape[3])
    return whole[:, :, windows.shift : windows.shift + q.shape[2]]


def ring_positions(filled: int, capacity: int, device: torch.device) -> Tensor:
    """Positions that the slots of a ring hold once position `filled` is in: `(capacity,)`.

    Slot `p % capacity` holds position p; slots not yet written have negative positions.
    """
    slot = torch.arange(capacity, device=device)
    return filled - (filled - slot) % capacity


@lru_cache(maxsize=8)
def _flex() -> Callable[..., Tensor]:
    from torch.nn.attention.flex_attention import flex_attention

    compiled: Callable[..., Tensor] = torch.compile(flex_attention, dynamic=True)
    return compiled


def causal_rule(windows: Windows) -> Callable[..., Tensor]:
    """`causal_mask` as a FlexAttention mask function of (batch, head, query, key)."""

    def sees(_batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        seen: Tensor = (key <= query) & (key >= windows.first_seen(query))
        return seen

    return sees


def band_rule(windows: Windows, ratio: int, keep: Tensor) -> Callable[..., Tensor]:
    """`band_mask` and `keep` as a FlexAttention mask function."""

    def sees(batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        first = windows.first_seen(query)
        last = first + windows.size + 2 * windows.overlap
        seen: Tensor = (key >= ratio * first) & (key < ratio * last) & keep[batch, key]
        return seen

    return sees


@lru_cache(maxsize=64)
def _causal_blocks(length: int, windows: Windows, device: torch.device) -> Any:
    from torch.nn.attention.flex_attention import create_block_mask

    return create_block_mask(causal_rule(windows), None, None, length, length, device=device)


def _flex_causal(q: Tensor, k: Tensor, v: Tensor, windows: Windows) -> Tensor:
    blocks = _causal_blocks(q.shape[2], windows, q.device)
    return _flex()(q, k, v, block_mask=blocks)


def _flex_band(
    q: Tensor, k: Tensor, v: Tensor, keep: Tensor, windows: Windows, ratio: int
) -> Tensor:
    from torch.nn.attention.flex_attention import create_block_mask

    rule = band_rule(windows, ratio, keep)
    size = q.shape[2], k.shape[2]
    blocks = create_block_mask(rule, q.shape[0], None, *size, device=q.device)
    return _flex()(q, k, v, block_mask=blocks)
