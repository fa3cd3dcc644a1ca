"""The text form of music, and the `Score` it stands for.

    2# |4/4 C4:24E4:24G4:48|C5:72r:24

A key signature, then bars. A bar has its metre if that is new, then one part a voice, separated
by `;`. An event is a pitch (or several, `C4+E4+G4`) or a rest `r`, a colon and a duration in
steps of 1/24 of a quarter note; `~` ties the last event of a bar to the first of the next. Every
voice fills every bar exactly.

Pitches are written as for a transposing instrument, as they would be in C major or A minor: `2# `
sounds two semitones above what is written (`key_shift`). So a tune has one text in all keys but
for its first symbol.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tvae_core.domain import DomainError

STEPS_PER_QUARTER = 24
STEPS_PER_WHOLE = 4 * STEPS_PER_QUARTER
LOWEST, HIGHEST = 21, 108
"""Sounding range in MIDI numbers: the keys of a piano."""
MAX_CHARACTERS = 100_000
MAX_BARS = 1024
MAX_VOICES = 8
DENOMINATORS = (1, 2, 4, 8, 16, 32)
MAX_BEATS = 32

_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_KEY = re.compile(r"([0-7])([#b]?) ")
_METRE = re.compile(r"(\d{1,2})/(\d{1,2}) ")
_EVENT = re.compile(r"(r|[A-G]#?-?\d(?:\+[A-G]#?-?\d)*):(\d{1,4})(~?)")
_PITCH = re.compile(r"([A-G]#?)(-?\d)")


@dataclass(frozen=True, order=True)
class Event:
    """Notes struck together: `start` and `duration` in steps, sounding `pitches` ascending."""

    start: int
    duration: int
    pitches: tuple[int, ...]


@dataclass(frozen=True)
class Bar:
    """A bar's place in the score: `start` and `length` in steps, and its metre."""

    start: int
    length: int
    metre: tuple[int, int]


@dataclass(frozen=True)
class Score:
    """Bars of one piece.

    Attributes:
        key: key signature, -7 (seven flats) to 7 (seven sharps).
        metres: metre `(beats, unit)` of every bar.
        voices: a tuple a voice of `Event` in order, none beginning before the last one ended.
    """

    key: int
    metres: tuple[tuple[int, int], ...]
    voices: tuple[tuple[Event, ...], ...]

    @property
    def bars(self) -> tuple[Bar, ...]:
        """Every bar with its place."""
        found: list[Bar] = []
        start = 0
        for metre in self.metres:
            length = bar_length(metre)
            found.append(Bar(start, length, metre))
            start += length
        return tuple(found)

    @property
    def length(self) -> int:
        """Steps from the first bar's beginning to the last one's end."""
        return sum(bar_length(metre) for metre in self.metres)

    @property
    def notes(self) -> tuple[tuple[int, int, int], ...]:
        """`(start, duration, pitch)` of every note of every voice, sorted."""
        return tuple(
            sorted((e.start, e.duration, p) for v in self.voices for e in v for p in e.pitches)
        )

    def transposed(self, semitones: int) -> Score:
        """The same piece so much higher, in the nearest key signature; ValueError out of range."""
        key = (self.key + 7 * semitones + 5) % 12 - 5
        voices = tuple(
            tuple(Event(e.start, e.duration, tuple(p + semitones for p in e.pitches)) for e in v)
            for v in self.voices
        )
        pitches = [p for v in voices for e in v for p in e.pitches]
        if pitches and not LOWEST <= min(pitches) <= max(pitches) <= HIGHEST:
            raise ValueError(f"transposed by {semitones} the piece leaves the piano's range")
        return Score(key, self.metres, voices)

    def excerpt(self, first: int, count: int) -> Score:
        """Bars `first` to `first + count` (exclusive, from 0); notes are cut at both ends."""
        bars = self.bars[first : first + count]
        if len(bars) < count:
            raise ValueError(f"bars {first} to {first + count} of a piece of {len(self.bars)}")
        begin, end = bars[0].start, bars[-1].start + bars[-1].length
        voices = []
        for voice in self.voices:
            cut = []
            for event in voice:
                start, stop = max(event.start, begin), min(event.start + event.duration, end)
                if start < stop:
                    cut.append(Event(start - begin, stop - start, event.pitches))
            voices.append(tuple(cut))
        return Score(self.key, tuple(bar.metre for bar in bars), tuple(voices))


