"""MIDI files as scores: the notes of every track on the grid, bar lines, key.

What lies on the grid comes back exactly. What was played, rather than written, moves to the nearest
step, or to the grid that is asked for; a note that ends just before or after the next one begins is
taken to end there.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

import numpy as np

from domains.midi.notation import MAX_BARS, STEPS_PER_WHOLE, bar_length
from domains.midi.reading.bars import Metre, Note, check_metre
from domains.midi.reading.keys import estimated_key
from domains.midi.reading.midi.events import DRUMS, Heard, MidiFile, Track, parse_midi
from domains.midi.reading.midi.grid import OFF, grid_for, off_grid
from domains.midi.reading.midi.pickup import without_pickup
from domains.midi.reading.midi.played import on_grid, on_steps, onsets_of, step_of, with_lengths
from domains.midi.reading.parts import many, part_of, whole_of
from domains.midi.reading.pieces import Found
from tvae_core.domain import DomainError

MAX_NOTES = 50_000
_LOST = {
    "no end": "{} without an end, sounding until the next one of the part",
    "no length, sounding until the next": "{} of no length, sounding until the next one",
    "no length, left out": "{} of no length left out",
    "struck twice at once": "{} struck twice at once, read as one",
}
_MAX_EXPONENT = 7


def midi_pieces(data: bytes) -> list[MidiFile]:
    """The pieces that a file holds: one, or each sequence of a file of type 2 by itself.

    Raises:
        DomainError: it is no MIDI file, or damaged.
    """
    file = parse_midi(data)
    if file.kind < 2:
        return [file]
    found = [replace(file, tracks=[track]) for track in file.tracks if track.channels]
    return found or [file]


def read_piece(file: MidiFile, grid: int = 0, most_bars: int = MAX_BARS) -> Found:
    """What a piece holds: a score all of whose bars add up, or stretches of `MAX_BARS` bars.

    Args:
        file: the piece.
        grid: parts of a whole note that notes are put on, one of `GRIDS`; 0 leaves them.
        most_bars: a longer piece is refused.

    Raises:
        DomainError: what is wrong with it.
    """
    lost, told = Counter[str](), list[str]()
    heard = _melodic(file, lost, told)
    parts = [(name, with_lengths(notes, file.ticks, end, lost)) for name, notes, end in heard]
    parts = [(name, notes) for name, notes in parts if notes]
    if not parts:
        raise DomainError("no notes that have a length")
    names = [name for name, _ in parts]
    placed = _placed(parts, file.ticks, grid, lost, told)
    changes = _metre_changes(file, max(start for part in placed for start, _, _ in part))
    if not any(track.exact for track in file.tracks):
        placed, changes = without_pickup(placed, changes, lambda: _loudness(file), told)
    end = max(start + duration for part in placed for start, duration, _ in part)
    metres = bars_until(end, changes, most_bars)
    key = _key(file, placed, told)
    titles = {track.name for track in file.tracks if track.channels}
    said = [text.format(many(lost[kind], "note")) for kind, text in _LOST.items() if lost[kind]]
    found = Found(titles.pop() if len(titles) == 1 else "", [], told=said + told)
    size = -(-len(metres) // -(-len(metres) // MAX_BARS))
    for first in range(0, len(metres), size):
        _add_stretch(found, names, placed, metres, range(first, first + size), key)
    return found


def bars_until(
    end: int, changes: Sequence[tuple[int, Metre]], most_bars: int = MAX_BARS
) -> list[Metre]:
    """The metres of all bars until a step.

    A bar that a change of metre cuts short has a metre of its own, such as 1/4; where none can be
    written, the change comes at the next bar line. Without changes, bars are of 4/4.

    Raises:
        DomainError: more than `most_bars` bars.
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
        if len(metres) > most_bars:
            raise DomainError(f"more than {most_bars:,} bars")
    return metres


def _short(length: int) -> Metre | None:
    for unit in (4, 8, 16, 32, 2, 1):
        beats, rest = divmod(length * unit, STEPS_PER_WHOLE)
        if not rest and 1 <= beats <= 32:
            return beats, unit
    return None


def _melodic(
    file: MidiFile, lost: Counter[str], told: list[str]
) -> list[tuple[str, list[Heard], int]]:
    """Name, notes and last tick of every channel that is no drums'."""
    drums = [c for track in file.tracks for c in track.channels if c.number == DRUMS]
    found: list[tuple[str, list[Heard], int]] = []
    for track in file.tracks:
        pitched = [channel for channel in track.channels if channel.number != DRUMS]
        for channel in pitched:
            name = track.name if len(pitched) == 1 else _channel_name(track, channel.number)
            found.append((name, channel.notes, track.end))
            lost["no end"] += channel.unended
    count = sum(len(notes) for _, notes, _ in found)
    if not found:
        raise DomainError("only drums, which are not read" if drums else "no notes")
    if count > MAX_NOTES:
        raise DomainError(f"{count:,} notes; at most {MAX_NOTES:,} are read")
    if drums:
        beats = many(sum(len(channel.notes) for channel in drums), "note")
        told.append(f"drums left out: {many(len(drums), 'track')}, {beats}")
    return found


