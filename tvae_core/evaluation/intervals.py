"""95% confidence intervals for the numbers of an evaluation.

An `Estimate` is a float that knows its interval. Shares get Wilson's interval (Wilson 1927, JASA
22, 209), which stays within 0..1 and is honest at both ends. Points of one path, or neighbours of
one item, are not independent: there the sample counts as `n` divided by its design effect (Kish
1965, "Survey Sampling", section 8.2), with the variance between the clusters as observed.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Z = 1.959964
"""Half-width of a 95% interval in standard errors."""


class Estimate(float):
    """A number with the ends of its 95% confidence interval, `low` and `high`."""

    low: float
    high: float

    def __new__(cls, value: float, low: float, high: float) -> Estimate:
        """A float of that value; the ends are NaN where there is no interval."""
        made = super().__new__(cls, value)
        made.low, made.high = float(low), float(high)
        return made

    def __getnewargs__(self) -> tuple[float, float, float]:  # type: ignore[override]
        return float(self), self.low, self.high


NONE = Estimate(math.nan, math.nan, math.nan)


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's 95% interval of a share seen in `n` independent trials, `n` above 0."""
    shrink = 1 + Z**2 / n
    centre = (share + Z**2 / (2 * n)) / shrink
    half = Z / shrink * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    # the share itself lies within, rounding aside
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def share_of(hits: npt.ArrayLike, counts: npt.ArrayLike | None = None) -> Estimate:
    """The share of hits, with Wilson's interval.

    Args:
        hits: `(k,)` hits of each cluster; of each trial (0 or 1) where `counts` is None.
        counts: `(k,)` trials of each cluster; empty clusters are left out.

    Returns:
        NaN without trials. Where all trials agree the clusters, not the trials, are counted: how
        alike the trials of one cluster are cannot be seen then.
    """
    good = np.asarray(hits, dtype=np.float64)
    tried = np.ones_like(good) if counts is None else np.asarray(counts, dtype=np.float64)
    good, tried = good[tried > 0], tried[tried > 0]
    k, n = len(good), float(tried.sum())
    if not k:
        return NONE
    share = float(good.sum()) / n
    effective = n
    if n > k:
        plain = share * (1 - share) / (n - 1)
        seen = float(np.square(good - share * tried).sum()) * k / max(k - 1, 1) / n**2
        effective = n / max(1.0, seen / plain) if plain and k > 1 else float(k)
    return Estimate(share, *wilson(share, effective))


def mean_of(
    sums: npt.ArrayLike, counts: npt.ArrayLike | None = None, most: float = math.inf
) -> Estimate:
    """A mean over clusters of values, with the normal interval of a ratio of sums.

    Args:
        sums: `(k,)` sum of the values of each cluster; the values themselves where `counts` is
            None.
        counts: `(k,)` values of each cluster; empty clusters are left out.
        most: what no value exceeds, so the interval ends there; none is negative.
    """
    total = np.asarray(sums, dtype=np.float64)
    held = np.ones_like(total) if counts is None else np.asarray(counts, dtype=np.float64)
    total, held = total[held > 0], held[held > 0]
    k, n = len(total), float(held.sum())
    if not k:
        return NONE
    mean = float(total.sum()) / n
    if k < 2:
        return Estimate(mean, math.nan, math.nan)
    error = math.sqrt(float(np.square(total - mean * held).sum()) * k / (k - 1)) / n
    return Estimate(mean, max(0.0, mean - Z * error), min(most, mean + Z * error))


def with_bounds(values: dict[str, float]) -> dict[str, float]:
    """The values, with `NAME_low` and `NAME_high` after every one that knows its interval."""
    out: dict[str, float] = {}
    for name, value in values.items():
        out[name] = float(value)
        if isinstance(value, Estimate):
            out |= {f"{name}_low": value.low, f"{name}_high": value.high}
    return out
