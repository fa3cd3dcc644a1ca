"""Scores of headlines: length, case, variety, what kind of line it is. All are read off the text.

`SCORES` names them; `score_all(texts)` computes them, NaN where a text is no headline. `similarity`
compares two headlines by their words.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from domains.headlines.text import NOT_DOUBLED, Problem, read, words_of
from tvae_core.data.known import KnownSet
from tvae_core.domain import FloatArray

KNOWN_WORDS = "known_words"
_QUOTES = frozenset('"\u201c\u201d\u2018\u00ab\u00bb')


@dataclass(frozen=True, slots=True)
class Score:
    """One named score.

    Attributes:
        unit: what a value is counted in; empty for a plain number.
        better: which direction is wanted, where there is one.
        value: computes it from the canonical text and its words; NaN where it is not defined.
    """

    name: str
    unit: str
    description: str
    better: Literal["higher", "lower", "neither"]
    value: Callable[[str, list[str]], float]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _distinct(words: Sequence[str], n: int) -> float:
    grams = list(zip(*(words[start:] for start in range(n)), strict=False))
    return len(set(grams)) / len(grams) if grams else math.nan


def _title_case(text: str) -> float:
    """Function words may stay small in a title: they do not count."""
    pieces = [piece.lstrip("\"'([#\u2018\u201c") for piece in text.split()]
    counted = [p for p in pieces if p[:1].isalpha() and p.lower() not in NOT_DOUBLED]
    return _mean([p[0].isupper() for p in counted])


def _letters(text: str) -> float:
    return sum(map(str.isalpha, text)) / len(text.replace(" ", ""))


def _quoted(text: str) -> bool:
    """Straight single quotes count where a word starts with one; else they are apostrophes."""
    return not _QUOTES.isdisjoint(text) or text.startswith("'") or " '" in text


SCORES: dict[str, Score] = {
    score.name: score
    for score in (
        Score("words", "words", "words", "neither", lambda t, w: len(w)),
        Score("characters", "characters", "length with spaces", "neither", lambda t, w: len(t)),
        Score(
            "word_length", "characters", "mean length of a word", "neither",
            lambda t, w: _mean([len(word) for word in w]),
        ),
        Score("letters", "", "share of letters, spaces aside", "neither", lambda t, w: _letters(t)),
        Score(
            "title_case", "", "share of capitalised words, function words aside", "neither",
            lambda t, w: _title_case(t),
        ),
        Score(
            "distinct_1", "", "distinct words among all (Li et al. 2016, arXiv 1510.03055)",
            "higher", lambda t, w: _distinct(w, 1),
        ),
        Score(
            "distinct_2", "", "distinct pairs of words among all pairs", "higher",
            lambda t, w: _distinct(w, 2),
        ),
        Score(
            "has_number", "", "1 with a digit", "neither",
            lambda t, w: float(any(map(str.isdigit, t))),
        ),
        Score(
            "has_quote", "", "1 with a quotation", "neither", lambda t, w: float(_quoted(t))
        ),
        Score("is_question", "", "1 with a question mark", "neither", lambda t, w: float("?" in t)),
    )
}  # fmt: skip


def score_all(texts: Sequence[str], words: KnownSet | None = None) -> dict[str, FloatArray]:
    """Scores many headlines.

    Args:
        texts: headlines in any form.
        words: the words of a training set, for `known_words`: the share of words in it, those with
            a digit aside. One unknown word in 256 is called known (`tvae_core.data.known`).

    Returns:
        An array of shape `(len(texts),)` for each score; NaN where a text is no headline.
    """
    found = {name: np.full(len(texts), np.nan) for name in SCORES}
    if words is not None:
        found[KNOWN_WORDS] = np.full(len(texts), np.nan)
    for row, given in enumerate(texts):
        text = read(given)
        if isinstance(text, Problem):
            continue
        parts = words_of(text)
        for name, score in SCORES.items():
            found[name][row] = score.value(text, parts)
        if words is not None:
            plain = [part for part in parts if not any(map(str.isdigit, part))]
            found[KNOWN_WORDS][row] = words.contains(plain).mean() if plain else np.nan
    return found


def similarity(a: Sequence[str], b: Sequence[str]) -> FloatArray:
    """How much `a[i]` and `b[i]` say with the same words in the same order, `(n,)`, 0 to 1.

    Dice's coefficient (Dice 1945, Ecology 26, 297) of the words and pairs of neighbouring words,
    each as often as it stands; NaN where either is no headline.
    """
    found = np.full(len(a), np.nan)
    for row, texts in enumerate(zip(a, b, strict=True)):
        first, second = map(read, texts)
        if isinstance(first, Problem) or isinstance(second, Problem):
            continue
        left, right = map(_grams, (first, second))
        total = left.total() + right.total()
        found[row] = 2 * (left & right).total() / total if total else float(first == second)
    return found


def _grams(text: str) -> Counter[tuple[str, ...]]:
    words = words_of(text)
    return Counter([*((word,) for word in words), *pairwise(words)])
