"""MMD as the original system computes it: both sets tiled to `(n, m, d)`, then subtracted.

The estimate is that of `tvae_core.model.mmd.mmd`, so that the two can be compared number by number;
only the way to the pairwise distances differs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tvae_core.model.mmd import kernel


def tiled_distances(x: Tensor, y: Tensor, chunk: int | None = None) -> Tensor:
    """Squared distances `(n, m)` of `(n, d)` and `(m, d)` through their `(n, m, d)` differences.

    Args:
        x: rows.
        y: rows.
        chunk: rows of `x` at once; None for all, as in the original.
    """
    parts = [(part[:, None] - y[None]).square().sum(2) for part in x.split(chunk or max(len(x), 1))]
    return torch.cat(parts)


def tiled_mmd(x: Tensor, y: Tensor, name: str = "original", chunk: int | None = None) -> Tensor:
    """Unbiased MMD^2 (Gretton et al. 2012, JMLR 13) of `(n, d)` and `(m, d)`, by tiling.

    Args:
        x: codes, n at least 2.
        y: draws of the prior, m at least 2.
        name: kernel, see `tvae_core.model.mmd.kernel`.
        chunk: rows at once; None for all, as in the original.
    """
    n, m, size = len(x), len(y), x.shape[1]
    own = kernel(tiled_distances(x, x, chunk), size, name)
    prior = kernel(tiled_distances(y, y, chunk), size, name)
    cross = kernel(tiled_distances(x, y, chunk), size, name)
    own_term = (own.sum() - own.diagonal().sum()) / (n * (n - 1))
    prior_term = (prior.sum() - prior.diagonal().sum()) / (m * (m - 1))
    return own_term + prior_term - 2 * cross.mean()


def tiled_bytes(n: int, size: int, element: int = 4) -> int:
    """Bytes of one `(n, n, size)` tensor of the tiled form."""
    return n * n * size * element
