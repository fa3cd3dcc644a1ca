"""Music files as scores: MIDI, ABC, MusicXML, Humdrum.

    read_music(Path("tune.mid").read_bytes(), "tune.mid")

Files are bounded in size, bars and notes before anything slow is done with them, and in time while
it is; whatever is wrong with one is a `DomainError`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePath

from domains.midi.notation import Score
from domains.midi.reading_bars import from_notes as from_notes
from domains.midi.time_limit import TimeLimitError, within
from tvae_core.domain import DomainError

MAX_BYTES = 5_000_000
MAX_ABC_BYTES = 1_000_000
MAX_SECONDS = 30.0
"""Of processor time that the reading of a file may take."""
MIDI_SUFFIXES = (".mid", ".midi")
ABC_SUFFIXES = (".abc",)
SCORE_SUFFIXES = (".musicxml", ".xml", ".mxl", ".krn")
SUFFIXES: tuple[str, ...] = (*MIDI_SUFFIXES, *ABC_SUFFIXES, *SCORE_SUFFIXES)


@dataclass(frozen=True)
class Piece:
    """A piece, or a stretch of one between bars that do not add up.

    Attributes:
        title: as the file gives it, or the file's name.
        source: file and, where it holds several, tune; equal for all stretches of one.
        score: its bars.
    """

    title: str
    source: str
    score: Score


@dataclass
class Reading:
    """What a file holds.

    Attributes:
        pieces: what could be read.
        rejected: source of a tune that could not be, and why.
        lost_bars: bars that did not add up, where pieces are cut.
    """

    pieces: list[Piece] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    lost_bars: int = 0

    def add(self, title: str, source: str, scores: list[Score], lost: int) -> None:
        """Takes the stretches of one tune."""
        self.lost_bars += lost
        if not scores:
            self.rejected.append((source, "no two bars in a row add up"))
        for number, score in enumerate(scores, 1):
            name = title or source
            self.pieces.append(
                Piece(name if len(scores) == 1 else f"{name} ({number})", source, score)
            )


def read_music(data: bytes, name: str, seconds: float = MAX_SECONDS) -> list[Piece]:
    """The pieces of a file.

    Args:
        data: its content, at most `MAX_BYTES`.
        name: its name; the suffix tells the format.
        seconds: of processor time that reading may take; of an ABC file, the tunes read until then
            are kept.

    Raises:
        DomainError: naming the file and what is wrong with it, if it holds no piece at all.
    """
    reading = read_file(data, name, seconds)
    if not reading.pieces:
        source, reason = reading.rejected[0] if reading.rejected else (name, "no music in it")
        more = f" (and {len(reading.rejected) - 1} more)" if len(reading.rejected) > 1 else ""
        raise DomainError(f"{source}: {reason}{more}")
    return reading.pieces


def read_file(data: bytes, name: str, seconds: float = MAX_SECONDS) -> Reading:
    """As `read_music`, with what was rejected; raises where the file as a whole is unreadable."""
    suffix = PurePath(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise DomainError(f"{name}: no music file; known are {' '.join(SUFFIXES)}")
    if not data:
        raise DomainError(f"{name}: the file is empty")
    if len(data) > MAX_BYTES:
        raise DomainError(f"{name}: larger than {MAX_BYTES // 1_000_000} MB")
    try:
        if suffix in MIDI_SUFFIXES:
            from domains.midi.reading_midi import read_midi

            return _single(name, *within(seconds, lambda: read_midi(data)))
        if suffix in ABC_SUFFIXES:
            return _abc(data, name, seconds)
        from domains.midi.reading_scores import read_score

        return _single(name, *within(seconds, lambda: read_score(data, suffix)))
    except TimeLimitError as error:
        raise DomainError(f"{name}: reading it takes {error}") from None
    except DomainError as error:
        reason = error.reason if error.reason.startswith(name) else f"{name}: {error.reason}"
        raise DomainError(reason) from error


def _single(name: str, title: str, scores: list[Score], lost: int) -> Reading:
    reading = Reading()
    reading.add(title or PurePath(name).stem, name, scores, lost)
    return reading


def _abc(data: bytes, name: str, seconds: float) -> Reading:
    from domains.midi.reading_abc import abc_tunes, read_tune

    reading = Reading()
    if len(data) > MAX_ABC_BYTES:
        raise DomainError(f"an ABC file larger than {MAX_ABC_BYTES // 1_000_000} MB; split it")
    tunes = list(abc_tunes(decoded(data)))
    if not tunes:
        raise DomainError("no tune in it (a tune of ABC notation has lines `X:1` and `K:C`)")
    end = time.thread_time() + seconds
    for number, tune in tunes:
        source = f"{name}#{number}" if len(tunes) > 1 else name
        try:
            if time.thread_time() >= end:
                raise TimeLimitError
            title, scores, lost = within(
                max(0.0, end - time.thread_time()), partial(read_tune, tune)
            )
        except TimeLimitError:
            reading.rejected.append((source, f"the file takes longer than {seconds:g} s to read"))
        except DomainError as error:
            reading.rejected.append((source, error.reason))
        else:
            reading.add(title, source, scores, lost)
    return reading


def decoded(data: bytes) -> str:
    """Text in UTF-8, with or without a mark of it, or UTF-16 with one; else Latin-1.

    Raises:
        DomainError: it is no text.
    """
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if "\0" in text:
        raise DomainError("no text, as this kind of file should be")
    return text
