"""Maximum mean discrepancy between latent codes and N(0, I), and its weight schedule.

The estimate is the one of Gretton et al. 2012 (JMLR 13); the multi-scale inverse multiquadric
kernel follows Tolstikhin et al. 2018 (arXiv 1711.01558, section 4). Pairwise distances come from
one matrix product, so memory is `(n, m)` and never `(n, m, d)`.
"""

from __future__ import annotations

import torch
from torch import Tensor

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Squared Euclidean distances `(n, m)` of the rows of `(n, d)` and `(m, d)`."""
    squares = x.square().sum(1)[:, None] + y.square().sum(1)[None]
    return torch.addmm(squares, x, y.T, alpha=-2).clamp(min=0)


def kernel(distances: Tensor, size: int, name: str = "multiscale") -> Tensor:
    """Kernel values of squared distances.

    Args:
        distances: squared distances, any shape.
        size: dimension of the codes.
        name: `multiscale`: mean of `C / (C + distance)` over `C = 2 * size * scale`;
            `original`: `exp(-mean squared difference / size)`, the wide kernel of the original.
    """
    if name == "original":
        return torch.exp(-distances / size**2)
    total = torch.zeros_like(distances)
    for scale in SCALES:
        base = 2.0 * size * scale
        total = total + base / (base + distances)
    return total / len(SCALES)


def mmd(x: Tensor, y: Tensor, name: str = "multiscale", memory: Tensor | None = None) -> Tensor:
    """Unbiased estimate of MMD^2 between the rows of `x` and `y`.

    Args:
        x: `(n, d)` codes, n at least 2.
        y: `(m, d)` draws of the prior, m at least 2.
        name: kernel, see `kernel`.
        memory: `(k, d)` earlier codes without gradient: `x` is compared with them too, and its
            gradient is what it would be were they fresh codes of the same batch. The cost stays
            linear in `k`.

    Returns:
        A scalar; slightly negative values are possible, as for every unbiased estimate.
    """
    size, n, m = x.shape[1], x.shape[0], y.shape[0]
    own = kernel(squared_distances(x, x), size, name)
    total, count = own.sum() - own.diagonal().sum(), n * (n - 1)
    if memory is not None:
        old = kernel(squared_distances(x, memory), size, name).sum()
        total, count = total + 2 * old - old.detach(), count + n * memory.shape[0]
    cross = kernel(squared_distances(x, y), size, name).sum() / (n * m)
    with torch.no_grad():
        prior = kernel(squared_distances(y, y), size, name)
        prior_term = (prior.sum() - prior.diagonal().sum()) / (m * (m - 1))
    return total / count + prior_term - 2 * cross


def moment_mmd(x: Tensor, memory: Tensor | None = None) -> Tensor:
    """Unbiased MMD^2 against N(0, I) with the kernel `(x . y)^2 / d`.

    For this kernel MMD^2 is `|E xx^T - I|_F^2 / d`: the mean squared error of the second moments.
    Radial kernels barely see a code that spends its variance on half of its dimensions (pairwise
    distances stay about the same); this one does. The prior's side is exact, not sampled.

    Args:
        x: `(n, d)` codes, n at least 2.
        memory: `(k, d)` earlier codes, as in `mmd`.
    """
    size, n = x.shape[1], x.shape[0]
    own = (x @ x.T).square()
    total, count = own.sum() - own.diagonal().sum(), n * (n - 1)
    if memory is not None:
        old = (x @ memory.T).square().sum()
        total, count = total + 2 * old - old.detach(), count + n * memory.shape[0]
    return (total / count - 2 * x.square().sum(1).mean() + size) / size


def latent_mmd(
    latents: Tensor,
    scope: str,
    name: str = "multiscale",
    memory: Tensor | None = None,
    moment: float = 0.0,
) -> Tensor:
    """MMD^2 of latent codes against N(0, I).

    Args:
        latents: `(n, n_latent, latent_size)`.
        scope: `joint` (the whole code), `token` (mean over tokens, each alone) or `both` (sum).
        name: kernel.
        memory: `(k, n_latent, latent_size)` earlier codes.
        moment: weight of `moment_mmd` of the joint code, added to the value.

    Returns:
        A scalar; zero for fewer than two codes.
    """
    latents = latents.float()
    if latents.shape[0] < 2:
        return latents.sum() * 0.0
    prior = torch.randn_like(latents)
    value = latents.new_zeros(())
    if scope in ("joint", "both"):
        old = None if memory is None else memory.flatten(1)
        value = value + mmd(latents.flatten(1), prior.flatten(1), name, old)
    if scope in ("token", "both"):
        per_token = [
            mmd(latents[:, i], prior[:, i], name, None if memory is None else memory[:, i])
            for i in range(latents.shape[1])
        ]
        value = value + torch.stack(per_token).mean()
    if moment:
        old = None if memory is None else memory.flatten(1)
        value = value + moment * moment_mmd(latents.flatten(1), old)
    return value


def weight_at(step: int, warmup: int, weight: float) -> float:
    """Linear warm-up of the MMD weight: 0 at step 0, `weight` from step `warmup` on."""
    return weight if warmup <= 0 else weight * min(1.0, step / warmup)