def _channel_name(track: Track, number: int) -> str:
    return f"{track.name} channel {number + 1}".strip()


def _placed(
    parts: Sequence[tuple[str, list[Heard]]],
    ticks: int,
    grid: int,
    lost: Counter[str],
    told: list[str],
) -> list[list[Note]]:
    """The notes of every part in steps; tells how far off the grid they are, or were."""
    placed = [on_steps(notes, ticks, lost) for _, notes in parts]
    off = [_off(notes) for notes in placed]
    worst = max(range(len(off)), key=off.__getitem__)
    name = parts[worst][0] or f"part {worst + 1}"
    where = "" if len(parts) == 1 else f" of {name}"
    if not grid:
        if off[worst] >= OFF:
            told.append(
                f"notes{where} lie {off[worst]:.1f} steps (of 24 a quarter) from sixteenths and "
                "triplets on average: try --grid 16, or ~16 after the file's name"
            )
        return placed
    fitting = grid_for(np.concatenate([onsets_of(notes, ticks) for _, notes in parts]), grid)
    found = [on_grid(notes, ticks, fitting, Counter()) for _, notes in parts]
    if found != placed:
        late = f", all {fitting.offset:+.1f} steps late" if abs(fitting.offset) >= 0.05 else ""
        told.append(
            f"put on a grid of 1/{grid}: notes{where} lay {off[worst]:.1f} steps off on average"
            f"{late}"
        )
    return found


def _off(notes: Sequence[Note]) -> float:
    """Mean distance from the grid of beginnings and ends."""
    places = np.array([(start, start + duration) for start, duration, _ in notes])
    return off_grid(places.ravel())


def _loudness(file: MidiFile) -> dict[int, int]:
    """The greatest velocity of what begins at a step, drums aside."""
    found: dict[int, int] = {}
    for track in file.tracks:
        for channel in track.channels:
            if channel.number != DRUMS:
                for tick, velocity in channel.loudness.items():
                    step = step_of(tick, file.ticks)
                    found[step] = max(velocity, found.get(step, 0))
    return found


def _metre_changes(file: MidiFile, last: int) -> list[tuple[int, Metre]]:
    """Steps and metres until the last onset.

    Raises:
        DomainError: a metre that cannot be written.
    """
    found = {}
    for tick, beats, exponent in sorted(
        (metre for track in file.tracks for metre in track.metres), key=lambda metre: metre[0]
    ):
        step = step_of(tick, file.ticks)
        if step <= last:
            if exponent > _MAX_EXPONENT:
                raise DomainError(f"a metre of {beats}/2^{exponent} cannot be written")
            found[step] = check_metre(beats, 2**exponent)
    return sorted(found.items())


def _key(file: MidiFile, parts: Sequence[Sequence[Note]], told: list[str]) -> int:
    """The first key signature of the file that can be written, else the key that is heard."""
    every = sorted(key for track in file.tracks for key in track.keys)
    keys = [key for _, key in every if -7 <= key <= 7]
    if len(keys) < len(every):
        told.append(f"{many(len(every) - len(keys), 'key signature')} of impossible size left out")
    changes = sum(a != b for a, b in pairwise(keys))
    if changes:
        told.append(f"{many(changes, 'change')} of key signature not kept: written in the first")
    return keys[0] if keys else estimated_key([note for part in parts for note in part])


def _add_stretch(
    found: Found,
    names: Sequence[str],
    placed: Sequence[Sequence[Note]],
    metres: Sequence[Metre],
    bars: range,
    key: int,
) -> None:
    """Adds those of the bars; notes are cut at both ends."""
    here = metres[bars.start : bars.stop]
    if len(here) < len(metres):
        bounds = [0, *accumulate(map(bar_length, metres))]
        begin, end = bounds[bars.start], bounds[bars.start + len(here)]
        placed = [
            [
                (max(start, begin) - begin, min(start + length, end) - max(start, begin), pitch)
                for start, length, pitch in part
                if start < end and start + length > begin
            ]
            for part in placed
        ]
    parts = [
        part_of(name, notes, here, key) for name, notes in zip(names, placed, strict=True) if notes
    ]
    if not parts:
        return
    score, refused = whole_of(parts)
    found.scores.append(score)
    found.parts.append(tuple(parts))
    found.refused.append(refused)
