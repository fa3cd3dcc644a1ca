"""The steps of a walk: evenly spaced, or only where the decoded item changes.

Near an end most points decode to the end itself. A walk of different steps decodes many more points
and keeps, evenly along the way, those that are valid and have not been passed before.
"""

from __future__ import annotations

from tvae_core.latent_ops import How
from tvae_core.space import LatentSpace, PathPoint

DENSITY = 8
"""Points decoded for each step of a walk of different steps."""


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
            are `steps` points still, or fewer where the way has fewer different items.
    """
    if not distinct:
        return space.interpolate(a, b, steps, how, per_token, fidelity)
    points = space.interpolate(a, b, DENSITY * (steps - 1) + 1, how, per_token, fidelity)
    verdicts = space.domain.check([point.text for point in points])
    seen = {verdicts[0].canonical, verdicts[-1].canonical}
    found = []
    for point, verdict in zip(points[1:-1], verdicts[1:-1], strict=True):
        if verdict.ok and verdict.canonical not in seen:
            seen.add(verdict.canonical)
            found.append(point)
    wanted = min(steps - 2, len(found))
    between = [found[(2 * i + 1) * len(found) // (2 * wanted)] for i in range(wanted)]
    return [points[0], *between, points[-1]]
