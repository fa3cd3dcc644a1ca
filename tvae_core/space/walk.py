"""The steps of a walk: evenly spaced, or only where the decoded item changes.

Near an end most points decode to the end itself, at a faithful setting of the dial even half of
the way. A walk of different steps decodes many more points and keeps, evenly along the way, items
that are valid and have not been met before. Where those are too few, noise is added to the points,
more and more of it, each time at the setting of the dial that the decoder learned for that noise.
"""

from __future__ import annotations

import torch

from tvae_core.decoding.dial import sigma_of
from tvae_core.model.latent import add_noise
from tvae_core.space import paths
from tvae_core.space.paths import How
from tvae_core.space.space import LatentSpace, PathPoint
from tvae_core.support.random_rows import normal_rows

DENSITY = 8
"""Points decoded for each step of a walk of different steps."""
NOISIER = (0.7, 0.5, 0.4, 0.3, 0.2)
"""Settings of the dial whose noise is added where following the path finds too few items."""


def walk(
    space: LatentSpace,
    a: str,
    b: str,
    steps: int = 9,
    how: How = "slerp",
    per_token: bool = False,
    fidelity: float | str | None = None,
    distinct: bool = False,
) -> list[PathPoint]:
    """The way from one text to another, both ends included, as `LatentSpace.interpolate` walks it.

    Args:
        space: decodes and checks.
        a: first text.
        b: last text.
        steps: points, at least 2.
        how: `slerp` or `lerp`.
        per_token: an arc for each latent token.
        fidelity: setting of the dial, `auto`, or None to follow the path.
        distinct: leave out what is invalid or has come before, an end or its copy included. There
            are `steps` points still, or fewer where the way has fewer different items. Without
            a `fidelity`, the noise of `NOISIER` is added until there are enough.
    """
    if not distinct:
        return space.interpolate(a, b, steps, how, per_token, fidelity)
    found: dict[str | None, PathPoint] = {}
    ends: list[PathPoint] = []
    count = DENSITY * (steps - 1) + 1
    for setting in (None, *(NOISIER if fidelity is None else ())):
        if setting is None:
            points = space.interpolate(a, b, count, how, per_token, fidelity)
        else:
            points = noisy_points(space, a, b, count, how, per_token, setting)
        verdicts = space.domain.check([point.text for point in points])
        ends = ends or [points[0], points[-1]]
        if not found:
            found = {verdicts[i].canonical: points[i] for i in (0, -1)}
        for point, verdict in zip(points[1:-1], verdicts[1:-1], strict=True):
            if verdict.ok:
                found.setdefault(verdict.canonical, point)
        between = sorted(
            (point for point in found.values() if 0 < point.t < 1), key=lambda point: point.t
        )
        if len(between) >= steps - 2:
            break
    wanted = min(steps - 2, len(between))
    chosen = [between[(2 * i + 1) * len(between) // (2 * wanted)] for i in range(wanted)]
    return [ends[0], *chosen, ends[1]]


def noisy_points(
    space: LatentSpace, a: str, b: str, count: int, how: How, per_token: bool, fidelity: float
) -> list[PathPoint]:
    """Points of the way with the noise of a setting of the dial added, decoded at that setting."""
    ends = space.encode([a, b])
    path = paths.path(ends[0], ends[1], count, how, per_token)
    level = sigma_of(space.model.config, fidelity).expand(count)
    codes = add_noise(path, level, normal_rows(0, count, tuple(path.shape[1:]), 0, stream=4))
    shares = torch.linspace(0, 1, count).tolist()
    return [
        PathPoint(t, code, fidelity, text)
        for t, code, text in zip(shares, codes, space.decode(codes, fidelity), strict=True)
    ]