def bar_length(metre: tuple[int, int]) -> int:
    """Steps in a bar of that metre, such as 96 in `(4, 4)`."""
    return metre[0] * STEPS_PER_WHOLE // metre[1]


def key_shift(key: int) -> int:
    """Semitones, -5 to 6, from C major to the major key of that signature."""
    return (7 * key + 5) % 12 - 5


def pitch_name(pitch: int) -> str:
    """Name of a MIDI number, middle C (60) is `C4`."""
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"


def pitch_number(name: str) -> int:
    """MIDI number of a name such as `F#5`; ValueError for anything else."""
    match = _PITCH.fullmatch(name)
    if match is None or match[1] not in _NAMES:
        raise ValueError(f"no pitch is called {name!r}")
    return _NAMES.index(match[1]) + 12 * (int(match[2]) + 1)


def key_symbol(key: int) -> str:
    """The text's first symbol, `2# `, `3b ` or `0 `."""
    return f"{abs(key)}{'#' if key > 0 else 'b' if key < 0 else ''} "


def metre_symbol(metre: tuple[int, int]) -> str:
    """A metre as in the text, `6/8 `."""
    return f"{metre[0]}/{metre[1]} "


def format_score(score: Score) -> str:
    """The canonical text of a score."""
    shift = key_shift(score.key)
    parts = [key_symbol(score.key)]
    metre: tuple[int, int] | None = None
    lines = [_VoiceWriter(voice, shift) for voice in score.voices]
    for bar in score.bars:
        parts.append("|")
        if bar.metre != metre:
            parts.append(metre_symbol(bar.metre))
            metre = bar.metre
        parts.append(";".join(line.bar(bar) for line in lines))
    return "".join(parts)


class _VoiceWriter:
    """Writes one voice bar after bar."""

    def __init__(self, voice: tuple[Event, ...], shift: int) -> None:
        self.voice, self.shift, self.at = voice, shift, 0

    def bar(self, bar: Bar) -> str:
        now, end, parts = bar.start, bar.start + bar.length, []
        while now < end:
            event = self.voice[self.at] if self.at < len(self.voice) else None
            if event is None or event.start >= end:
                parts.append(f"r:{end - now}")
                break
            if event.start > now:
                parts.append(f"r:{event.start - now}")
                now = event.start
            stop = event.start + event.duration
            names = "+".join(pitch_name(p - self.shift) for p in event.pitches)
            parts.append(f"{names}:{min(stop, end) - now}{'~' if stop > end else ''}")
            now = min(stop, end)
            if stop <= end:
                self.at += 1
        return "".join(parts)


def parse_score(text: str) -> Score:
    """The score of a text; raises `DomainError` with the bar, the reason and the character."""
    if len(text) > MAX_CHARACTERS:
        raise DomainError(f"longer than {MAX_CHARACTERS:,} characters", MAX_CHARACTERS)
    head = _KEY.match(text)
    if head is None or (head[1] == "0") != (head[2] == ""):
        raise DomainError("does not begin with a key signature such as `2# `, `1b ` or `0 `", 0)
    key = int(head[1]) * (-1 if head[2] == "b" else 1)
    if not text.startswith("|", head.end()):
        raise DomainError("no bar after the key signature", head.end())
    reader = _Reader(key)
    position = head.end() + 1
    for number, bar in enumerate(text[position:].split("|"), 1):
        if number > MAX_BARS:
            raise DomainError(f"more than {MAX_BARS:,} bars", position)
        reader.bar(number, bar, position)
        position += len(bar) + 1
    return reader.score(len(text))


