"""MIDI files, read by symusic and put on the grid.

What lies on the grid comes back exactly. What was played, rather than written, moves to the nearest
step; a note that ends just before or after the next one begins is taken to end there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from typing import Any

import symusic

from domains.midi.notation import MAX_BARS, STEPS_PER_QUARTER, STEPS_PER_WHOLE, bar_length
from domains.midi.reading.bars import Metre, Note, check_metre, from_notes
from domains.midi.reading.pieces import Found
from tvae_core.domain import DomainError

MAX_NOTES = 50_000
MOST_OVERLAP = 3
"""Steps that a note may sound into the next one and still be taken to end with its beginning."""
MOST_GAP = 0.15
"""Share of its length that a note may end before the next one and be taken to reach it."""
NOTES_FOR_KEY = 2000


def read_midi(data: bytes) -> Found:
    """What a file holds: one score, all of whose bars add up.

    Raises:
        DomainError: what is wrong with it.
    """
    if not data.startswith(b"MThd") and not data.startswith(b"RIFF"):
        raise DomainError("no MIDI file: it does not begin with MThd")
    try:
        file: Any = symusic.Score.from_midi(data)
    except Exception as error:  # symusic raises RuntimeError and more
        detail = " ".join(str(error).replace("iostream error", "").split()).rstrip(" :")
        raise DomainError(f"a damaged or truncated MIDI file ({detail[:120]})") from error
    tpq = int(file.ticks_per_quarter)
    if tpq < 1:
        raise DomainError("a MIDI file that counts time in film frames")
    sounding = [track for track in file.tracks if len(track.notes)]
    tracks = [track for track in sounding if not track.is_drum]
    if not tracks:
        raise DomainError("only drums, which are not read" if sounding else "no notes")
    count = sum(len(track.notes) for track in tracks)
    if count > MAX_NOTES:
        raise DomainError(f"{count:,} notes; at most {MAX_NOTES:,} are read")
    parts = [_on_grid(track.notes, tpq) for track in tracks]
    end = max(start + duration for part in parts for start, duration, _ in part)
    changes = [
        (_step(t.time, tpq)[0], check_metre(int(t.numerator), int(t.denominator)))
        for t in file.time_signatures
    ]
    metres = bars_until(end, changes)
    keys = sorted((int(k.time), int(k.key)) for k in file.key_signatures)
    key = keys[0][1] if keys else estimated_key([note for part in parts for note in part])
    if not -7 <= key <= 7:
        raise DomainError("a key signature that cannot be written")
    names = [" ".join(track.name.split()) for track in tracks]
    title = names[0][:200] if len(set(names)) == 1 else ""
    return Found(title, [from_notes(parts, metres, key)])


def bars_until(end: int, changes: Sequence[tuple[int, Metre]]) -> list[Metre]:
    """The metres of all bars until a step.

    A bar that a change of metre cuts short has a metre of its own, such as 1/4; where none can be
    written, the change comes at the next bar line. Without changes, bars are of 4/4.

    Raises:
        DomainError: more than `MAX_BARS` bars.
    """
    ordered = deque(sorted(dict(changes).items()))
    metre, now, metres = (4, 4), 0, list[Metre]()
    while now < end:
        while ordered and ordered[0][0] <= now:
            metre = ordered.popleft()[1]
        here = metre
        if ordered and ordered[0][0] < now + bar_length(metre):
            here = _short(ordered[0][0] - now) or metre
        metres.append(here)
        now += bar_length(here)
        if len(metres) > MAX_BARS:
            raise DomainError(f"more than {MAX_BARS:,} bars")
    return metres


def estimated_key(notes: Sequence[Note]) -> int:
    """The key signature of the key that music21 hears (Krumhansl's profiles)."""
    from music21 import note, stream

    heard: Any = stream.Stream()
    for _, duration, pitch in sorted(notes)[:NOTES_FOR_KEY]:
        one: Any = note.Note(pitch)
        one.quarterLength = duration / STEPS_PER_QUARTER
        heard.append(one)
    return int(heard.analyze("key").sharps)


def _short(length: int) -> Metre | None:
    for unit in (4, 8, 16, 32, 2, 1):
        beats, rest = divmod(length * unit, STEPS_PER_WHOLE)
        if not rest and 1 <= beats <= 32:
            return beats, unit
    return None


def _step(tick: int, tpq: int) -> tuple[int, bool]:
    """The nearest step, and whether the tick lies on it."""
    step, rest = divmod(tick * STEPS_PER_QUARTER * 2 + tpq, 2 * tpq)
    return step, rest == tpq


def _on_grid(notes: Any, tpq: int) -> list[Note]:
    """Notes of a track in steps, no two of one pitch at once."""
    ends: dict[tuple[int, int], tuple[int, bool]] = {}
    for one in notes:
        start, _ = _step(max(0, one.time), tpq)
        stop, exact = _step(max(0, one.time + one.duration), tpq)
        stop = max(stop, start + 1)
        ends[start, one.pitch] = max(ends.get((start, one.pitch), (0, False)), (stop, exact))
    onsets = sorted({start for start, _ in ends})
    following: dict[int, int] = {}
    found = []
    for (start, pitch), (stop, exact) in sorted(ends.items(), reverse=True):
        if not exact:
            stop = _snapped(start, stop, onsets)
        stop = min(stop, following.get(pitch, stop))
        following[pitch] = start
        found.append((start, stop - start, pitch))
    return sorted(found)


def _snapped(start: int, stop: int, onsets: list[int]) -> int:
    length = stop - start
    lowest, highest = stop - MOST_OVERLAP, stop + max(1, round(MOST_GAP * length))
    place = bisect_left(onsets, max(lowest, start + 1))
    near = [onset for onset in onsets[place : place + 8] if onset <= highest]
    return min(near, key=lambda onset: (abs(onset - stop), onset), default=stop)
