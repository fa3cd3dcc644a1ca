"""MusicXML and Humdrum files, read by music21.

music21 builds an object a note, about a millisecond each, so notes are counted first.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import music21
from music21 import chord, harmony, note, stream

from domains.midi.notation import MAX_BARS
from domains.midi.reading.bars import RawBar, RawNote, check_metre, kept_stretches, steps
from domains.midi.reading.keys import key_of_stream
from domains.midi.reading.musicxml import MAX_NOTES, MAX_PARTS, XmlPart, sounding_xml, xml_text
from domains.midi.reading.parts import many, part_of, whole_of
from domains.midi.reading.pieces import Found
from domains.midi.reading.text import decoded
from tvae_core.domain import DomainError

_HUGE_METRE = re.compile(
    r"<beats>[^<]*\d{3}|<beat-type>[^<]*\d{3}|^\S*\*M[\d/%]*\d{3}|\t\*M\d{3}", re.MULTILINE
)
"""Hundreds of beats, at which music21 works for minutes."""
_LABEL = re.compile(r"part (\d+)\b")


def read_score(data: bytes, suffix: str) -> Found:
    """What a .musicxml, .xml, .mxl or .krn file holds.

    Raises:
        DomainError: what is wrong with it.
    """
    if suffix == ".krn":
        return _read_humdrum(decoded(data))
    found = sounding_xml(xml_text(data, suffix))
    score = _parsed(found.text, "musicxml")
    told = []
    if found.unpitched:
        told.append(f"{many(found.unpitched, 'note')} without a pitch (percussion) left out")
    moved = [part for part in found.parts if any(part.shifts)]
    if moved:
        names = ", ".join(part.name or "a part" for part in moved)
        told.append(f"read as it sounds, not as it is written: {names}")
    return _bars_of(score, found.parts, told)


def _read_humdrum(text: str) -> Found:
    if "**kern" not in text:
        raise DomainError("no Humdrum file: it has no column **kern")
    if not re.search(r"^\*M\d", text, re.MULTILINE) and "\t*M" not in text:
        raise DomainError("no metre")
    if not re.search(r"^=", text, re.MULTILINE):
        raise DomainError("no bar lines")
    notes = sum(len(line.split()) for line in text.splitlines() if line[:1] not in "*!=")
    if notes > MAX_NOTES:
        raise DomainError(f"{notes:,} notes; at most {MAX_NOTES:,} are read")
    return _bars_of(_parsed(text, "humdrum"), [], [])


def _parsed(text: str, kind: str) -> Any:
    if _HUGE_METRE.search(text):
        raise DomainError("a metre that cannot be written")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return music21.converter.parseData(text, format=kind)
    except Exception as error:  # music21 raises whatever comes up
        detail = " ".join(str(error).split())[:120]
        raise DomainError(f"music21 cannot read it: {type(error).__name__}: {detail}") from error


def _bars_of(score: Any, parts: Sequence[XmlPart], told: list[str]) -> Found:
    try:
        return read_stream(score, parts, told)
    except DomainError:
        raise
    except Exception as error:  # as above
        detail = " ".join(str(error).split())[:120]
        raise DomainError(f"music21 reads no bars in it: {detail}") from error


def read_stream(score: Any, sources: Sequence[XmlPart] = (), told: Sequence[str] = ()) -> Found:
    """What a music21 score holds.

    Args:
        score: the score.
        sources: what its parts are called and how far from their written pitch they sound, where
            music21's parts have the names that `SoundingXml` says.
        told: phrases for the user, to which this adds.

    Raises:
        DomainError: no notes, bars or metre in it, or too many.
    """
    staves = [staff for staff in _staves(score, sources) if staff.sounds]
    if not staves:
        raise DomainError("only percussion, which is not read" if told else "no notes in bars")
    if len(staves) > MAX_PARTS:
        raise DomainError(f"more than {MAX_PARTS} parts")
    key = _key(score, staves)
    bars = _raw_bars(score, staves)
    cut = kept_stretches(bars)
    title = score.metadata.bestTitle if score.metadata is not None else None
    found = Found(" ".join(str(title or "").split())[:200], [], len(cut.lost))
    found.told = [*told, *cut.told()]
    for piece in cut.stretches:
        parts = [
            part_of(staff.name, piece.parts.get(place, []), piece.metres, key)
            for place, staff in enumerate(staves)
        ]
        whole, refused = whole_of(parts)
        found.scores.append(whole)
        found.parts.append(tuple(parts))
        found.refused.append(refused)
    return found


@dataclass(slots=True)
class _Staff:
    """A staff of a score: what it is called, its measures, and how far from written they sound."""

    name: str
    part: Any
    measures: list[Any]
    shifts: list[int]

    @property
    def sounds(self) -> bool:
        return any(m[note.Note] or m[chord.Chord] for m in self.measures)

    def shift(self, place: int) -> int:
        return self.shifts[min(place, len(self.shifts) - 1)] if self.shifts else 0


def _staves(score: Any, sources: Sequence[XmlPart]) -> list[_Staff]:
    parts = list(score.parts) if isinstance(score, stream.Score) else [score]
    labels = [_LABEL.match(str(part.id)) for part in parts]
    counts = Counter(int(label[1]) for label in labels if label is not None)
    found, numbers = [], Counter[int]()
    for part, label in zip(parts, labels, strict=True):
        measures = list(part.getElementsByClass(stream.Measure))
        place = int(label[1]) if label is not None else -1
        if not 0 <= place < len(sources):
            found.append(
                _Staff(str(part.partName or "") if not sources else "", part, measures, [])
            )
            continue
        numbers[place] += 1
        number = f" {numbers[place]}" if counts[place] > 1 else ""
        source = sources[place]
        found.append(_Staff(f"{source.name}{number}".strip(), part, measures, source.shifts))
    return found


def _key(score: Any, staves: Sequence[_Staff]) -> int:
    """The signature of the first staff at written pitch that has one, else as another sounds."""
    found = [
        (abs(staff.shift(0)) % 12 > 0, place, signature.sharps, staff.shift(0))
        for place, staff in enumerate(staves)
        for signature in staff.measures[0][music21.key.KeySignature][:1]
    ]
    if found:
        transposed, _, sharps, shift = min(found)
        key = (sharps + 7 * shift + 5) % 12 - 5 if transposed else sharps
    else:
        rest = list(score[music21.key.KeySignature])
        key = rest[0].sharps if rest else key_of_stream(score)
    if key is None or not -7 <= key <= 7:
        raise DomainError("a key signature that cannot be written")
    return int(key)


def _raw_bars(score: Any, staves: Sequence[_Staff]) -> list[RawBar]:
    bars: list[RawBar] = []
    metre = None
    endings = _first_endings(list(score.parts) if isinstance(score, stream.Score) else [score])
    for place in range(max(len(staff.measures) for staff in staves)):
        here = [s.measures[place] if place < len(s.measures) else None for s in staves]
        metre = next((m.timeSignature for m in here if m and m.timeSignature), None) or metre
        if metre is None:
            raise DomainError("no metre")
        length = max(steps(Fraction(m.highestTime)) for m in here if m is not None)
        bars.append(
            RawBar(
                check_metre(metre.numerator, metre.denominator),
                length,
                [
                    _notes(m, staff.shift(place)) if m is not None else []
                    for m, staff in zip(here, staves, strict=True)
                ],
                any(_double(m.leftBarline) for m in here if m is not None),
                any(_double(m.rightBarline) for m in here if m is not None),
                next((endings[id(m)] for m in here if id(m) in endings), 0),
            )
        )
    if len(bars) > MAX_BARS:
        raise DomainError(f"more than {MAX_BARS:,} bars")
    bars[0].opens = True
    return bars


def _notes(measure: Any, shift: int) -> list[RawNote]:
    found = []
    for element in measure.recurse().notes:
        if isinstance(element, harmony.Harmony) or element.duration.isGrace:
            continue
        if not isinstance(element, (note.Note, chord.Chord)):
            continue
        at = Fraction(element.getOffsetInHierarchy(measure))
        start, stop = steps(at), steps(at + Fraction(element.quarterLength))
        for one in element.notes if isinstance(element, chord.Chord) else (element,):
            if stop > start >= 0:
                tie = one.tie or element.tie
                tied = tie is not None and tie.type in ("stop", "continue")
                found.append(RawNote(start, stop - start, round(one.pitch.ps) + shift, tied))
    return found


def _double(line: Any) -> bool:
    return line is not None and line.type not in ("regular", "dotted", "dashed", "tick", "none")


def _first_endings(parts: list[Any]) -> dict[int, int]:
    """The number of the ending, 1 or 2, that a measure stands in."""
    found = {}
    for bracket in parts[0].recurse().getElementsByClass(music21.spanner.RepeatBracket):
        numbers = bracket.numberRange
        for measure in bracket.getSpannedElements():
            found[id(measure)] = 1 if 1 in numbers else 2
    return found