class _Reader:
    """Collects bars; every voice keeps its open tie."""

    def __init__(self, key: int) -> None:
        self.key, self.shift = key, key_shift(key)
        self.metres: list[tuple[int, int]] = []
        self.voices: list[list[Event]] = []
        self.open: list[bool] = []
        self.start = 0

    def bar(self, number: int, text: str, position: int) -> None:
        where = f"bar {number}: "
        match = _METRE.match(text)
        if match is not None:
            metre = (int(match[1]), int(match[2]))
            if metre[1] not in DENOMINATORS or not 1 <= metre[0] <= MAX_BEATS:
                raise DomainError(f"{where}no metre {metre[0]}/{metre[1]}", position)
            position, text = position + match.end(), text[match.end() :]
        elif not self.metres:
            raise DomainError(f"{where}no metre such as `4/4 `", position)
        else:
            metre = self.metres[-1]
        parts = text.split(";")
        if not self.metres:
            if len(parts) > MAX_VOICES:
                raise DomainError(f"{where}more than {MAX_VOICES} voices", position)
            self.voices, self.open = [[] for _ in parts], [False] * len(parts)
        elif len(parts) != len(self.voices):
            raise DomainError(f"{where}{len(parts)} voices, not {len(self.voices)}", position)
        self.metres.append(metre)
        for voice, part in enumerate(parts):
            label = where if len(parts) == 1 else f"bar {number}, voice {voice + 1}: "
            self._voice(voice, part, position, label, bar_length(metre))
            position += len(part) + 1
        self.start += bar_length(metre)

    def _voice(self, voice: int, text: str, position: int, where: str, length: int) -> None:
        now, at, events, rested = 0, 0, self.voices[voice], False
        while at < len(text):
            match = _EVENT.match(text, at)
            if match is None:
                raise DomainError(f"{where}no note or rest here", position + at)
            duration, tied = int(match[2]), bool(match[3])
            pitches = self._pitches(match[1], where, position + at)
            if not 1 <= duration <= length - now:
                over = "lasts 0 steps" if not duration else f"goes beyond the bar's {length} steps"
                raise DomainError(f"{where}{match[1]}:{duration} {over}", position + at)
            if self.open[voice]:
                if not events or pitches != events[-1].pitches:
                    raise DomainError(f"{where}the tie does not lead to its note", position + at)
                last = events[-1]
                events[-1] = Event(last.start, last.duration + duration, last.pitches)
            elif pitches:
                events.append(Event(self.start + now, duration, pitches))
            elif rested:
                raise DomainError(f"{where}two rests in a row", position + at)
            now, at, rested = now + duration, match.end(), not pitches
            self.open[voice] = tied
            if tied and (now < length or not pitches):
                raise DomainError(f"{where}a tie that does not end the bar", position + at - 1)
        if now != length:
            raise DomainError(f"{where}{now} of {length} steps filled", position + at)

    def _pitches(self, names: str, where: str, position: int) -> tuple[int, ...]:
        if names == "r":
            return ()
        found: list[int] = []
        for name in names.split("+"):
            try:
                pitch = pitch_number(name) + self.shift
            except ValueError as error:
                raise DomainError(f"{where}{error}", position) from None
            if not LOWEST <= pitch <= HIGHEST:
                raise DomainError(f"{where}{name} is out of the piano's range", position)
            if found and pitch <= found[-1]:
                raise DomainError(f"{where}the notes of a chord do not ascend", position)
            found.append(pitch)
        return tuple(found)

    def score(self, end: int) -> Score:
        if any(self.open):
            raise DomainError("a tie leads beyond the last bar", end)
        return Score(self.key, tuple(self.metres), tuple(tuple(v) for v in self.voices))
