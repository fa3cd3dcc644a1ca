"""Decode stability: the share of noisy re-decodings of an item's code that give it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from tvae_core.decoding.dial import fidelity_of
from tvae_core.domain import DomainError
from tvae_core.space import paths
from tvae_core.space.space import LatentSpace
from tvae_core.support.random_rows import normal_rows

RADIUS = 0.3


def decode_stability(
    space: LatentSpace,
    texts: Sequence[str],
    same: Callable[[Sequence[str]], Sequence[str | None]],
    times: int,
    seed: int = 0,
    radius: float = RADIUS,
) -> npt.NDArray[np.float64]:
    """How firmly each item sits in the latent space.

    Its code gets noise `radius` (in units of the codes' spread) `times` times and is decoded at
    that noise level.

    Args:
        space: the latent space.
        texts: valid items.
        same: what is equal for texts that are one item; None for what is no item.
        times: re-decodings an item, at least 1.
        seed: of the noise.
        radius: noise level.

    Returns:
        Shares in 0..1, `(len(texts),)`; NaN for an item too long for the bundle.

    Raises:
        ValueError: for `times` below 1.
    """
    if times < 1:
        raise ValueError(f"decode stability needs at least 1 re-decoding, not {times}")
    out = np.full(len(texts), np.nan)
    level = radius * space.spread
    setting = float(fidelity_of(space.model.config, level))
    for index, text in enumerate(texts):
        try:
            code = space.encode([text])[0]
        except DomainError:
            continue
        noise = normal_rows(index * times, (index + 1) * times, tuple(code.shape), seed, stream=3)
        codes = paths.neighbours(code, noise.to(torch.float32), level)
        wanted, *found = same([text, *space.decode(codes, setting)])
        out[index] = sum(f is not None and f == wanted for f in found) / times
    return out
