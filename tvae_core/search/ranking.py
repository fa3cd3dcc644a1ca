"""Which of several items are better: ranks under constraints, Pareto fronts, scalarisations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tvae_core.search.types import Call, FloatArray

AUGMENTED = 0.05
"""Share of the plain weighted sum in the augmented Tchebycheff function (Knowles 2006)."""


def ranks(score: FloatArray, feasible: npt.NDArray[np.bool_], violation: FloatArray) -> FloatArray:
    """Ranks in 0 (worst) to 1 (best), equal for equals.

    Feasible items come first, by score; then infeasible ones, by violation and, of equals, by
    score, if they have one (Deb 2000, Comput. Methods Appl. Mech. Eng. 186, 311); then the rest:
    what is feasible and has no score, or misses its constraints by no finite number.

    Args:
        score: `(n,)`, higher is better, NaN for none.
        feasible: `(n,)`.
        violation: `(n,)`, 0 or more; NaN counts as infinite.

    Returns:
        `(n,)`.
    """
    known = np.isfinite(score)
    near = ~feasible & np.isfinite(violation)
    group = np.where(feasible & known, 2, np.where(near, 1, 0))
    missed = np.where(near, violation, 0.0)
    value = np.where(known & (group > 0), score, -np.inf)
    table = np.stack([group, -missed, value], axis=1)
    _, place = np.unique(table, axis=0, return_inverse=True)
    highest = max(int(place.max(initial=0)), 1)
    result = place.reshape(-1).astype(np.float64) / highest
    return result if len(result) != 1 else np.ones(1)


def non_dominated(values: FloatArray) -> npt.NDArray[np.bool_]:
    """Which rows no other row dominates; all columns are maximised.

    A row dominates another that it is nowhere worse than and somewhere better. Equal rows stay
    together; rows with NaN are on no front.

    Args:
        values: `(n, k)`.

    Returns:
        `(n,)`.
    """
    front = np.zeros(len(values), dtype=bool)
    left = np.flatnonzero(np.isfinite(values).all(axis=1))
    # from the largest sum on: what comes later cannot dominate what came before
    left = left[np.argsort(-values[left].sum(axis=1), kind="stable")]
    kept: list[int] = []
    for row in left:
        others = values[kept]
        dominated = (others >= values[row]).all(axis=1) & (others > values[row]).any(axis=1)
        if not dominated.any():
            kept.append(int(row))
    front[kept] = True
    return front


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


def tchebycheff(values: FloatArray, weights: Sequence[float] | FloatArray) -> FloatArray:
    """The augmented Tchebycheff scalarisation of ParEGO, to be maximised.

    Knowles, IEEE Trans. Evol. Comput. 10, 50 (2006), equation 2, on values scaled to 0..1 by the
    smallest and largest seen.

    Args:
        values: `(n, k)`, all maximised; rows with NaN get NaN.
        weights: `(k,)`, not negative, of sum 1.

    Returns:
        `(n,)`.
    """
    weight = np.asarray(weights, dtype=np.float64)
    known = np.isfinite(values).all(axis=1)
    result = np.full(len(values), np.nan)
    if not known.any():
        return result
    rows = values[known]
    low, high = rows.min(axis=0), rows.max(axis=0)
    cost = weight * (high - rows) / np.where(high > low, high - low, 1.0)
    result[known] = -(cost.max(axis=1) + AUGMENTED * cost.sum(axis=1))
    return result


def draw_weights(count: int, draws: np.random.Generator) -> FloatArray:
    """Random weights `(count,)`, uniform on the simplex."""
    return np.asarray(draws.dirichlet(np.ones(count)), dtype=np.float64)
