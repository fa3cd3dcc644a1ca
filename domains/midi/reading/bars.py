"""Bars as they stand in a file, made into scores whose bars are exact.

A file's bar may be a pickup, one of two halves around a repeat sign, several bars in one, or wrong.
`stretches` joins, fills and splits them, and cuts the piece where a bar does not add up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
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
ONE_BAR = "only one bar"
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
        ending: 1 in a first ending, which is left out where there is a second one, 2 in that, 3 in
            any later one.
    """

    metre: Metre
    length: int
    parts: list[list[RawNote]]
    opens: bool = False
    closes: bool = False
    ending: int = 0


@dataclass(slots=True)
class Stretch:
    """Exact bars in the making: a metre each, the notes of every part, and which bars they were."""

    metres: list[Metre] = field(default_factory=list)
    parts: dict[int, list[Note]] = field(default_factory=lambda: defaultdict(list))
    length: int = 0
    numbers: list[int] = field(default_factory=list)
    _ends: dict[tuple[int, int, int], int] = field(default_factory=dict)

    def add(self, bar: RawBar, number: int, shift: int = 0) -> None:
        """Notes of the file's bar of that number, `shift` steps after the end of the last one."""
        self.numbers.append(number)
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
    return [bar for bar in bars if bar.ending in (0, 2)] if 2 in endings else list(bars)


@dataclass(slots=True)
class Cut:
    """A piece cut where its bars do not add up.

    Attributes:
        stretches: of at least `SHORTEST_STRETCH` bars that hold a note.
        scores: those of the stretches, all parts together.
        lost: numbers, from 1 and as the file has them, of bars that did not add up.
        alone: numbers of bars that are left out because they stand alone between such.
        endings: whether bars of first endings are left out.
    """

    stretches: list[Stretch] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    alone: list[int] = field(default_factory=list)
    endings: bool = False

    def told(self) -> list[str]:
        """Phrases for the user."""
        said = []
        if self.lost:
            many = f"{len(self.lost)} bars" if len(self.lost) > 1 else "1 bar"
            bars = "bars" if len(self.lost) > 1 else "bar"
            said.append(f"{many} did not add up and are left out ({bars} {listed(self.lost)})")
            said[0] = said[0].replace("and are", "and is") if len(self.lost) == 1 else said[0]
        if self.alone:
            bars = "bars" if len(self.alone) > 1 else "bar"
            said.append(f"{bars} {listed(self.alone)} left out: no other is beside it that adds up")
        if self.endings:
            said.append("first endings are left out, repeats are read once")
        return said


def listed(numbers: Sequence[int], most: int = 8) -> str:
    """Numbers as a person lists them, `3, 7, 9 ...` where there are more than `most`."""
    return ", ".join(map(str, numbers[:most])) + (" ..." if len(numbers) > most else "")


def stretches(bars: Sequence[RawBar], key: int) -> tuple[list[Score], int]:
    """The scores of `cut`, and how many bars did not add up."""
    found = cut(bars, key)
    return found.scores, len(found.lost)


def cut(bars: Sequence[RawBar], key: int) -> Cut:
    """What `kept_stretches` gives, with the scores.

    Raises:
        DomainError: a single bar, too many voices or bars, or a pitch no piano has.
    """
    found = kept_stretches(bars)
    for piece in found.stretches:
        found.scores.append(from_notes(list(piece.parts.values()), piece.metres, key))
    return found


def kept_stretches(bars: Sequence[RawBar]) -> Cut:
    """The stretches that a file's bars give, and which bars did not add up.

    A bar that is too short is filled with rests before it, where it begins a piece or a section,
    or after it, where it ends one; two that make a bar together are joined; a multiple of a bar is
    split, and so is music without bar lines. Any other cuts the piece. Stretches of at least two
    bars that hold a note are kept.

    Raises:
        DomainError: a single bar.
    """
    numbers = {id(bar): number for number, bar in enumerate(bars, 1)}
    once = without_first_endings(bars)
    endings = len(once) < len(bars)
    bars = [bar for bar in once if bar.length]
    if len(bars) == 1 and bars[0].length > bar_length(bars[0].metre):
        bars = _cut_up(bars[0])
    pieces, lost, place = [Stretch()], list[int](), 0
    while place < len(bars):
        place += _take(bars, place, pieces, lost, numbers)
    if not lost and sum(len(piece.metres) for piece in pieces) == 1:
        raise DomainError(ONE_BAR)
    sounding = [piece for piece in pieces if any(piece.parts.values())]
    kept = [piece for piece in sounding if len(piece.metres) >= SHORTEST_STRETCH]
    short = [piece for piece in sounding if len(piece.metres) < SHORTEST_STRETCH]
    alone = [number for piece in short for number in piece.numbers]
    return Cut(kept, [], lost, alone, endings)


def _take(
    bars: Sequence[RawBar],
    place: int,
    pieces: list[Stretch],
    lost: list[int],
    numbers: Mapping[int, int],
) -> int:
    """Takes a bar into the last of the pieces, or ends that; gives how many bars it took."""
    bar, before = bars[place], bars[place - 1] if place else None
    after = bars[place + 1] if place + 1 < len(bars) else None
    number, size = numbers.get(id(bar), place + 1), bar_length(bar.metre)
    count, rest = divmod(bar.length, size)
    if not rest and count <= MOST_BARS_IN_ONE:
        pieces[-1].add(bar, number)
        pieces[-1].close(bar.metre, count)
        return 1
    joined = after is not None and after.metre == bar.metre and rest + after.length == size
    if after is not None and joined and count <= MOST_BARS_IN_ONE:
        pieces[-1].add(bar, number)
        pieces[-1].add(after, numbers.get(id(after), place + 2), bar.length)
        pieces[-1].close(bar.metre, count + 1)
        return 2
    begins = before is None or bar.opens or before.closes
    ends = after is None or bar.closes or after.opens
    if count or not (begins or ends):
        lost.append(number)
        pieces.append(Stretch())
    elif begins:
        pieces.append(Stretch())
        pieces[-1].add(bar, number, size - bar.length)
        pieces[-1].close(bar.metre)
    else:
        pieces[-1].add(bar, number)
        pieces[-1].close(bar.metre)
        pieces.append(Stretch())
    return 1


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
