"""The Pareto front of the calls of a search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tvae_core.search.ranking import non_dominated
from tvae_core.search.types import Call


def pareto_front(
    calls: Sequence[Call], names: Sequence[str], maximise: Sequence[bool] | bool = True
) -> list[Call]:
    """The feasible calls that no other dominates, by the first name from its best on.

    Args:
        calls: of one search.
        names: parts of the score.
        maximise: for each name (or all) whether more is better.

    Raises:
        ValueError: for a name that the calls do not have, or another number of directions.
    """
    ups = [maximise] * len(names) if isinstance(maximise, bool) else list(maximise)
    if len(ups) != len(names) or not names:
        raise ValueError(f"{len(names)} names with {len(ups)} directions")
    feasible = [call for call in calls if call.feasible]
    if not feasible:
        return []
    for name in names:
        if name not in feasible[0].values:
            known = ", ".join(feasible[0].values)
            raise ValueError(f"the calls have no value {name!r}; they have: {known}")
    signs = np.where(ups, 1.0, -1.0)
    table = signs * np.array([[call.values[name] for name in names] for call in feasible])
    rows = np.flatnonzero(non_dominated(table))
    return [feasible[i] for i in rows[np.argsort(-table[rows, 0], kind="stable")]]
