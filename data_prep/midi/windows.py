"""Windows of so many bars out of tunes, split by tune, none of them in two splits."""

from __future__ import annotations

import contextlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from data_prep.common import BAD_USAGE, PrepError
from data_prep.earlier import Flags
from data_prep.midi.corpus import Tune
from data_prep.prepared import split_rows
from domains.midi.notation import Event, Score, format_score, key_shift, parse_score
from tvae_core.support.progress import Bar

MAX_TEXT = 4000


def body(text: str) -> str:
    """A text after its key signature: what a tune has in common with itself in other keys."""
    return text[text.index("|") :]


def melodies(score: Score) -> list[Score]:
    """Every voice by itself, of a chord the highest note."""
    return [
        Score(
            score.key,
            score.metres,
            (tuple(Event(e.start, e.duration, e.pitches[-1:]) for e in voice),),
        )
        for voice in score.voices
        if voice
    ]


def windows(score: Score, bars: int, hop: int) -> Iterator[Score]:
    """Every `hop`-th excerpt of `bars` bars that holds a note, without the voices that rest."""
    places = score.bars
    begins = [[event.start for event in voice] for voice in score.voices]
    ends = [[event.start + event.duration for event in voice] for voice in score.voices]
    for first in range(0, len(places) - bars + 1, hop):
        here = places[first : first + bars]
        begin, end = here[0].start, here[-1].start + here[-1].length
        found = []
        for voice, starts, stops in zip(score.voices, begins, ends, strict=True):
            cut = []
            for event in voice[bisect_right(stops, begin) : bisect_left(starts, end)]:
                start, stop = max(event.start, begin), min(event.start + event.duration, end)
                cut.append(Event(start - begin, stop - start, event.pitches))
            if cut:
                found.append(tuple(cut))
        if found:
            yield Score(score.key, tuple(bar.metre for bar in here), tuple(found))


def distinct_tunes(tunes: Sequence[Tune]) -> tuple[list[Tune], int]:
    """Tunes without those that another one equals in all but its key, and how many those are."""
    seen: set[tuple[str, ...]] = set()
    kept = []
    for tune in tunes:
        key = tuple(map(body, tune.texts))
        if key not in seen:
            seen.add(key)
            kept.append(tune)
    return kept, len(tunes) - len(kept)


@dataclass(slots=True)
class Windows:
    """The windows of every split.

    Attributes:
        splits: tables of `text` and `label`.
        tunes: how many tunes each split has.
        copies: windows left out because they were there already.
        long: windows left out because their text is longer than `MAX_TEXT` characters.
        transposed: windows of the training split in a key that is not their own.
    """

    splits: dict[str, pa.Table] = field(default_factory=dict)
    tunes: dict[str, int] = field(default_factory=dict)
    copies: int = 0
    long: int = 0
    transposed: int = 0


def cut(
    tunes: Sequence[Tune],
    *,
    bars: int,
    hop: int,
    transpositions: int,
    voices: bool,
    seed: int,
    unknown: Flags | None = None,
) -> Windows:
    """Splits tunes 90/5/5 and cuts them into windows.

    Args:
        tunes: distinct ones.
        bars: of a window.
        hop: bars from one window of the training split to the next; the others take every `bars`.
        transpositions: further copies of a window of the training split, each in another key.
        voices: windows keep all voices; else every voice is a melody of its own.
        seed: of the split and the keys.
        unknown: for each tune, whether it may be held out (default: all).

    Raises:
        PrepError: fewer tunes than splits, or two that may be held out.
    """
    found, seen = Windows(), set[str]()
    rng = np.random.default_rng(seed)
    progress, done = Bar("cutting", "tune"), 0
    for name, rows in split_rows(len(tunes), seed, unknown=unknown).items():
        texts: list[str] = []
        labels: list[str] = []
        for row in rows:
            tune, done = tunes[row], done + 1
            for window in _windows_of(tune, bars, hop if name == "train" else bars, voices):
                text = format_score(window)
                if len(text) > MAX_TEXT:
                    found.long += 1
                elif body(text) in seen:
                    found.copies += 1
                else:
                    seen.add(body(text))
                    copies = _copies(window, transpositions, rng) if name == "train" else []
                    found.transposed += len(copies)
                    texts += [text, *copies]
                    labels += [tune.label] * (1 + len(copies))
            if done % 100 == 0 or done == len(tunes):
                progress(done, len(tunes))
        found.tunes[name] = len(rows)
        found.splits[name] = pa.table(
            {"text": pa.array(texts, pa.string()), "label": pa.array(labels, pa.string())}
        )
    progress.close()
    return found


def new_tunes(
    tunes: Sequence[Tune],
    bars: int,
    voices: bool,
    unknown: Callable[[Sequence[str]], Flags | None],
) -> Flags | None:
    """Which tunes have windows, none of them known to a bundle.

    A window is looked for in its own key, and as long as it is: a bundle of windows of another
    length knows none.

    Args:
        tunes: distinct ones.
        bars: of a window.
        voices: as in `cut`.
        unknown: tells which texts the bundle was not trained on.

    Returns:
        `(len(tunes),)`, or None where the bundle cannot tell.

    Raises:
        PrepError: no tune is as long as a window.
    """
    texts: list[str] = []
    owners: list[int] = []
    for row, tune in enumerate(tunes):
        found = [format_score(window) for window in _windows_of(tune, bars, 1, voices)]
        texts += found
        owners += [row] * len(found)
    if not texts:
        raise PrepError(f"no tune has {bars} bars in a row", BAD_USAGE)
    fresh = unknown(texts)
    if fresh is None:
        return None
    of, new = np.array(owners, dtype=np.int64), np.zeros(len(tunes), dtype=np.bool_)
    new[of] = True
    new[of[~fresh]] = False
    return new


def _windows_of(tune: Tune, bars: int, hop: int, voices: bool) -> Iterator[Score]:
    for text in tune.texts:
        score = parse_score(text)
        for one in [score] if voices else melodies(score):
            yield from windows(one, bars, hop)


def _copies(window: Score, count: int, rng: np.random.Generator) -> list[str]:
    """The window in so many random other keys, on the piano, with the same text after the key."""
    copies: list[str] = []
    for key in rng.permutation(np.arange(-5, 7)):
        semitones = key_shift(int(key)) - key_shift(window.key)
        if len(copies) == count:
            break
        if semitones:
            with contextlib.suppress(ValueError):  # beyond the piano's range
                copies.append(format_score(window.transposed(semitones)))
    return copies
