"""How alike tunes are: edit distance over their notes, whatever the key.

An event is compared by what it is in the notation: pitches relative to the key signature, and
duration; rests count as events, and so does the end of a voice. Edit distances of melodies as
strings of notes are Mongeau and Sankoff's (1990, Computers and the Humanities 24, 161); here every
edit costs 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from domains.midi.notation import Score, key_shift, parse_score
from tvae_core.domain import DomainError, FloatArray
from tvae_core.space.similarity import edit_similarity

Symbol = tuple[int, tuple[int, ...]]
MOST_EVENTS = 2000
"""Events of a tune that are compared; longer ones are cut there."""
_CELLS = 2_000_000
_END: Symbol = (-1, ())


def note_symbols(score: Score) -> list[Symbol]:
    """`(duration, written pitches)` of the events and rests of every voice, voice after voice."""
    shift, found = key_shift(score.key), list[Symbol]()
    for number, voice in enumerate(score.voices):
        now = 0
        if number:
            found.append(_END)
        for event in voice:
            if event.start > now:
                found.append((event.start - now, ()))
            found.append((event.duration, tuple(p - shift for p in event.pitches)))
            now = event.start + event.duration
        if now < score.length:
            found.append((score.length - now, ()))
    return found[:MOST_EVENTS]


def score_similarity(a: Sequence[Score], b: Sequence[Score]) -> FloatArray:
    """The similarity of `a[i]` and `b[i]`, `(n,)`: 1 - edits over the events of the longer one."""
    codes: dict[Symbol, int] = {}
    known: dict[int, list[int]] = {}

    def row(score: Score) -> list[int]:
        if id(score) not in known:
            symbols = note_symbols(score)
            known[id(score)] = [codes.setdefault(symbol, len(codes)) for symbol in symbols]
        return known[id(score)]

    first, second = [row(score) for score in a], [row(score) for score in b]
    sizes = [max(len(x), len(y), 1) for x, y in zip(first, second, strict=True)]
    order = sorted(range(len(sizes)), key=lambda i: -sizes[i])
    out, done = np.zeros(len(sizes)), 0
    while done < len(order):
        part = order[done : done + max(1, _CELLS // sizes[order[done]])]
        out[part] = edit_similarity([first[i] for i in part], [second[i] for i in part])
        done += len(part)
    return out


def similarity(a: Sequence[str], b: Sequence[str]) -> FloatArray:
    """The similarity of the texts `a[i]` and `b[i]`, `(n,)`, 0 to 1; NaN if one is invalid."""
    scores: dict[str, Score | None] = {}
    for text in (*a, *b):
        if text not in scores:
            scores[text] = score_or_none(text)
    pairs = [(scores[x], scores[y]) for x, y in zip(a, b, strict=True)]
    both = [(i, x, y) for i, (x, y) in enumerate(pairs) if x is not None and y is not None]
    out = np.full(len(pairs), np.nan)
    if both:
        out[[i for i, _, _ in both]] = score_similarity(
            [x for _, x, _ in both], [y for _, _, y in both]
        )
    return out


def score_or_none(text: str) -> Score | None:
    """The score of a valid text; None for one that is invalid or silent."""
    try:
        score = parse_score(text)
    except DomainError:
        return None
    return score if any(score.voices) else None
