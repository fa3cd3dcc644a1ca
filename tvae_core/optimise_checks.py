"""Checks of what a search is given."""

from __future__ import annotations

from collections.abc import Sequence

from tvae_core.domain import DomainError
from tvae_core.latent_ops import check_radius
from tvae_core.space import LatentSpace


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
