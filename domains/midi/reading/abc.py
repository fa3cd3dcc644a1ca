"""Tunes in ABC notation, read from the tokens of music21's ABC reader.

Its own scores take ten times as long, and move bar lines where a bar is not full.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import zip_longest
from typing import TypeGuard

from music21 import abcFormat
from music21.pitch import Pitch

from domains.midi.reading.bars import Metre, RawBar, RawNote, check_metre, steps, stretches
from domains.midi.reading.pieces import Found
from tvae_core.domain import DomainError

MAX_TUNE = 20_000
ABC_VERSION = (2, 1, 0)
"""Of files that name none: an accidental holds until the end of its bar."""
_REFERENCE = re.compile(r"^[ \t]*X:[ \t]*(\S*)", re.MULTILINE)
_HUGE = re.compile(r"^[ \t]*M:[^\n]*\d{3}|\[M:[^\]\n]*\d{3}", re.MULTILINE)
"""A metre of hundreds of beats, at which music21 works for minutes."""
_FREE = re.compile(r"\s*(none|frei)", re.IGNORECASE)
_INLINE = re.compile(r"\[([A-Zr]:[^\]\n]*)\]")
_MUSIC = re.compile(r"^(?![ \t]*(?:[A-Za-z+]:|%)).*$", re.MULTILINE)
_QUOTED = re.compile(r"(\"[^\"\n]*\")")
_LIKELY = re.compile(r"^[ \t]*K:", re.MULTILINE)


def abc_tunes(text: str) -> Iterator[tuple[str, str]]:
    """Reference number and text of every tune of a file."""
    places = list(_REFERENCE.finditer(text))
    if not places and _LIKELY.search(text):
        yield "", text
    for number, place in enumerate(places):
        end = places[number + 1].start() if number + 1 < len(places) else len(text)
        yield place[1], text[place.start() : end]


def plain(tune: str) -> str:
    """A tune as music21 understands it: fields on lines of their own, rests that show."""

    def rests(line: re.Match[str]) -> str:
        parts = _QUOTED.split(line[0])
        return "".join(p if p.startswith('"') else p.replace("x", "z") for p in parts)

    return _MUSIC.sub(rests, _INLINE.sub(r"\n\1\n", tune))


def read_tune(tune: str) -> Found:
    """What a tune holds.

    Raises:
        DomainError: what is wrong with it.
    """
    if len(tune) > MAX_TUNE:
        raise DomainError(f"a tune of more than {MAX_TUNE:,} characters")
    if _HUGE.search(tune):
        raise DomainError("a metre that cannot be written")
    handler = abcFormat.ABCHandler(abcVersion=ABC_VERSION)
    try:
        handler.process(plain(tune))
        header, voices = _voices(list(handler.tokens))
    except DomainError:
        raise
    except Exception as error:  # music21 raises whatever comes up
        detail = " ".join(str(error).split())[:120]
        raise DomainError(f"music21 cannot read it: {type(error).__name__}: {detail}") from error
    for voice in voices.values():
        voice.bar_line("|]")
    bars = together([voice.bars for voice in voices.values() if voice.bars])
    if not any(part for bar in bars for part in bar.parts):
        raise DomainError("no notes")
    scores, lost = stretches(bars, header.key)
    return Found(header.title, scores, lost)


def _voices(tokens: list[abcFormat.ABCToken]) -> tuple[_VoiceReader, dict[str, _VoiceReader]]:
    """What the header says, and what the voices hold."""
    body = next((i for i, t in enumerate(tokens) if _is(t, "K")), len(tokens) - 1) + 1
    header = _VoiceReader()
    for token in tokens[:body]:
        header.token(token)
    voices = {"": copy.deepcopy(header)}
    voice = voices[""]
    for token in tokens[body:]:
        if _is(token, "V"):
            name = token.data.split()[0] if token.data.split() else ""
            voice = voices.setdefault(name, copy.deepcopy(header))
        else:
            voice.token(token)
    return header, voices


def together(voices: list[list[RawBar]]) -> list[RawBar]:
    """The bars of several voices, bar by bar."""
    bars = []
    for column in zip_longest(*voices):
        here = [bar for bar in column if bar is not None]
        bars.append(
            RawBar(
                here[0].metre,
                max(bar.length for bar in here),
                [bar.parts[0] if bar is not None else [] for bar in column],
                any(bar.opens for bar in here),
                any(bar.closes for bar in here),
                here[0].ending,
            )
        )
    return bars


def _is(token: abcFormat.ABCToken, tag: str) -> TypeGuard[abcFormat.ABCMetadata]:
    return isinstance(token, abcFormat.ABCMetadata) and token.tag == tag


class _VoiceReader:
    """Collects the bars of one voice."""

    def __init__(self) -> None:
        self.title = ""
        self.key = 0
        self.keyed = False
        self.metre: Metre | None = None
        self.bars: list[RawBar] = []
        self.notes: list[RawNote] = []
        self.at = Fraction(0)
        self.opens = True
        self.ending = 0

    def token(self, token: abcFormat.ABCToken) -> None:
        if isinstance(token, abcFormat.ABCMetadata):
            self.metadata(token)
        elif isinstance(token, abcFormat.ABCBar):
            self.bar_line(token.src.strip())
        elif isinstance(token, abcFormat.ABCNote) and not token.inGrace:
            self.note(token)

    def metadata(self, token: abcFormat.ABCMetadata) -> None:
        if token.isTitle() and not self.title:
            self.title = " ".join(token.data.split())[:200]
        elif token.isMeter():
            parameters = None
            if not _FREE.match(token.data):
                parameters = token.getTimeSignatureParameters()
            if parameters is None:
                raise DomainError("free metre")
            if self.at:
                self.bar_line("|")
            self.metre = check_metre(parameters[0], parameters[1])
        elif token.isKey() and not self.keyed:
            self.key, _ = token.getKeySignatureParameters()
            self.keyed = True
            if not -7 <= self.key <= 7:
                raise DomainError(f"a key signature of {abs(self.key)} accidentals")

    def note(self, token: abcFormat.ABCNote) -> None:
        if self.metre is None:
            raise DomainError("no metre")
        length = Fraction(token.quarterLength).limit_denominator(10_000)
        if token.activeTuplet:
            length *= Fraction(token.activeTuplet.tupletMultiplier())
        if not 0 <= length <= 1024:
            raise DomainError("a note of impossible length")
        tokens = token.subTokens if isinstance(token, abcFormat.ABCChord) else [token]
        start, stop = steps(self.at), steps(self.at + length)
        for one in tokens:
            if isinstance(one, abcFormat.ABCNote) and one.pitchName is not None and stop > start:
                tied = token.tie in ("stop", "continue")
                pitch = Pitch(one.pitchName).midi
                self.notes.append(RawNote(start, stop - start, pitch, tied))
        self.at += length

    def bar_line(self, sign: str) -> None:
        double = sign not in ("|", "[1", "[2", ":")
        if self.at:
            assert self.metre is not None
            bar = RawBar(self.metre, steps(self.at), [self.notes], self.opens, double, self.ending)
            self.bars.append(bar)
            self.notes, self.at, self.opens = [], Fraction(0), double
        else:
            self.opens = self.opens or double
            if double and self.bars:
                self.bars[-1].closes = True
        if sign in ("[1", "[2"):
            self.ending = int(sign[1])
        elif double:
            self.ending = 0
