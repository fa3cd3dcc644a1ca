"""Tunes with other attributes: what lies on the way to tunes that have what is wished.

Attributes do not follow the code linearly: in the first bundle, ridge regression on 200 sampled
tunes explained a quarter of the density of others and less of all else, and adding its direction to
a code gave the same tune back. So a tune is blended with those sampled tunes that come nearest the
wish, and moved about itself; what decodes is scored, and the nearest is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from apps.common.bundle import Workbench
from apps.common.codes import encode, matched, noisy_codes
from apps.items.facts import Item, distinct_items, similarities
from tvae_core.space.paths import path

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
"""Fewest tunes to shape others with."""
ENDS, STEPS, PICKED = 12, 9, (2, 3, 4)
"""Tunes that a tune is blended with; steps of each way, and which of them are decoded."""
RADII = tuple(0.8 + 0.8 * i / 11 for i in range(12))
OTHERS, CLOSENESS = 0.1, 1.0
"""Weights of what was not asked to change, and of likeness to the tune."""


@dataclass(frozen=True)
class Palette:
    """Sampled tunes to shape others with.

    Attributes:
        items: distinct and valid.
        codes: `(n, n_latent, latent_size)`.
        sd: standard deviation of each attribute that varies over them.
    """

    items: list[Item]
    codes: Tensor
    sd: Mapping[str, float]


def palette_of(bench: Workbench, texts: Sequence[str]) -> Palette:
    """The valid tunes among decoded texts.

    Raises:
        ValueError: there are too few.
    """
    items = distinct_items(bench, texts)
    if len(items) < FEWEST:
        raise ValueError(
            f"only {len(items)} distinct tunes among {len(texts)} samples: shaping needs at least "
            f"{FEWEST}; another seed may give more"
        )
    sd = {}
    for name in ATTRIBUTES:
        values = torch.tensor([item.scores.get(name, math.nan) for item in items])
        known = values[~values.isnan()]
        if len(known) >= FEWEST and float(known.std()) > 1e-6:
            sd[name] = float(known.std())
    return Palette(items, encode(bench, [item.form for item in items]), sd)


def candidates(
    bench: Workbench, start: Item, palette: Palette, wish: Mapping[str, float], seed: int
) -> tuple[Tensor, Tensor]:
    """Codes that may decode to what is wished, and the settings of the dial to decode them at.

    Args:
        bench: the bundle.
        start: the tune.
        palette: tunes to blend it with.
        wish: attribute -> standard deviations.
        seed: of the noise.

    Returns:
        `(48, n_latent, latent_size)` and `(48,)`, fewer for a small palette.
    """
    likeness = similarities(bench, palette.items, start)
    miss = [
        missed(item, start, wish, palette.sd, value)
        for item, value in zip(palette.items, likeness, strict=True)
    ]
    rows = sorted(range(len(miss)), key=miss.__getitem__)[:ENDS]
    code = encode(bench, [start.text])[0]
    ways = torch.stack([path(code, palette.codes[row], STEPS) for row in rows])
    read, settings = bench.space.follow(ways)
    picked = torch.tensor(PICKED)
    around = [
        noisy_codes(bench.space, code, 1, radius, seed + number)
        for number, radius in enumerate(RADII)
    ]
    dial = torch.tensor([matched(bench.space, radius) for radius in RADII])
    codes = torch.cat((read[:, picked].flatten(0, 1), *around))
    return codes, torch.cat((settings[picked].repeat(len(rows)), dial))


def missed(
    item: Item,
    start: Item,
    wish: Mapping[str, float],
    sd: Mapping[str, float],
    similarity: float,
) -> float:
    """How far a tune is from what was wished of another, in squared standard deviations.

    Attributes that were not wished to change count little; unlikeness to the tune counts, too.
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
