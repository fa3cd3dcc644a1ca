"""The shape of a latent space: neighbourhoods by radius, and how codes fill their dimensions.

What MOSES has no number for; the smoothness of walks is in `tvae_core.evaluation.walks`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from tvae_core.decoding.dial import fidelity_of
from tvae_core.evaluation.intervals import mean_of, share_of
from tvae_core.model.mmd import mmd
from tvae_core.space import paths
from tvae_core.space.similarity import Similarity
from tvae_core.space.space import LatentSpace
from tvae_core.support.random_rows import normal_rows

RADII = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0)
"""Radii of the neighbourhoods, in the units of `LatentSpace.neighbours`."""

SETTINGS: tuple[float | None, ...] = (None, 1.0, 0.5, 0.1)
"""Settings of the dial for them; None is that of the radius, as `neighbours` takes it."""

DRAWS = 16
"""Neighbours decoded for each item, radius and setting."""

ACTIVE_VARIANCE = 0.01
MMD_ROWS = 4000


@dataclass
class Geometry:
    """What `evaluate(..., geometry=True)` adds.

    Attributes:
        metrics: by name.
        curves: by name, for the plots: along a path (`path_...`, a value a point) and the
            spectrum (`spectrum`, `spectrum_normal`, eigenvalues from the largest).
    """

    metrics: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)

    def flat(self) -> dict[str, float]:
        """The metrics, and the points of the paths as `path_valid_t0.50`."""
        out = dict(self.metrics)
        for name, values in self.curves.items():
            if name.startswith("path_"):
                points = zip(np.linspace(0, 1, len(values)), values, strict=True)
                out |= {f"{name}_t{t:.2f}": v for t, v in points if not math.isnan(v)}
        return out


def neighbourhood(
    space: LatentSpace,
    starts: Sequence[str],
    codes: Tensor,
    similarity: Similarity,
    *,
    draws: int = DRAWS,
    fidelity: float | None = None,
    radii: Sequence[float] = RADII,
    seed: int = 0,
) -> dict[str, float]:
    """Decodes from around items, by radius; the same noise at every radius and setting.

    Args:
        space: decodes.
        starts: canonical forms of the items.
        codes: their codes, `(n, n_latent, latent_size)`.
        similarity: of canonical forms.
        draws: neighbours an item.
        fidelity: setting of the dial; None for that of the radius, as `LatentSpace.neighbours`.
        radii: in units of the codes' spread.
        seed: of the noise.

    Returns:
        For each radius, with a suffix such as `_r0.5`: `neighbour_valid` (share of the draws),
        `neighbour_distinct` (distinct texts of an item over its valid draws), `neighbour_same`
        (share of the draws that are the item itself), `neighbour_similarity` (mean of the valid
        draws to the item, itself included).
    """
    noise = normal_rows(0, len(codes) * draws, tuple(codes.shape[1:]), seed, stream=4)
    centres = codes.repeat_interleave(draws, 0)
    out: dict[str, float] = {}
    for radius in radii:
        level = radius * space.spread
        setting = fidelity
        if setting is None:
            setting = float(fidelity_of(space.model.config, max(level, 1e-6)))
        texts = space.decode(paths.neighbours(centres, noise, level), setting)
        verdicts = space.domain.check(texts)
        forms = [v.canonical if v.ok else None for v in verdicts]
        groups = [forms[i : i + draws] for i in range(0, len(forms), draws)]
        valid = [sum(form is not None for form in group) for group in groups]
        tried = [draws] * len(groups)
        found = [
            (start, form)
            for start, group in zip(starts, groups, strict=True)
            for form in group
            if form is not None
        ]
        alike = iter(similarity([a for a, _ in found], [b for _, b in found]).tolist())
        sums = [sum(next(alike) for _ in range(count)) for count in valid]
        distinct = [len(set(group) - {None}) for group in groups]
        same = [group.count(start) for start, group in zip(starts, groups, strict=True)]
        out |= {
            f"neighbour_valid_r{radius:g}": share_of(valid, tried),
            f"neighbour_distinct_r{radius:g}": share_of(distinct, valid),
            f"neighbour_same_r{radius:g}": share_of(same, tried),
            f"neighbour_similarity_r{radius:g}": mean_of(sums, valid, most=1),
        }
    return out


def posterior(codes: Tensor, seed: int = 0) -> tuple[dict[str, float], dict[str, list[float]]]:
    """How codes fill their dimensions, and how far they are from N(0, I).

    `active_dims` counts the dimensions whose variance over the data is above 0.01: the criterion
    of Burda et al. 2016 (arXiv 1509.00519, section 5.2) with the code itself in place of the mean
    of a posterior, which a deterministic encoder does not have; `active_share` divides by their
    number. `effective_rank` is the exponential of the entropy of the covariance's eigenvalues,
    scaled to sum to 1 (Roy and Vetterli 2007, EUSIPCO, 606-610). `posterior_mmd` is the unbiased
    MMD^2 to N(0, I) with the kernel of training, `posterior_mean_error` the root mean square of
    the means, `posterior_cov_error` the Frobenius distance of the covariance to I over sqrt(d).

    Each comes once more as `..._normal`: the same statistic of as many draws of N(0, I), which is
    what a perfect code would score at this sample size.

    Args:
        codes: `(n, n_latent, latent_size)`, `n` at least 2.
        seed: of the draws.

    Returns:
        Metrics, and the curves `spectrum` and `spectrum_normal`.
    """
    flat = codes.flatten(1).double()
    rng = torch.Generator().manual_seed(seed)
    draws = torch.randn(flat.shape, generator=rng, dtype=torch.float64)
    metrics: dict[str, float] = {}
    curves: dict[str, list[float]] = {}
    for suffix, rows in (("", flat), ("_normal", draws)):
        d, mean = rows.shape[1], rows.mean(0)
        covariance = (rows - mean).T @ (rows - mean) / (len(rows) - 1)
        spectrum = torch.linalg.eigvalsh(covariance).flip(0).clamp(min=0)
        power = spectrum / spectrum.sum().clamp(min=1e-300)
        entropy = -torch.special.xlogy(power, power).sum()
        active = int((covariance.diagonal() > ACTIVE_VARIANCE).sum())
        some = rows[:MMD_ROWS]
        other = torch.randn(some.shape, generator=rng, dtype=torch.float64)
        found = {
            "active_dims": float(active),
            "active_share": active / d,
            "effective_rank": float(entropy.exp()),
            "spectrum_min": float(spectrum[-1]),
            "spectrum_max": float(spectrum[0]),
            "posterior_mmd": float(mmd(some.float(), other.float())),
            "posterior_mean_error": float(mean.square().mean().sqrt()),
            "posterior_cov_error": float((covariance - torch.eye(d)).norm()) / math.sqrt(d),
        }
        metrics |= {name + suffix: value for name, value in found.items()}
        curves["spectrum" + suffix] = spectrum.tolist()
    return metrics, curves
