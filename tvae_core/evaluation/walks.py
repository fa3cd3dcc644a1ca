"""Smoothness of interpolations: similarity of the points of a path to each other and to its ends.

Read through a similarity of texts (the domain's own, see `tvae_core.space.similarity`), always of
canonical forms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tvae_core.domain import FloatArray, Verdict
from tvae_core.evaluation.intervals import mean_of
from tvae_core.space.similarity import Similarity

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Walks:
    """Decoded paths as numbers, each array `(paths, points)`; similarities are NaN if invalid.

    Attributes:
        valid: whether the point is valid.
        copy: whether it is one of the two ends, as decoded or as given.
        to_start: similarity to the item that the path starts from.
        to_end: similarity to the item that it ends at.
        step: similarity to the next valid point of the path; NaN for the last of them.
        pair: similarity of the two items, `(paths,)`.
    """

    valid: BoolArray
    copy: BoolArray
    to_start: FloatArray
    to_end: FloatArray
    step: FloatArray
    pair: FloatArray


def read_walks(
    check: Callable[[Sequence[str]], list[Verdict]],
    similarity: Similarity,
    paths: Sequence[Sequence[str]],
    ends: Sequence[tuple[str, str]],
) -> Walks:
    """Checks and compares the points of paths.

    Args:
        check: the domain's.
        similarity: of canonical forms.
        paths: decoded texts, as many points each.
        ends: canonical forms of the two items of each path.
    """
    verdicts = check([text for path in paths for text in path])
    width = len(paths[0]) if paths else 0
    valid = np.array([v.ok for v in verdicts], dtype=np.bool_).reshape(len(paths), width)
    forms = np.array([v.canonical or "" for v in verdicts], dtype=object).reshape(len(paths), width)
    given = np.array(ends, dtype=object).reshape(len(paths), 2)
    copy = np.zeros_like(valid)
    for end in (given[:, :1], given[:, 1:], forms[:, :1], forms[:, -1:]):
        copy |= valid & (forms == end)
    following = np.full(valid.shape, -1)
    for point in range(width - 2, -1, -1):
        after = valid[:, point + 1]
        following[:, point] = np.where(after, point + 1, following[:, point + 1])
    rows, points = np.nonzero(valid)
    stepping = valid & (following >= 0)
    first = np.nonzero(stepping)
    second = (first[0], following[first])
    parts = (
        (forms[rows, points], given[rows, 0]),
        (forms[rows, points], given[rows, 1]),
        (forms[first], forms[second]),
        (given[:, 0], given[:, 1]),
    )
    known = similarity(
        [text for left, _ in parts for text in left], [text for _, right in parts for text in right]
    )
    to_start, to_end, step, pair = np.split(known, np.cumsum([len(left) for left, _ in parts])[:-1])
    return Walks(
        valid,
        copy,
        _placed(valid, to_start),
        _placed(valid, to_end),
        _placed(stepping, step),
        pair,
    )


def _placed(where: BoolArray, values: FloatArray) -> FloatArray:
    out = np.full(where.shape, np.nan)
    out[where] = values
    return out


def _row_means(values: FloatArray) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    return np.nansum(values, axis=1), (~np.isnan(values)).sum(1)


def smoothness(walks: Walks) -> dict[str, float]:
    """How evenly walks change.

    `interpolation_step_similarity`: of consecutive valid points, copies of each other included;
    `interpolation_worst_step`: the least of them in each path, averaged over paths (a walk that
    stays and then jumps has a high mean and a low worst step); `interpolation_near_similarity`:
    of the points between, copies of the ends left out, to the more similar of the two items.
    """
    some = (~np.isnan(walks.step)).any(1)
    between = walks.valid & ~walks.copy
    between[:, [0, -1]] = False
    near = np.where(between, np.fmax(walks.to_start, walks.to_end), np.nan)
    return {
        "interpolation_step_similarity": mean_of(*_row_means(walks.step), most=1),
        "interpolation_worst_step": mean_of(np.nanmin(walks.step[some], axis=1), most=1),
        "interpolation_near_similarity": mean_of(*_row_means(near), most=1),
    }


def walk_curves(walks: Walks) -> dict[str, list[float]]:
    """Means over paths at each point: valid share, similarity to both items and to the next."""

    def means(values: FloatArray) -> list[float]:
        return [float(np.nanmean(c)) if not np.isnan(c).all() else math.nan for c in values.T]

    return {
        "path_valid": means(walks.valid.astype(np.float64)),
        "path_start_similarity": means(walks.to_start),
        "path_end_similarity": means(walks.to_end),
        "path_step_similarity": means(walks.step),
    }
