"""Bars as they stand in a file, made into scores whose bars are exact.

A file's bar may be a pickup, one of two halves around a repeat sign, several bars in one, or wrong.
`stretches` joins, fills and splits them, and cuts the piece where a bar does not add up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from domains.midi.notation import (
    DENOMINATORS,
    HIGHEST,
    LOWEST,
    MAX_BARS,
    MAX_BEATS,
    MAX_VOICES,
    STEPS_PER_QUARTER,
    Event,
    Score,
    bar_length,
    pitch_name,
)
from tvae_core.domain import DomainError

Note = tuple[int, int, int]
"""Start, duration (steps), MIDI pitch."""
Metre = tuple[int, int]
SHORTEST_STRETCH = 2
MOST_BARS_IN_ONE = 16


@dataclass(frozen=True, slots=True)
class RawNote:
    """A note in its bar: start and duration in steps; `tied` where it goes on from the last bar."""

    start: int
    duration: int
    pitch: int
    tied: bool = False


@dataclass(slots=True)
class RawBar:
    """A bar as a file has it.

    Attributes:
        metre: that holds here.
        length: steps that are filled, rests included.
        parts: notes of every part.
        opens: whether a double bar or repeat sign stands before it.
        closes: whether one stands after it.
        ending: 1 in a first ending, which is left out where there is a second one.
    """

    metre: Metre
    length: int
    parts: list[list[RawNote]]
    opens: bool = False
    closes: bool = False
    ending: int = 0


@dataclass(slots=True)
class Stretch:
    """Exact bars in the making: a metre each, and the notes of every part."""

    metres: list[Metre] = field(default_factory=list)
    parts: dict[int, list[Note]] = field(default_factory=lambda: defaultdict(list))
    length: int = 0
    _ends: dict[tuple[int, int, int], int] = field(default_factory=dict)

    def add(self, bar: RawBar, shift: int = 0) -> None:
        """Notes of a bar, `shift` steps after the end of the last `close`."""
        for part, notes in enumerate(bar.parts):
            for note in notes:
                start, stop = self.length + shift + note.start, note.start + note.duration
                place = self._ends.pop((part, note.pitch, start), None) if note.tied else None
                if place is None:
                    place = len(self.parts[part])
                    self.parts[part].append((start, note.duration, note.pitch))
                else:
                    first, duration, pitch = self.parts[part][place]
                    self.parts[part][place] = (first, duration + note.duration, pitch)
                self._ends[part, note.pitch, self.length + shift + stop] = place

    def close(self, metre: Metre, count: int = 1) -> None:
        """Ends `count` bars of a metre."""
        self.metres += [metre] * count
        self.length += count * bar_length(metre)


def steps(quarters: Fraction | float | int) -> int:
    """Quarter notes as steps of the grid, to the nearest one."""
    return round(Fraction(quarters) * STEPS_PER_QUARTER)


def check_metre(beats: int, unit: int) -> Metre:
    """The metre `beats/unit`; `DomainError` if the notation has none such."""
    if unit not in DENOMINATORS or not 1 <= beats <= MAX_BEATS:
        raise DomainError(f"a metre of {beats}/{unit} cannot be written")
    return beats, unit


def without_first_endings(bars: Sequence[RawBar]) -> list[RawBar]:
    """A piece is read through once, by its second endings."""
    endings = {bar.ending for bar in bars}
    return [bar for bar in bars if bar.ending != 1] if 2 in endings else list(bars)


def stretches(bars: Sequence[RawBar], key: int) -> tuple[list[Score], int]:
    """The scores that a file's bars give, and how many bars did not add up.

    A bar that is too short is filled with rests before it, where it begins a piece or a section,
    or after it, where it ends one; two that make a bar together are joined; a multiple of a bar is
    split, and so is music without bar lines. Any other cuts the piece. Stretches of at least two
    bars that hold a note are kept.

    Raises:
        DomainError: too many voices or bars, or a pitch no piano has.
    """
    bars = [bar for bar in without_first_endings(bars) if bar.length]
    found, current, lost, place = [], Stretch(), 0, 0
    if len(bars) == 1 and bars[0].length > bar_length(bars[0].metre):
        bars = _cut_up(bars[0])
    while place < len(bars):
        bar, place = bars[place], place + 1
        after = bars[place] if place < len(bars) else None
        size = bar_length(bar.metre)
        count, rest = divmod(bar.length, size)
        if not rest and count <= MOST_BARS_IN_ONE:
            current.add(bar)
            current.close(bar.metre, count)
            continue
        joined = after is not None and after.metre == bar.metre and rest + after.length == size
        if rest and after is not None and joined and count <= MOST_BARS_IN_ONE:
            current.add(bar)
            current.add(after, bar.length)
            current.close(bar.metre, count + 1)
            place += 1
            continue
        before = bars[place - 2] if place > 1 else None
        if count:
            lost += 1
        elif before is None or bar.opens or before.closes:
            found.append(current)
            current = Stretch()
            current.add(bar, size - bar.length)
            current.close(bar.metre)
            continue
        elif after is None or bar.closes or after.opens:
            current.add(bar)
            current.close(bar.metre)
        else:
            lost += 1
        found.append(current)
        current = Stretch()
    found.append(current)
    return [
        from_notes(list(stretch.parts.values()), stretch.metres, key)
        for stretch in found
        if len(stretch.metres) >= SHORTEST_STRETCH and any(stretch.parts.values())
    ], lost


def _cut_up(bar: RawBar) -> list[RawBar]:
    """Music without bar lines in bars; a note across one is two that are tied."""
    size = bar_length(bar.metre)
    count = min(-(-bar.length // size), MAX_BARS + 1)
    bars = [RawBar(bar.metre, size, [[] for _ in bar.parts]) for _ in range(count)]
    for part, notes in enumerate(bar.parts):
        for note in notes:
            start, stop = note.start, note.start + note.duration
            for place in range(start // size, min(-(-stop // size), count)):
                first, last = max(start - place * size, 0), min(stop - place * size, size)
                tied = note.tied or place > start // size
                bars[place].parts[part].append(RawNote(first, last - first, note.pitch, tied))
    return bars


def from_notes(notes_by_part: Sequence[Sequence[Note]], metres: Sequence[Metre], key: int) -> Score:
    """The score of some notes, with as few voices a part as they need.

    Notes of one part with the same start and duration are one chord. A chord goes to the first
    voice that is free, the highest first where several begin together.

    Args:
        notes_by_part: `(start, duration, pitch)` in steps, in any order; a note beyond the last
            bar is cut there. Parts without notes are left out.
        metres: of every bar.
        key: signature, -7 to 7.

    Raises:
        DomainError: more than `MAX_BARS` bars or `MAX_VOICES` voices, or a pitch out of range.
    """
    if len(metres) > MAX_BARS:
        raise DomainError(f"more than {MAX_BARS:,} bars")
    end = sum(map(bar_length, metres))
    voices: list[tuple[Event, ...]] = []
    for notes in notes_by_part:
        voices += _voices(notes, end, MAX_VOICES - len(voices))
    return Score(key, tuple(metres), tuple(voices) or ((),))


def _voices(notes: Sequence[Note], end: int, room: int) -> Iterator[tuple[Event, ...]]:
    chords: dict[tuple[int, int], set[int]] = defaultdict(set)
    for start, duration, pitch in notes:
        if not LOWEST <= pitch <= HIGHEST:
            raise DomainError(f"{pitch_name(pitch)} is out of the piano's range")
        duration = min(duration, end - start)
        if duration > 0:
            chords[start, duration].add(pitch)
    lines: list[list[Event]] = []
    for (start, duration), pitches in sorted(
        chords.items(), key=lambda chord: (chord[0][0], -max(chord[1]), chord[0][1])
    ):
        event = Event(start, duration, tuple(sorted(pitches)))
        for line in lines:
            if line[-1].start + line[-1].duration <= start:
                line.append(event)
                break
        else:
            if len(lines) == room:
                raise DomainError(f"more than {MAX_VOICES} voices at once")
            lines.append([event])
    return (tuple(line) for line in lines)
