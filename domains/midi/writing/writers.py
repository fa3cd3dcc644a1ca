"""Scores as files of other programs: standard MIDI (symusic) and MusicXML (music21).

Both take one score or a `Medley`, and write `about` (where the music is from) into the file as
JSON: MIDI as a text event at its beginning, MusicXML as the miscellaneous field `tvae-provenance`.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Any

from domains.midi.notation import STEPS_PER_QUARTER, Event, Score
from domains.midi.reading.midi.events import EXACT_BARS
from domains.midi.writing.medley import (
    Medley,
    Section,
    as_medley,
    check_program,
    check_tempo,
    plain,
)
from tvae_core.cells import clean

TICKS_PER_QUARTER = 480
VELOCITY = 80
_TICKS = TICKS_PER_QUARTER // STEPS_PER_QUARTER
_BINARY = (192, 96, 48, 24, 12, 6, 3)
_DOTTED = (144, 72, 36, 18, 9)
_TRIPLET = (64, 32, 16, 8, 4, 2, 1)
_STEPS_OF_NATURALS = "FCGDAEB"
_ADDED_BY_MUSIC21 = re.compile(
    rb"\s*<encoding-date>[^<]*</encoding-date>|\s*<creator type=.composer.>Music21</creator>"
)
"""The day it runs on, which would make other bytes of the same music tomorrow, and itself."""


def about_text(about: Mapping[str, Any]) -> str:
    """Where music is from as JSON in ASCII, on one line."""
    return json.dumps(clean(about), allow_nan=False)


def to_midi(
    music: Score | Medley,
    *,
    tempo: float = 100,
    program: int = 0,
    title: str = "",
    about: Mapping[str, Any] | None = None,
) -> bytes:
    """A standard MIDI file: metre, key signature (as a major one) and tempo, a track a voice.

    Args:
        music: what to write; titles of a medley's pieces become markers.
        tempo: quarter notes a minute.
        program: General MIDI program of all voices, from 0.
        title: name of the whole, at most 200 characters of it.
        about: provenance, written as a text event.

    Raises:
        ValueError: an impossible tempo or program.
    """
    symusic: Any = importlib.import_module("symusic")
    medley = as_medley(music)
    score = symusic.Score(TICKS_PER_QUARTER)
    score.tempos.append(symusic.Tempo(0, check_tempo(tempo)))
    metre, key = None, None
    for section in medley.sections:
        if section.title:
            time = section.start * _TICKS
            score.markers.append(symusic.TextMeta(time, plain(section.title)))
        if section.score.key != key:
            key = section.score.key
            score.key_signatures.append(symusic.KeySignature(section.start * _TICKS, key, 0))
        for bar in section.score.bars:
            if bar.metre != metre:
                metre = bar.metre
                time = (section.start + bar.start) * _TICKS
                score.time_signatures.append(symusic.TimeSignature(time, *metre))
    for voice in range(medley.voices):
        name = f"Voice {voice + 1}" if medley.voices > 1 else "Melody"
        track = symusic.Track(name=name, program=check_program(program))
        for section in medley.sections:
            for event in section.score.voices[voice : voice + 1]:
                for start, duration, pitch in _ticks(event, section.start):
                    track.notes.append(symusic.Note(start, duration, pitch, VELOCITY))
        score.tracks.append(track)
    texts = [b"\x03" + plain(title).encode()] if title else []
    if about:
        texts.append(b"\x01" + about_text(about).encode())
    texts.append(b"\x7f" + EXACT_BARS)
    return _with_texts(score.dumps_midi(), texts)


def _ticks(voice: tuple[Event, ...], start: int) -> list[tuple[int, int, int]]:
    return [
        ((start + event.start) * _TICKS, event.duration * _TICKS, pitch)
        for event in voice
        for pitch in event.pitches
    ]


def _with_texts(midi: bytes, texts: list[bytes]) -> bytes:
    """The file with meta events, each its kind and its bytes, at the first track's beginning.

    Standard MIDI Files 1.0: a chunk `MThd` of 14 bytes in all, then chunks `MTrk` with their
    length in four bytes; a meta event is FF, its kind, its length as a variable-length quantity.
    """
    added = b"".join(b"\x00\xff" + text[:1] + _quantity(len(text) - 1) + text[1:] for text in texts)
    length = int.from_bytes(midi[18:22], "big") + len(added)
    return midi[:18] + length.to_bytes(4, "big") + added + midi[22:]


def _quantity(number: int) -> bytes:
    """Seven bits a byte, the highest first, all but the last one marked."""
    sevens = [number & 0x7F]
    while number := number >> 7:
        sevens.append(number & 0x7F | 0x80)
    return bytes(reversed(sevens))


def to_musicxml(
    music: Score | Medley, *, title: str = "", about: Mapping[str, Any] | None = None
) -> bytes:
    """A MusicXML file: a part a voice, notes tied over bar lines, chromatic notes spelt by the key.

    The pieces of a medley follow each other without a rest, each after a double bar line and with
    its title over its first bar.

    Args:
        music: what to write.
        title: over the whole.
        about: provenance.
    """
    m21: Any = importlib.import_module("music21")
    medley = as_medley(music)
    page = m21.stream.Score()
    page.metadata = m21.metadata.Metadata(title=plain(title) or "Untitled")
    if about:
        page.metadata.addCustom("tvae-provenance", about_text(about))
    for voice in range(medley.voices):
        page.insert(0, _part(medley, voice))
    exporter = m21.musicxml.m21ToXml.GeneralObjectExporter(page)
    text: bytes = exporter.parse()
    return _ADDED_BY_MUSIC21.sub(b"", text)


def _part(medley: Medley, voice: int) -> Any:
    m21: Any = importlib.import_module("music21")
    part = m21.stream.Part()
    player = m21.instrument.Instrument()
    player.partId = f"P{voice + 1}"
    player.partName = f"Voice {voice + 1}" if medley.voices > 1 else "Melody"
    part.insert(0, player)
    number = 1
    for index, section in enumerate(medley.sections):
        last = index + 1 == len(medley.sections)
        for measure in _measures(section, voice, number, "final" if last else "double"):
            part.append(measure)
            number += 1
    part.measure(1).insert(0, m21.clef.bestClef(part, recurse=True))
    return part


def _measures(section: Section, voice: int, number: int, ending: str) -> list[Any]:
    """The bars of one voice of a piece, the first one with key, metre and title."""
    m21: Any = importlib.import_module("music21")
    score = section.score
    events = score.voices[voice] if voice < len(score.voices) else ()
    found, metre, at = [], None, 0
    for index, bar in enumerate(score.bars):
        measure = m21.stream.Measure(number=number + index)
        if not index:
            measure.insert(0, m21.key.KeySignature(score.key))
            if section.title and not voice:
                measure.insert(0, m21.expressions.TextExpression(plain(section.title)))
        if bar.metre != metre:
            metre = bar.metre
            measure.insert(0, m21.meter.TimeSignature("{}/{}".format(*metre)))
        end, now = bar.start + bar.length, bar.start
        while now < end:
            event = events[at] if at < len(events) else None
            stop = end if event is None else min(max(event.start, now), end)
            if stop - now == bar.length:
                rest = m21.note.Rest(quarterLength=Fraction(bar.length, STEPS_PER_QUARTER))
                rest.fullMeasure = True
                measure.append(rest)
            elif stop > now:
                _append(measure, None, now - bar.start, stop - now, (False, False), score.key)
            now = stop
            if event is None or now >= end:
                continue
            close = event.start + event.duration
            stop = min(close, end)
            open_ends = (event.start < bar.start, close > end)
            _append(measure, event, now - bar.start, stop - now, open_ends, score.key)
            now = stop
            at += close <= end
            if close > end:
                break
        found.append(measure)
    found[-1].rightBarline = ending
    return found


def _append(
    measure: Any, event: Event | None, at: int, length: int, open_ends: tuple[bool, bool], key: int
) -> None:
    """Appends one note, chord or rest as symbols tied to each other and beyond the bar."""
    m21: Any = importlib.import_module("music21")
    parts = symbols(length, at)
    for index, steps in enumerate(parts):
        made: Any
        if event is None:
            made = m21.note.Rest()
        else:
            pitches = [_spelt(pitch, key) for pitch in event.pitches]
            made = m21.note.Note(pitches[0]) if len(pitches) == 1 else m21.chord.Chord(pitches)
            before = index > 0 or open_ends[0]
            after = index + 1 < len(parts) or open_ends[1]
            if before or after:
                kind = "continue" if before and after else "stop" if before else "start"
                made.tie = m21.tie.Tie(kind)
        made.duration.quarterLength = Fraction(steps, STEPS_PER_QUARTER)
        measure.append(made)


def _spelt(number: int, key: int) -> Any:
    """The pitch as a key signature spells it: from three fifths below its tonic to eight above."""
    m21: Any = importlib.import_module("music21")
    fifths = (number * 7 - (key - 3)) % 12 + key - 3
    octave_of, step = divmod(fifths + 1, 7)
    made = m21.pitch.Pitch(_STEPS_OF_NATURALS[step])
    if octave_of:
        made.accidental = m21.pitch.Accidental(octave_of)
    made.octave = (number - octave_of) // 12 - 1
    return made


def symbols(length: int, at: int = 0) -> list[int]:
    """Steps of the fewest note symbols (plain, dotted, triplets) that make up a length.

    The longest come first from a beat on, and last before one.

    Args:
        length: steps.
        at: steps from the bar's beginning.
    """
    long = [192] * max(0, (length - 192) // 192)
    found = long + list(_fewest(length - sum(long)))
    return found if at % STEPS_PER_QUARTER == 0 else found[::-1]


@lru_cache(maxsize=512)
def _fewest(length: int) -> tuple[int, ...]:
    """Few symbols, few kinds of them, long ones first; the length is below 384."""
    best: dict[int, tuple[int, ...]] = {0: ()}
    every = sorted((*_BINARY, *_DOTTED, *_TRIPLET), reverse=True)
    for steps in range(1, length + 1):
        ways = [
            (symbol, *best[steps - symbol])
            for symbol in every
            if symbol <= steps and (not best[steps - symbol] or best[steps - symbol][0] <= symbol)
        ]
        best[steps] = min(ways, key=lambda way: (len(way), _mixed(way)))
    return best[length]


def _mixed(way: tuple[int, ...]) -> int:
    """How often a sum of symbols goes from plain to triplet symbols or back."""
    return sum((a in _TRIPLET) != (b in _TRIPLET) for a, b in pairwise(way))
