"""How alike two texts are: the domain's own measure, or an edit similarity of their tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from tvae_core.domain import FloatArray, HasSimilarity
from tvae_core.space.space import Codec

Similarity = Callable[[Sequence[str], Sequence[str]], FloatArray]
"""Two lists of valid texts, item by item -> 0 (nothing shared) to 1 (the same), NaN if unknown."""

CHUNK = 4096


def edit_distance(a: Sequence[Sequence[int]], b: Sequence[Sequence[int]]) -> npt.NDArray[np.int64]:
    """Levenshtein distances of the pairs `(a[i], b[i])`, `(n,)` in edits.

    Wagner and Fischer 1974 (J. ACM 21, 168), all pairs at once; the insertions of a row of the
    table are one running minimum.
    """
    n = len(a)
    rows = np.array([len(row) for row in a], dtype=np.int64)
    columns = np.array([len(row) for row in b], dtype=np.int64)
    left = np.full((n, max(rows.max(initial=0), 1)), -1, dtype=np.int64)
    right = np.full((n, columns.max(initial=0)), -2, dtype=np.int64)
    for i, (first, second) in enumerate(zip(a, b, strict=True)):
        left[i, : len(first)] = first
        right[i, : len(second)] = second
    steps = np.arange(right.shape[1] + 1)
    row = np.repeat(steps[None], n, axis=0)
    found = columns.copy()
    for i in range(rows.max(initial=0)):
        fresh = row + 1
        fresh[:, 1:] = np.minimum(fresh[:, 1:], row[:, :-1] + (left[:, i, None] != right))
        row = np.minimum.accumulate(fresh - steps, axis=1) + steps
        done = rows == i + 1
        found[done] = row[done, columns[done]]
    return found


def edit_similarity(a: Sequence[Sequence[int]], b: Sequence[Sequence[int]]) -> FloatArray:
    """1 - edit distance / length of the longer row, item by item; 1 for two empty rows."""
    out = np.ones(len(a))
    for start in range(0, len(a), CHUNK):
        first, second = a[start : start + CHUNK], b[start : start + CHUNK]
        longest = [max(len(x), len(y), 1) for x, y in zip(first, second, strict=True)]
        out[start : start + CHUNK] -= edit_distance(first, second) / np.array(longest)
    return out


def similarity_of(space: Codec) -> Similarity:
    """The similarity of a space's domain; of tokens, where the domain has none of its own."""
    if isinstance(space.domain, HasSimilarity):
        return space.domain.similarity

    def by_tokens(a: Sequence[str], b: Sequence[str]) -> FloatArray:
        if not a:
            return np.zeros(0)
        rows = [
            space.tokenizer(list(side), add_special_tokens=False)["input_ids"] for side in (a, b)
        ]
        return edit_similarity(*rows)

    return by_tokens
