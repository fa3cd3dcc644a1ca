"""MusicXML and Humdrum files, read by music21.

music21 builds an object a note, about a millisecond each, so notes are counted first. Compressed
files are unpacked only as far as `MAX_UNPACKED`, and XML that declares entities is refused.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from fractions import Fraction
from typing import Any

import music21
from music21 import chord, harmony, note, stream

from domains.midi.notation import MAX_BARS
from domains.midi.reading.bars import RawBar, RawNote, check_metre, steps, stretches
from domains.midi.reading.pieces import Found
from domains.midi.reading.text import decoded
from tvae_core.domain import DomainError

MAX_UNPACKED = 20_000_000
MAX_NOTES = 10_000
MAX_ENTRIES = 1000
MAX_PARTS = 32
_ROOT_FILE = re.compile(r"<rootfile\b[^>]*\bfull-path\s*=\s*[\"']([^\"']+)[\"']")
_HUGE_METRE = re.compile(
    r"<beats>[^<]*\d{3}|<beat-type>[^<]*\d{3}|^\S*\*M[\d/%]*\d{3}|\t\*M\d{3}", re.MULTILINE
)
"""Hundreds of beats, at which music21 works for minutes."""
_DECLARATION = re.compile(r"<!ENTITY|<!DOCTYPE[^>\[]*\[", re.IGNORECASE)


def read_score(data: bytes, suffix: str) -> Found:
    """What a .musicxml, .xml, .mxl or .krn file holds.

    Raises:
        DomainError: what is wrong with it.
    """
    if suffix == ".mxl" or data[:2] == b"PK":
        data, suffix = _unpacked(data), ".xml"
    text = decoded(data)
    if suffix == ".krn":
        if "**kern" not in text:
            raise DomainError("no Humdrum file: it has no column **kern")
        if not re.search(r"^\*M\d", text, re.MULTILINE) and "\t*M" not in text:
            raise DomainError("no metre")
        if not re.search(r"^=", text, re.MULTILINE):
            raise DomainError("no bar lines")
        notes = sum(len(line.split()) for line in text.splitlines() if line[:1] not in "*!=")
        return _read(text, "humdrum", notes)
    if not text.lstrip().startswith("<"):
        raise DomainError("no XML, as a MusicXML file should be")
    if _DECLARATION.search(text):
        raise DomainError("XML that declares entities is not read")
    root = re.search(r"<(score-partwise|score-timewise|opus)\b", text)
    if root is None:
        raise DomainError("no MusicXML: it has no score")
    if root[1] != "score-partwise":
        raise DomainError(f"a {root[1]} of MusicXML; only score-partwise is read")
    text = text[: root.start()].split("<!DOCTYPE")[0] + text[root.start() :]
    return _read(text, "musicxml", text.count("<note"), text.count("<measure"))


def _unpacked(data: bytes) -> bytes:
    """The score of a compressed MusicXML file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if len(names) > MAX_ENTRIES:
                raise DomainError(f"an archive of more than {MAX_ENTRIES:,} files")
            wanted = [n for n in names if n.lower().endswith((".xml", ".musicxml"))]
            wanted = [n for n in wanted if not n.startswith("META-INF/")]
            if "META-INF/container.xml" in names:
                container = _entry(archive, "META-INF/container.xml").decode("utf-8", "replace")
                told = _ROOT_FILE.search(container)
                if told is not None and told[1] in names:
                    wanted = [told[1]]
            if not wanted:
                raise DomainError("an archive without a MusicXML score")
            return _entry(archive, wanted[0])
    except DomainError:
        raise
    except Exception as error:  # zipfile seeks and unpacks whatever a directory says
        raise DomainError(f"no readable compressed MusicXML: {error}") from error


def _entry(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        content = file.read(MAX_UNPACKED + 1)
    if len(content) > MAX_UNPACKED:
        raise DomainError(f"larger than {MAX_UNPACKED // 1_000_000} MB when unpacked")
    return content


def _read(text: str, kind: str, notes: int, bars: int = 0) -> Found:
    if notes > MAX_NOTES:
        raise DomainError(f"{notes:,} notes; at most {MAX_NOTES:,} are read")
    if bars > MAX_BARS * MAX_PARTS:
        raise DomainError(f"more than {MAX_BARS:,} bars")
    if _HUGE_METRE.search(text):
        raise DomainError("a metre that cannot be written")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = music21.converter.parseData(text, format=kind)
    except Exception as error:  # music21 raises whatever comes up
        detail = " ".join(str(error).split())[:120]
        raise DomainError(f"music21 cannot read it: {type(error).__name__}: {detail}") from error
    try:
        return read_stream(parsed)
    except DomainError:
        raise
    except Exception as error:  # as above
        detail = " ".join(str(error).split())[:120]
        raise DomainError(f"music21 reads no bars in it: {detail}") from error


def read_stream(score: Any) -> Found:
    """What a music21 score holds.

    Raises:
        DomainError: no notes, bars or metre in it, or too many.
    """
    title = score.metadata.bestTitle if score.metadata is not None else None
    parts = list(score.parts) if isinstance(score, stream.Score) else [score]
    measures = [list(part.getElementsByClass(stream.Measure)) for part in parts]
    measures = [part for part in measures if any(m[note.Note] or m[chord.Chord] for m in part)]
    if not measures:
        raise DomainError("no notes in bars")
    if len(measures) > MAX_PARTS:
        raise DomainError(f"more than {MAX_PARTS} parts")
    signatures = [k for part in measures for k in part[0][music21.key.KeySignature]]
    signatures = signatures or list(score[music21.key.KeySignature])
    key = signatures[0].sharps if signatures else estimated_key(score)
    if key is None or not -7 <= key <= 7:
        raise DomainError("a key signature that cannot be written")
    bars: list[RawBar] = []
    metre = None
    endings = _first_endings(parts)
    for place in range(max(map(len, measures))):
        here = [part[place] if place < len(part) else None for part in measures]
        metre = next((m.timeSignature for m in here if m and m.timeSignature), None) or metre
        if metre is None:
            raise DomainError("no metre")
        length = max(steps(Fraction(m.highestTime)) for m in here if m is not None)
        bars.append(
            RawBar(
                check_metre(metre.numerator, metre.denominator),
                length,
                [_notes(m) if m is not None else [] for m in here],
                any(_double(m.leftBarline) for m in here if m is not None),
                any(_double(m.rightBarline) for m in here if m is not None),
                next((endings[id(m)] for m in here if id(m) in endings), 0),
            )
        )
    if len(bars) > MAX_BARS:
        raise DomainError(f"more than {MAX_BARS:,} bars")
    bars[0].opens = True
    scores, lost = stretches(bars, key)
    return Found(" ".join(str(title or "").split())[:200], scores, lost)


def estimated_key(score: Any) -> int:
    """The key signature of the key that music21 hears in a score (Krumhansl's profiles)."""
    return int(score.analyze("key").sharps)


def _notes(measure: Any) -> list[RawNote]:
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
                found.append(RawNote(start, stop - start, round(one.pitch.ps), tied))
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
