"""Music files as scores: MIDI, ABC, MusicXML, Humdrum.

    read_music(Path("tune.mid").read_bytes(), "tune.mid")

Files are bounded in size, bars and notes before anything slow is done with them, and in time while
it is; whatever is wrong with one is a `DomainError`.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import PurePath

from domains.midi.notation import MAX_BARS
from domains.midi.reading.bars import ONE_BAR
from domains.midi.reading.pieces import Found, Piece, Reading
from domains.midi.reading.text import decoded
from domains.midi.reading.time_limit import TimeLimitError, within
from tvae_core.domain import DomainError

MAX_BYTES = 5_000_000
MAX_ABC_BYTES = 1_000_000
MAX_SECONDS = 30.0
"""Of processor time that the reading of a file may take."""
MIDI_SUFFIXES = (".mid", ".midi", ".kar", ".rmi")
ABC_SUFFIXES = (".abc",)
SCORE_SUFFIXES = (".musicxml", ".xml", ".mxl", ".krn")
SUFFIXES: tuple[str, ...] = (*MIDI_SUFFIXES, *ABC_SUFFIXES, *SCORE_SUFFIXES)


def read_music(
    data: bytes, name: str, seconds: float = MAX_SECONDS, *, grid: int = 0
) -> list[Piece]:
    """The pieces of a file.

    Args:
        data: its content, at most `MAX_BYTES`.
        name: its name; the suffix tells the format.
        seconds: of processor time that reading may take; of an ABC file, the tunes read until then
            are kept.
        grid: see `read_file`.

    Raises:
        DomainError: naming the file and what is wrong with it, if it holds no piece at all.
    """
    reading = read_file(data, name, seconds, grid=grid)
    if not reading.pieces:
        source, reason = reading.rejected[0] if reading.rejected else (name, "no music in it")
        more = f" (and {len(reading.rejected) - 1} more)" if len(reading.rejected) > 1 else ""
        raise DomainError(f"{source}: {reason}{more}")
    return reading.pieces


def read_file(
    data: bytes,
    name: str,
    seconds: float = MAX_SECONDS,
    *,
    grid: int = 0,
    most_bars: int = MAX_BARS,
) -> Reading:
    """As `read_music`, with what was rejected; raises where the file as a whole is unreadable.

    Args:
        data: its content.
        name: its name.
        seconds: of processor time.
        grid: parts of a whole note that the notes of MIDI are put on; 0 leaves them as played.
        most_bars: of a MIDI file; one of more than `MAX_BARS` is given in stretches of as many.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise DomainError(f"{name}: no music file; known are {' '.join(SUFFIXES)}")
    if not data:
        raise DomainError(f"{name}: the file is empty")
    if len(data) > MAX_BYTES:
        raise DomainError(f"{name}: larger than {MAX_BYTES // 1_000_000} MB")
    try:
        if suffix in MIDI_SUFFIXES:
            return within(seconds, lambda: _midi(data, name, grid, most_bars))
        if suffix in ABC_SUFFIXES:
            return _abc(data, name, seconds)
        from domains.midi.reading.scores import read_score

        return _single(name, within(seconds, lambda: read_score(data, suffix)))
    except TimeLimitError as error:
        raise DomainError(f"{name}: reading it takes {error}") from None
    except DomainError as error:
        reason = error.reason if error.reason.startswith(name) else f"{name}: {error.reason}"
        raise DomainError(reason) from error


def _midi(data: bytes, name: str, grid: int, most_bars: int) -> Reading:
    from domains.midi.reading.midi.piece import midi_pieces, read_piece

    files = midi_pieces(data)
    if len(files) == 1:
        return _single(name, read_piece(files[0], grid, most_bars))
    reading = Reading()
    for number, file in enumerate(files, 1):
        source = f"{name}#{number}"
        of = f"sequence {number} of {len(files)} of a MIDI file of type 2"
        try:
            found = read_piece(file, grid, most_bars)
            if len(found.scores) == len(found.scores[0].metres) == 1:
                raise DomainError(ONE_BAR)
        except DomainError as error:
            reading.reject(source, f"{of}: {error.reason}")
        else:
            found.told.insert(0, of)
            reading.add(found, source)
    return reading


def _single(name: str, found: Found) -> Reading:
    reading = Reading()
    found.title = found.title or PurePath(name).stem
    reading.add(found, name)
    return reading


def _abc(data: bytes, name: str, seconds: float) -> Reading:
    from domains.midi.reading.abc.tunes import read_tune, tunes_of

    reading = Reading()
    if len(data) > MAX_ABC_BYTES:
        raise DomainError(f"an ABC file larger than {MAX_ABC_BYTES // 1_000_000} MB; split it")
    tunes = tunes_of(decoded(data))
    if not tunes:
        raise DomainError("no tune in it (a tune of ABC notation has lines `X:1` and `K:C`)")
    end = time.thread_time() + seconds
    for number, tune in enumerate(tunes, 1):
        source = f"{name}#{number}" if len(tunes) > 1 else name
        try:
            if time.thread_time() >= end:
                raise TimeLimitError
            found = within(max(0.0, end - time.thread_time()), partial(read_tune, tune))
        except TimeLimitError:
            reading.reject(source, f"the file takes longer than {seconds:g} s to read")
        except DomainError as error:
            reading.reject(source, error.reason)
        else:
            reading.add(found, source)
    return reading
