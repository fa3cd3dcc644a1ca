"""Random numbers that depend on a seed and a row, not on how rows are batched."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

BLOCK = 1024


_SMALL = 2**31


def _generator(seed: int, stream: int, block: int) -> torch.Generator:
    # torch's CPU generator keeps the low 32 bits of its seed, and those of the sum below are equal
    # for seeds 2**32 apart; other seeds are therefore hashed with the block, which tells them apart
    # whatever single block two of them happen to share.
    if not -_SMALL <= seed < _SMALL:
        digest = hashlib.blake2b(f"{seed} {stream} {block}".encode(), digest_size=8).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest, "little") % 2**63)
    mixed = (
        seed * 0x9E3779B97F4A7C15 + stream * 0xBF58476D1CE4E5B9 + block * 0x94D049BB133111EB
    ) % 2**63
    return torch.Generator().manual_seed(mixed)


def _rows(
    start: int, stop: int, shape: tuple[int, ...], seed: int, stream: int, normal: bool
) -> Tensor:
    parts = []
    draw = torch.randn if normal else torch.rand
    for block in range(start // BLOCK, (stop + BLOCK - 1) // BLOCK):
        values = draw(BLOCK, *shape, generator=_generator(seed, stream, block))
        low, high = max(start - block * BLOCK, 0), min(stop - block * BLOCK, BLOCK)
        parts.append(values[low:high])
    return torch.cat(parts) if parts else torch.zeros(0, *shape)


def normal_rows(
    start: int, stop: int, shape: tuple[int, ...], seed: int, stream: int = 0
) -> Tensor:
    """Standard normal rows `start..stop` of an endless table, `(stop - start, *shape)`.

    Args:
        start: first row.
        stop: row after the last.
        shape: shape of one row.
        seed: the table; any whole number.
        stream: an independent table of the same seed.
    """
    return _rows(start, stop, shape, seed, stream, normal=True)


def uniform_rows(
    start: int, stop: int, shape: tuple[int, ...], seed: int, stream: int = 0
) -> Tensor:
    """As `normal_rows`, uniform in [0, 1)."""
    return _rows(start, stop, shape, seed, stream, normal=False)
