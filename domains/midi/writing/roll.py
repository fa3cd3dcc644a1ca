"""Piano rolls laid out: where the shapes, lines and words of a score's picture go.

`domains.midi.writing.pictures` draws them as SVG and PNG. Long pieces go over several rows, as
sheet music does, all rows with the same pitches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from domains.midi.notation import (
    STEPS_PER_QUARTER,
    STEPS_PER_WHOLE,
    Bar,
    Score,
    key_shift,
    pitch_name,
)

MOST_BARS = 256
"""Bars in one picture; what comes after them is told, not drawn."""
_QUARTERS_A_ROW = 20
_BARS_A_ROW = (8, 4, 2, 1)
_LEAST_PITCHES = 13
_BLACK_KEYS = (1, 3, 6, 8, 10)


@dataclass(frozen=True)
class Shape:
    """A rectangle with corners rounded by `radius`; `voice` colours it, -1 is a black key's row."""

    x: float
    y: float
    width: float
    height: float
    radius: float
    voice: int
    told: str = ""


@dataclass(frozen=True)
class Line:
    """A straight line; `weight` 0 is a beat's, 1 the tonic's, 2 a bar's."""

    x1: float
    y1: float
    x2: float
    y2: float
    weight: int


@dataclass(frozen=True)
class Word:
    """Text on a baseline; `anchor` is start, middle or end."""

    x: float
    y: float
    text: str
    size: float
    anchor: str = "start"
    strong: bool = False
    voice: int = -1


@dataclass
class Drawing:
    """A picture of that many pixels: rows of black keys, lines, notes, words, from below."""

    width: float
    height: float = 0.0
    shapes: list[Shape] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)


@dataclass(frozen=True)
class Style:
    """Measures of a roll in pixels; `words` is the size of its small print, 0 for none."""

    width: float = 720
    pitch: float = 9
    words: float = 11
    gap: float = 12


@dataclass(frozen=True)
class _Frame:
    """One row's place: its bars, corner and scales."""

    first: int
    bars: tuple[Bar, ...]
    left: float
    top: float
    step: float
    pitch: float
    low: int
    high: int

    def x(self, steps: float) -> float:
        return self.left + (steps - self.bars[0].start) * self.step

    def y(self, pitch: int) -> float:
        return self.top + (self.high - pitch) * self.pitch

    @property
    def end(self) -> int:
        return self.bars[-1].start + self.bars[-1].length


def lay_out(score: Score, title: str = "", style: Style | None = None) -> Drawing:
    """The roll of a score: rows of bars, its pitches named, bars numbered, voices told apart.

    Args:
        score: at most its first 256 bars are drawn.
        title: above the rows; nothing takes no room.
        style: measures.
    """
    style = style or Style()
    drawing = Drawing(style.width)
    low, high = _pitches(score)
    small = style.words
    left = small * 3.2 if small else 1.0
    top = _head(drawing, score, title, style) if small else 1.0
    rows = _rows(score.bars[:MOST_BARS])
    longest = max(row[-1].start + row[-1].length - row[0].start for row in rows)
    step = (style.width - left - 2) / longest
    first = 0
    for row in rows:
        top += small * 1.6
        frame = _Frame(first, row, left, top, step, style.pitch, low, high)
        _ground(drawing, frame, score, small)
        _notes(drawing, frame, score)
        top = frame.y(low - 1) + style.gap
        first += len(row)
    drawing.height = math.ceil(top - style.gap + (4 if small else 1))
    return drawing


def _head(drawing: Drawing, score: Score, title: str, style: Style) -> float:
    """Title and legend; returns where the rows begin."""
    size, top = style.words, 2.0
    left = size * 3.2
    many = len(score.voices) > 1
    told = [title] if title else []
    if len(score.metres) > MOST_BARS:
        told.append(f"bars 1 to {MOST_BARS} of {len(score.metres):,}")
    if told:
        words = " · ".join(told)
        room = int((style.width - left) / (size * 0.72))
        words = words if len(words) <= room else words[: room - 1] + "…"
        drawing.words.append(Word(left, top + size * 1.3, words, size * 1.25, strong=True))
        top += size * 1.9
    if many:
        x = left
        for voice in range(len(score.voices)):
            box = Shape(x, top + size * 0.35, size * 0.8, size * 0.8, 2, voice)
            drawing.shapes.append(box)
            label = f"voice {voice + 1}"
            drawing.words.append(Word(x + size * 1.15, top + size * 1.1, label, size))
            x += size * 5.6
        top += size * 1.6
    return top


