"""Directions in which attributes of tunes rise, and the decoded tune that comes nearest a wish."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from apps.common.bundle import Workbench
from apps.common.codes import encode, fits, noisy_codes
from apps.item_parts.facts import Item, read_items
from tvae_core.latent_ops import attribute_vector

ATTRIBUTES = {
    "density": ("Density", "sparser", "denser"),
    "mean_pitch": ("Pitch", "lower", "higher"),
    "syncopation": ("Syncopation", "on the beat", "off the beat"),
    "pitch_range": ("Range", "narrower", "wider"),
    "repetition": ("Repetition", "less", "more"),
    "contour": ("Contour", "falling", "rising"),
}
"""Score -> what its slider is called, and its two ends."""

FEWEST = 8
"""Fewest tunes that directions are fitted to."""
STEPS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
RADII = (0.0, 0.25, 0.5, 0.75)
OTHERS, CLOSENESS = 0.1, 0.3
"""Weights of what was not asked to change, and of likeness to the tune."""


@dataclass(frozen=True)
class Directions:
    """What moves an attribute by one standard deviation in the linear prediction.

    Attributes:
        vectors: `(n_latent, latent_size)` for each attribute that varies.
        sd: standard deviation of each attribute over the tunes.
        count: tunes they were fitted to.
    """

    vectors: Mapping[str, Tensor]
    sd: Mapping[str, float]
    count: int


def directions_of(bench: Workbench, texts: Sequence[str]) -> Directions:
    """Directions fitted to the valid tunes among decoded texts.

    Raises:
        ValueError: there are too few.
    """
    distinct = {item.key: item for item in read_items(bench, texts) if item.ok}
    found = list(distinct.values())
    short = fits(bench, [item.text for item in found])
    items = [item for item, fit in zip(found, short, strict=True) if fit]
    if len(items) < FEWEST:
        raise ValueError(
            f"only {len(items)} distinct tunes among {len(texts)} samples: directions need at "
            f"least {FEWEST}; another seed may give more"
        )
    codes = encode(bench, [item.text for item in items])
    vectors, sd = {}, {}
    for name in ATTRIBUTES:
        values = torch.tensor([item.scores.get(name, math.nan) for item in items])
        known = values[~values.isnan()]
        if len(known) < FEWEST or float(known.std()) < 1e-6:
            continue
        vectors[name] = attribute_vector(codes, values)
        sd[name] = float(known.std())
    return Directions(vectors, sd, len(items))


def moved_codes(
    bench: Workbench, code: Tensor, directions: Directions, wish: Mapping[str, float], seed: int
) -> Tensor:
    """A code moved by multiples of the wish, with some noise, `(24, n_latent, latent_size)`.

    Args:
        bench: the bundle.
        code: of the tune, `(n_latent, latent_size)`.
        directions: see `directions_of`.
        wish: attribute -> standard deviations.
        seed: of the noise.
    """
    step = torch.stack([amount * directions.vectors[name] for name, amount in wish.items()]).sum(0)
    parts = []
    for number, radius in enumerate(RADII):
        ends = torch.stack([code + share * step for share in STEPS])
        if radius:
            rows = range(len(STEPS))
            ends = torch.cat(
                [
                    noisy_codes(
                        bench.space, ends[i], 1, radius, seed + 1000 * (len(STEPS) * number + i)
                    )
                    for i in rows
                ]
            )
        parts.append(ends)
    return torch.cat(parts)


def missed(
    item: Item,
    start: Item,
    wish: Mapping[str, float],
    sd: Mapping[str, float],
    similarity: float,
) -> float:
    """How far a tune is from what was wished of another, in squared standard deviations.

    Attributes that were not wished to change count little, likeness to the tune a little.
    """
    total = CLOSENESS * (1 - (0.0 if math.isnan(similarity) else similarity))
    for name, size in sd.items():
        before, now = start.scores.get(name, math.nan), item.scores.get(name, math.nan)
        if math.isnan(before) or math.isnan(now):
            total += 1.0 if name in wish else 0.0
            continue
        off = (now - before) / size - wish.get(name, 0.0)
        total += off**2 * (1.0 if name in wish else OTHERS)
    return total
