"""Rows of the published MOSES table, to print a run beside.

Polykovskiy et al., Front. Pharmacol. 11, 565644 (2020), tables 2 to 4, as kept up to date in
https://github.com/molecularsets/moses: each with 30,000 samples, the mean of three models.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from tvae_core.support.table import shown, text_table

_COLUMNS = (
    "valid",
    "unique_10k",
    "fcd_test",
    "fcd_testsf",
    "snn_test",
    "scaf_test",
    "scaf_testsf",
    "intdiv",
    "filters",
    "novelty",
)
_ROWS: dict[str, tuple[float, ...]] = {
    "train set": (1, 1, 0.008, 0.476, 0.642, 0.991, 0, 0.857, 1, 0),
    "CharRNN": (0.975, 0.999, 0.073, 0.520, 0.602, 0.924, 0.110, 0.856, 0.994, 0.842),
    "VAE": (0.977, 0.998, 0.099, 0.567, 0.626, 0.939, 0.059, 0.856, 0.997, 0.695),
    "AAE": (0.937, 0.997, 0.556, 1.057, 0.608, 0.902, 0.079, 0.856, 0.996, 0.793),
    "JTN-VAE": (1, 1, 0.395, 0.938, 0.548, 0.896, 0.101, 0.855, 0.976, 0.914),
    "LatentGAN": (0.897, 0.997, 0.297, 0.828, 0.537, 0.887, 0.107, 0.857, 0.974, 0.950),
}
PUBLISHED: dict[str, dict[str, float]] = {
    model: dict(zip(_COLUMNS, row, strict=True)) for model, row in _ROWS.items()
}
"""Published figures, model by model, under the names that `evaluate --moses` uses."""

FLOOR = ((1_000, 1.354), (3_000, 0.446), (10_000, 0.136), (30_000, 0.049))
"""Samples, and the FCD to the test set of as many molecules of the training set (measured)."""


def fcd_floor(n: int) -> float:
    """About the FCD to the test set of `n` training molecules, which shrinks roughly as 1 / n."""
    nearest = min(FLOOR, key=lambda row: abs(row[0] - n))
    return nearest[1] * nearest[0] / n


def table(metrics: Mapping[str, float], title: str = "this run") -> str:
    """The metrics as text, a line each, with the published figures beside them."""
    rows = [["", title, *PUBLISHED]]
    for name, value in metrics.items():
        figures = [row.get(name, math.nan) for row in PUBLISHED.values()]
        rows.append([name, _shown(value, 5), *(_shown(figure, 3) for figure in figures)])
    names = max(map(len, metrics))
    return text_table(rows, "<>", [names, *[11] * len(rows[0][1:])], gap="")


def _shown(value: float, places: int) -> str:
    return shown(float(value), f".{places}f", large=",.0f")
