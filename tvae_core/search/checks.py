"""Checks of what a search is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tvae_core.domain import DomainError
from tvae_core.space.paths import check_radius
from tvae_core.space.space import LatentSpace

DECODES = 100
"""Codes decoded at most for each call of the budget."""


def check_settings(
    budget: int,
    batch_size: int,
    radius: float,
    targets: Sequence[str],
    weights: Sequence[float] | None,
    decodes: int | None,
) -> None:
    """Refuses settings out of range, by `ValueError`."""
    if budget < 1:
        raise ValueError(f"the budget must be at least 1 call, not {budget}")
    if decodes is not None and decodes < 1:
        raise ValueError(f"at least 1 code is decoded, not {decodes}")
    if batch_size < 4:
        raise ValueError(f"a generation has at least 4 codes, not {batch_size}")
    check_radius(radius)
    if radius == 0:
        raise ValueError("radius must be above 0")
    if weights is not None and (
        len(weights) != len(targets) or min(weights, default=0) < 0 or sum(weights) <= 0
    ):
        raise ValueError(
            f"weights are numbers of 0 or more, one for each of {len(targets)} targets"
        )


def canonical_start(space: LatentSpace, text: str) -> str:
    """The canonical form of a start; raises `DomainError` for one that its domain refuses."""
    (verdict,) = space.domain.check([text])
    if not verdict.ok or verdict.canonical is None:
        raise DomainError(f"start {text!r}: {verdict.reason}", verdict.position)
    return verdict.canonical


def bundle_hash(space: LatentSpace) -> str:
    """The hash of a space's bundle; empty for a space built from parts."""
    try:
        return space.bundle.hash
    except ValueError:
        return ""


def new_limits(
    saved: Mapping[str, Any],
    budget: tuple[int | None, int],
    decodes: tuple[int | None, int],
    folder: str | Path,
) -> dict[str, int | None]:
    """The limits of a saved search that goes on.

    Args:
        saved: its settings.
        budget: a new one for the whole search (None: as it was), and how much of it is used.
        decodes: the same for the codes decoded.
        folder: of the search, for the message.

    Raises:
        ValueError: one that is passed already.
    """
    limits: dict[str, int | None] = {}
    for name, (asked, used) in (("budget", budget), ("decodes", decodes)):
        if asked is not None and asked < used:
            raise ValueError(
                f"{name} {asked:,} is for the whole search, and that in {folder} has used "
                f"{used:,} already"
            )
        limits[name] = saved[name] if asked is None else asked
    if limits["decodes"] is None and DECODES * (limits["budget"] or 0) < decodes[1]:
        limits["decodes"] = decodes[1]  # what a smaller budget would allow is passed already
    return limits
