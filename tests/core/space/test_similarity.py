"""Edit similarity of tokens, and whose measure is taken."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tvae_core.space.similarity import edit_distance, edit_similarity, similarity_of


def plain_distance(a: list[int], b: list[int]) -> int:
    """The textbook recursion, a cell at a time."""
    table = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i][j] = min(
                table[i - 1][j] + 1,
                table[i][j - 1] + 1,
                table[i - 1][j - 1] + (a[i - 1] != b[j - 1]),
            )
    return table[-1][-1]


def test_known_distances() -> None:
    pairs = [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("", "", 0), ("ab", "ba", 2)]
    rows = [([ord(c) for c in a], [ord(c) for c in b]) for a, b, _ in pairs]
    found = edit_distance([a for a, _ in rows], [b for _, b in rows])
    assert found.tolist() == [distance for _, _, distance in pairs]


def test_many_at_once_are_what_each_is_alone() -> None:
    rng = random.Random(0)
    rows = [[rng.randrange(4) for _ in range(rng.randrange(9))] for _ in range(400)]
    a, b = rows[:200], rows[200:]
    expected = [plain_distance(x, y) for x, y in zip(a, b, strict=True)]
    assert edit_distance(a, b).tolist() == expected
    assert edit_distance(b, a).tolist() == expected
    similar = edit_similarity(a, b)
    assert ((similar >= 0) & (similar <= 1)).all()
    assert (edit_similarity(a, a) == 1).all()


def test_similarity_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tvae_core.space.similarity.CHUNK", 2)
    found = edit_similarity([[1, 2, 3, 4], [], [1]], [[1, 2, 4], [], [2]])
    assert found.tolist() == [0.75, 1, 0]
    assert edit_similarity([], []).shape == (0,)


def test_the_domain_is_asked_first(toy_tokenizer: Any, toy: Any) -> None:
    space: Any = SimpleNamespace(tokenizer=toy_tokenizer, domain=toy)
    by_tokens = similarity_of(space)
    assert by_tokens(["1236", "11"], ["1276", "22"]).tolist() == [0.75, 0]
    assert by_tokens([], []).shape == (0,)

    class Own:
        def similarity(self, a: Any, b: Any) -> Any:
            return np.full(len(a), 0.3)

    space.domain = Own()
    assert similarity_of(space)(["1236"], ["1276"]).tolist() == [0.3]
