"""Scores of digits: ink, shape, and what the independent classifier reads.

`score_all(texts)` gives one number a text for each name of `SCORES`, NaN where a text is no digit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from domains.mnist.pictures.images import COMMON_SIDE, pool, resample
from domains.mnist.pictures.text import LEVELS, LIT, Levels, digit_or_none
from tvae_core.domain import FloatArray

SCORES = {
    "digit": "the label that the classifier reads, 0 to 9",
    "digit_confidence": "the probability that it gives that label",
    "ink": "mean level of the pixels, 0 to 1",
    "height": "of the box around the lit pixels, as a share of the side",
    "width": "of that box",
    "offset_x": "centre of mass, from the middle to the right, as a share of the side",
    "offset_y": "centre of mass, from the middle downwards",
    "components": "connected parts of lit pixels, corners touching",
    "holes": "parts of the background that the lit pixels enclose",
    "symmetry": "likeness to its mirror image, left to right about the box, 0 to 1",
}
"""Name of each score and what it says."""

Mask = npt.NDArray[np.bool_]

_CHUNK = 2048


def score_all(texts: Sequence[str]) -> dict[str, FloatArray]:
    """All scores of `SCORES`, each `(len(texts),)`."""
    scores = {name: np.full(len(texts), np.nan) for name in SCORES}
    for start in range(0, len(texts), _CHUNK):
        digits = [digit_or_none(text) for text in texts[start : start + _CHUNK]]
        by_side: dict[int, list[int]] = {}
        for index, digit in enumerate(digits):
            if digit is not None:
                by_side.setdefault(len(digit), []).append(index)
        for rows in by_side.values():
            stack = np.stack(
                [digit for digit in (digits[row] for row in rows) if digit is not None]
            )
            for name, values in _score_stack(stack).items():
                scores[name][start + np.array(rows)] = values
    return scores


def _score_stack(stack: Levels) -> dict[str, FloatArray]:
    """All scores of digits of one size, `(n, side, side)`, none of them blank."""
    from domains.mnist.classifier import probabilities

    side, weights = stack.shape[-1], stack.astype(np.float64)
    lit: Mask = np.asarray(stack >= LIT)
    mass = weights.sum(axis=(1, 2))
    middle = (np.arange(side) + 0.5) / side - 0.5
    read = probabilities(list(stack))
    return {
        "digit": read.argmax(axis=1).astype(np.float64),
        "digit_confidence": read.max(axis=1),
        "ink": weights.mean(axis=(1, 2)) / (LEVELS - 1),
        "height": _extent(np.any(lit, axis=2)) / side,
        "width": _extent(np.any(lit, axis=1)) / side,
        "offset_x": weights.sum(axis=1) @ middle / mass,
        "offset_y": weights.sum(axis=2) @ middle / mass,
        "components": components(lit, corners=True),
        "holes": components(~np.pad(lit, ((0, 0), (1, 1), (1, 1))), corners=False) - 1,
        "symmetry": _symmetry(stack, lit),
    }


def _extent(hit: Mask) -> FloatArray:
    """From the first to the last true place of each row, `(n, side)` -> `(n,)`."""
    first, last = hit.argmax(axis=1), hit.shape[1] - hit[:, ::-1].argmax(axis=1)
    return np.asarray(last - first, dtype=np.float64)


def components(mask: Mask, corners: bool) -> FloatArray:
    """How many connected parts each mask has.

    Every place takes the lowest number among itself and its neighbours until nothing changes; a
    part then has one place that kept its own number.

    Args:
        mask: `(n, height, width)`.
        corners: whether places that touch at a corner are connected.

    Returns:
        `(n,)`.
    """
    n, height, width = mask.shape
    own = np.arange(1, height * width + 1).reshape(height, width)
    outside = height * width + 1
    labels = np.where(mask, own, outside)
    steps = [(0, 1), (1, 0), (0, -1), (-1, 0)]
    steps += [(1, 1), (1, -1), (-1, 1), (-1, -1)] if corners else []
    while True:
        padded = np.pad(labels, ((0, 0), (1, 1), (1, 1)), constant_values=outside)
        lowest = labels
        for down, right in steps:
            moved = padded[:, 1 + down : 1 + down + height, 1 + right : 1 + right + width]
            lowest = np.minimum(lowest, moved)
        lowest = np.where(mask, lowest, outside)
        if np.array_equal(lowest, labels):
            roots = ((labels == own) & mask).reshape(n, -1)
            return np.asarray(roots.sum(axis=1), dtype=np.float64)
        labels = lowest


def _symmetry(stack: Levels, lit: Mask) -> FloatArray:
    found = np.zeros(len(stack))
    for index, (digit, columns) in enumerate(zip(stack, np.any(lit, axis=1), strict=True)):
        first, last = np.flatnonzero(columns)[[0, -1]]
        box = digit[:, first : last + 1]
        found[index] = _likeness(box, box[:, ::-1])
    return found


def _likeness(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> float:
    """Ruzicka similarity: ink in common over ink in either, 0 to 1."""
    return float(np.minimum(a, b).sum(dtype=np.float64) / np.maximum(a, b).sum(dtype=np.float64))


def similarity(a: Sequence[str], b: Sequence[str]) -> FloatArray:
    """Ink that `a[i]` and `b[i]` share over ink in either, `(n,)`, 0 to 1; NaN if invalid.

    Digits of unlike sizes are compared at 14 x 14.
    """
    found = np.full(len(a), np.nan)
    for index, pair in enumerate(zip(a, b, strict=True)):
        first, second = (digit_or_none(text) for text in pair)
        if first is None or second is None:
            continue
        if first.shape == second.shape:
            found[index] = _likeness(first, second)
        else:
            found[index] = _likeness(_common(first), _common(second))
    return found


def _common(digit: Levels) -> npt.NDArray[np.float32]:
    small = len(digit) < COMMON_SIDE
    made = resample(digit, COMMON_SIDE) if small else pool(digit, COMMON_SIDE)
    return made.astype(np.float32)
