"""Notes as they were played, in ticks, made into notes of so many steps."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence

import numpy as np

from domains.midi.notation import STEPS_PER_QUARTER
from domains.midi.reading.bars import Note
from domains.midi.reading.midi.events import Heard
from domains.midi.reading.midi.grid import Grid
from tvae_core.domain import FloatArray

MOST_OVERLAP = 3
"""Steps that a note may sound into the next one and still be taken to end with its beginning."""
MOST_GAP = 0.15
"""Share of its length that a note may end before the next one and be taken to reach it."""


def with_lengths(notes: list[Heard], ticks: int, end: int, lost: Counter[str]) -> list[Heard]:
    """Notes of a part; those of no length sound until the next one where all else is silent.

    A length of less than half a step is none. A note of none beside others is left out.

    Args:
        notes: of the part.
        ticks: a quarter.
        end: the part's last tick.
        lost: counts what was changed.
    """
    least = ticks / (2 * STEPS_PER_QUARTER)
    flat = [note for note in notes if note[1] - note[0] < least]
    if not flat:
        return notes
    kept = sorted(note for note in notes if note[1] - note[0] >= least)
    onsets = sorted({note[0] for note in notes})
    starts, until = [note[0] for note in kept], list[int]()
    for _, stop, _ in kept:
        until.append(max(stop, until[-1] if until else 0))
    for start, _, pitch in sorted(flat):
        before, after = bisect_right(starts, start), bisect_right(onsets, start)
        stop = onsets[after] if after < len(onsets) else max(end, start + ticks)
        if (before and until[before - 1] > start) or stop - start < least:
            lost["no length, left out"] += 1
        else:
            kept.append((start, stop, pitch))
            lost["no length, sounding until the next"] += 1
    return kept


def on_steps(notes: Sequence[Heard], ticks: int, lost: Counter[str]) -> list[Note]:
    """Notes of a part in steps, no two of one pitch at once."""
    found = []
    for start, stop, pitch in notes:
        first, _ = _step(start, ticks)
        last, exact = _step(stop, ticks)
        found.append((first, max(last, first + 1), pitch, exact))
    return _apart(found, lost)


def on_grid(notes: Sequence[Heard], ticks: int, grid: Grid, lost: Counter[str]) -> list[Note]:
    """As `on_steps`, on a coarser grid; rests of less than a quarter, at which a player lets a note
    go, are closed.
    """
    scale = STEPS_PER_QUARTER / ticks
    placed = grid.placed([(start * scale, stop * scale, pitch) for start, stop, pitch in notes])
    onsets = sorted({start for start, _, _ in placed})
    found = []
    for start, stop, pitch in placed:
        after = bisect_right(onsets, start)
        following = onsets[after] if after < len(onsets) else stop
        close = stop < following < stop + STEPS_PER_QUARTER
        found.append((start, following if close else stop, pitch, True))
    return _apart(found, lost)


def onsets_of(notes: Sequence[Heard], ticks: int) -> FloatArray:
    """Where notes begin, in steps, `(len(notes),)`."""
    return np.array([note[0] for note in notes], dtype=np.float64) * (STEPS_PER_QUARTER / ticks)


def step_of(tick: int, ticks: int) -> int:
    """The step that is nearest to a tick."""
    return _step(tick, ticks)[0]


def _step(tick: int, ticks: int) -> tuple[int, bool]:
    """The nearest step, and whether the tick lies on it."""
    step, rest = divmod(tick * STEPS_PER_QUARTER * 2 + ticks, 2 * ticks)
    return step, rest == ticks


def _apart(notes: Sequence[tuple[int, int, int, bool]], lost: Counter[str]) -> list[Note]:
    """Start, end, pitch, and whether the end is exact: as notes no two of one pitch at once."""
    ends: dict[tuple[int, int], tuple[int, bool]] = {}
    for start, stop, pitch, exact in notes:
        before = ends.get((start, pitch))
        ends[start, pitch] = (stop, exact) if before is None else max(before, (stop, exact))
    if len(ends) < len(notes):
        lost["struck twice at once"] += len(notes) - len(ends)
    onsets = sorted({start for start, _ in ends})
    following: dict[int, int] = {}
    found = []
    for (start, pitch), (stop, exact) in sorted(ends.items(), reverse=True):
        if not exact:
            stop = _snapped(start, stop, onsets)
        stop = min(stop, following.get(pitch, stop))
        following[pitch] = start
        found.append((start, stop - start, pitch))
    return found[::-1]


def _snapped(start: int, stop: int, onsets: list[int]) -> int:
    length = stop - start
    lowest, highest = stop - MOST_OVERLAP, stop + max(1, round(MOST_GAP * length))
    place = bisect_left(onsets, max(lowest, start + 1))
    near = [onset for onset in onsets[place : place + 8] if onset <= highest]
    return min(near, key=lambda onset: (abs(onset - stop), onset), default=stop)