def _pitches(score: Score) -> tuple[int, int]:
    """The lowest and the highest pitch of the picture: a little more than what sounds."""
    heard = [pitch for _, _, pitch in score.notes] or [60, 72]
    low, high = min(heard) - 1, max(heard) + 1
    missing = max(0, _LEAST_PITCHES - (high - low + 1))
    return low - missing // 2, high + (missing + 1) // 2


def _rows(bars: Sequence[Bar]) -> list[tuple[Bar, ...]]:
    """Bars by rows of 8, 4, 2 or 1, as many as 20 quarters hold of the longest of them."""
    longest = max(bar.length for bar in bars)
    room = _QUARTERS_A_ROW * STEPS_PER_QUARTER
    size = next((count for count in _BARS_A_ROW if count * longest <= room), 1)
    return [tuple(bars[at : at + size]) for at in range(0, len(bars), size)]


def _ground(drawing: Drawing, frame: _Frame, score: Score, small: float) -> None:
    """Rows of black keys, lines of tonics, bars and beats, and what stands beside them."""
    tonic = key_shift(score.key) % 12
    left, right = frame.x(frame.bars[0].start), frame.x(frame.end)
    top, bottom = frame.y(frame.high), frame.y(frame.low - 1)
    for pitch in range(frame.low, frame.high + 1):
        y = frame.y(pitch)
        if pitch % 12 in _BLACK_KEYS:
            drawing.shapes.append(Shape(left, y, right - left, frame.pitch, 0, -1))
        if pitch % 12 == tonic:
            drawing.lines.append(Line(left, y + frame.pitch, right, y + frame.pitch, 1))
    if small:
        named = [p for p in range(frame.low, frame.high + 1) if p % 12 == tonic]
        for pitch in named or [frame.low + 1]:
            y = frame.y(pitch) + frame.pitch / 2 + small * 0.35
            name = _flat_name(pitch) if score.key < 0 else pitch_name(pitch)
            drawing.words.append(Word(left - small * 0.5, y, name, small, "end"))
    for number, bar in enumerate(frame.bars, frame.first):
        beat = STEPS_PER_WHOLE // bar.metre[1] * _pulse(bar.metre)
        for at in range(beat, bar.length, beat):
            x = frame.x(bar.start + at)
            drawing.lines.append(Line(x, top, x, bottom, 0))
        drawing.lines.append(Line(frame.x(bar.start), top, frame.x(bar.start), bottom, 2))
        if small:
            new = not number or score.metres[number - 1] != bar.metre
            label = f"{number + 1}" + ("   {}/{}".format(*bar.metre) if new else "")
            place = frame.x(bar.start) + 2
            drawing.words.append(Word(place, top - small * 0.4, label, small))
    drawing.lines.append(Line(right, top, right, bottom, 2))


def _pulse(metre: tuple[int, int]) -> int:
    """Units in a beat: three in 6/8, 9/8, 12/8 and their like."""
    return 3 if metre[0] % 3 == 0 and metre[0] > 3 and metre[1] >= 8 else 1


def _flat_name(pitch: int) -> str:
    """A pitch named as flat keys do."""
    flats = {1: "Db", 3: "Eb", 6: "Gb", 8: "Ab", 10: "Bb"}
    name = flats.get(pitch % 12)
    return pitch_name(pitch) if name is None else f"{name}{pitch // 12 - 1}"


def _notes(drawing: Drawing, frame: _Frame, score: Score) -> None:
    """The notes of a row; one that goes on in another row has no round corner."""
    begin, end = frame.bars[0].start, frame.end
    for voice, events in enumerate(score.voices):
        for event in events:
            start, stop = max(event.start, begin), min(event.start + event.duration, end)
            if start >= stop:
                continue
            whole = start == event.start and stop == event.start + event.duration
            wide = max((stop - start) * frame.step - 1.2, 1.5)
            for pitch in event.pitches:
                told = f"{pitch_name(pitch)}, {event.duration / STEPS_PER_QUARTER:.3g} quarters"
                radius = min(2.5, wide / 3, frame.pitch / 3) if whole else 0
                drawing.shapes.append(
                    Shape(
                        frame.x(start) + 0.6,
                        frame.y(pitch) + 0.5,
                        wide,
                        frame.pitch - 1,
                        radius,
                        voice,
                        told,
                    )
                )
