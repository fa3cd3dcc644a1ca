"""Overlapping area of the distributions of scores: how alike two sets of tunes are.

Yang and Lerch 2020 (Neural Computing and Applications 32, 4773) compare densities of features by
the area under both curves, 1 for equal ones. Scores of few values are compared by their shares,
others by Gaussian kernel densities with one bandwidth (Scott 1992).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tvae_core.domain import FloatArray

FEW_VALUES = 32
_GRID = 512


def overlapping_area(a: FloatArray, b: FloatArray) -> float:
    """The area under both densities of two sets of values, `(n,)` and `(m,)`, 0..1.

    NaN values are left out; NaN if a side has none left.
    """
    a, b = a[~np.isnan(a)], b[~np.isnan(b)]
    if not len(a) or not len(b):
        return float("nan")
    both = np.concatenate((a, b))
    values, places = np.unique(both, return_inverse=True)
    if len(values) <= FEW_VALUES:
        first = np.bincount(places[: len(a)], minlength=len(values)) / len(a)
        second = np.bincount(places[len(a) :], minlength=len(values)) / len(b)
    else:
        width = max(float(both.std()) * min(len(a), len(b)) ** -0.2, 1e-9)
        grid = np.linspace(values[0] - 3 * width, values[-1] + 3 * width, _GRID)
        first, second = _density(a, grid, width), _density(b, grid, width)
    return float(np.minimum(first, second).sum())


def _density(values: FloatArray, grid: FloatArray, width: float) -> FloatArray:
    """Kernel density on a grid, `(len(grid),)`, of sum 1."""
    found = np.exp(-0.5 * ((grid[:, None] - values[None]) / width) ** 2).sum(axis=1)
    return np.asarray(found / found.sum())


def overlaps(
    generated: Mapping[str, FloatArray], held_out: Mapping[str, FloatArray]
) -> dict[str, float]:
    """Overlap of generated with held-out tunes, score by score, beside that of held-out halves.

    All three sets (generated, one half, the other half) are cut to the same size, because small
    samples overlap less; the generated tunes are compared with both halves.

    Args:
        generated: scores, each `(n,)`, of valid tunes in random order.
        held_out: the same of held-out ones.

    Returns:
        `oa_NAME` and `oa_NAME_halves` of every score; `oa_mean`, `oa_mean_halves`;
        `oa_worst_ratio`, the smallest `oa_NAME / oa_NAME_halves`; `oa_items`, the size of each set.
    """
    found: dict[str, float] = {}
    size = 0
    for name, values in generated.items():
        size = min(len(values), len(held_out[name]) // 2)
        made, first, second = values[:size], held_out[name][:size], held_out[name][size : 2 * size]
        sides = overlapping_area(made, first), overlapping_area(made, second)
        found[f"oa_{name}"] = sum(sides) / 2
        found[f"oa_{name}_halves"] = overlapping_area(first, second)
    pairs = [(found[f"oa_{name}"], found[f"oa_{name}_halves"]) for name in generated]
    known = [(made, real) for made, real in pairs if made == made and real > 0]
    if known:
        found["oa_mean"] = sum(made for made, _ in known) / len(known)
        found["oa_mean_halves"] = sum(real for _, real in known) / len(known)
        found["oa_worst_ratio"] = min(made / real for made, real in known)
    return found | {"oa_items": float(size)}
