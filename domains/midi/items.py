"""Tunes on a command line: what a person may give for one, and how one is shown on a line.

An item is a text in the notation, the title or number of an example (`Greensleeves`, `6`), or a
music file: `tune.mid` (its first four bars), `tune.mid:9-12` (those bars), `tune.mid:all`,
`tunes.abc#3` (the third tune of the file), `tunes.abc#3:5-8`, `song.mid@MELODY` or `song.mid@2`
(one part of it), `song.mid@MELODY~16:5-8` (its notes put on sixteenths). Where bars that do not add
up cut a tune into stretches, the first is taken, or the one that the bars named lie in.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from domains.midi.examples import EXAMPLES
from domains.midi.notation import STEPS_PER_QUARTER, Bar, Event, Score, format_score, pitch_name
from domains.midi.reading.choice import chosen_part, first_sounding_bar
from domains.midi.reading.midi.grid import GRIDS
from domains.midi.scoring.similarity import score_or_none
from tvae_core.domain import DomainError
from tvae_core.support.words import one_line

if TYPE_CHECKING:
    from domains.midi.reading import Piece, Reading

BARS = 4
"""Bars of a file that are taken unless said otherwise."""
MAX_SHOWN = 160

_NUMBER = re.compile(r"\d{1,6}")
_PLACE = re.compile(
    r"(?P<path>.*?\.(?:midi?|kar|rmi|abc|musicxml|xml|mxl|krn))(?:#(?P<tune>\d{1,6}))?"
    r"(?:@(?P<part>.+?))?(?:~(?P<grid>\d{1,3}))?"
    r"(?::(?P<first>\d{1,5})(?:-(?P<last>\d{1,5}))?|:(?P<all>all))?",
    re.DOTALL | re.IGNORECASE,
)
_SIGNATURES = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")


def read_item(given: str, one_voice: bool = False) -> str:
    """The text of a tune that a person gives on a command line.

    Args:
        given: as it was given.
        one_voice: whether of a file with several voices one is taken, which is told on stderr.

    Raises:
        DomainError: it is none, with the reason.
    """
    if _NUMBER.fullmatch(given.strip()):
        texts = list(EXAMPLES.values())
        if not 1 <= int(given) <= len(texts):
            raise DomainError(f"there are {len(texts)} examples, 1 to {len(texts)}")
        return texts[int(given) - 1]
    titles = {title.casefold(): text for title, text in EXAMPLES.items()}
    if given.strip().casefold() in titles:
        return titles[given.strip().casefold()]
    place = _PLACE.fullmatch(given)
    if place is not None and "|" not in place["path"]:
        return format_score(_excerpt(Path(place["path"]), _wanted(place, one_voice)))
    return given


@dataclass(frozen=True)
class Wanted:
    """What of a music file is asked for.

    Attributes:
        piece: which of its tunes, from 1; None for the first that can be read.
        first: first bar, from 1; bars are counted through all stretches of the tune.
        last: last bar; None for all of a stretch, 0 for as many as there are up to `BARS` of them.
        part: name or number of the part; None for all.
        one_voice: whether one voice is taken of several.
        grid: parts of a whole note that notes of MIDI are put on; 0 leaves them as played.
    """

    piece: int | None = None
    first: int = 1
    last: int | None = 0
    part: str | None = None
    one_voice: bool = False
    grid: int = 0


def told(source: str, phrases: Sequence[str]) -> None:
    """Says on stderr what of a file was left out or changed, a line each."""
    for phrase in phrases:
        print(one_line(f"{source}: {phrase}"), file=sys.stderr)


def _wanted(place: re.Match[str], one_voice: bool) -> Wanted:
    grid = int(place["grid"] or 0)
    if place["grid"] and grid not in GRIDS:
        raise DomainError(f"no grid ~{grid}; there are {', '.join(f'~{g}' for g in GRIDS)}")
    first = int(place["first"] or 1)
    last = int(place["last"] or place["first"] or 0)
    return Wanted(
        int(place["tune"]) if place["tune"] else None,
        first,
        None if place["all"] else last,
        place["part"],
        one_voice,
        grid,
    )


def read_excerpt(
    path: Path, piece: int | None = None, first: int = 1, last: int | None = 0
) -> Score:
    """Bars of a tune of a music file; what was left out of it is told on stderr.

    Args:
        path: the file.
        piece: which of its tunes, from 1; None for the first that can be read.
        first: first bar, from 1; bars are counted through all stretches of the tune.
        last: last bar; None for all of a stretch, 0 for as many as there are up to `BARS` of them.

    Raises:
        DomainError: it cannot be read, has no such tune or bars, or is silent there.
    """
    return _excerpt(path, Wanted(piece, first, last))


def _excerpt(path: Path, wanted: Wanted) -> Score:
    """As `read_excerpt`, of a part, on a grid."""
    from domains.midi.reading import MAX_BYTES, read_file

    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DomainError(f"{path}: {error.strerror or error}") from None
    reading = read_file(data, path.name, grid=wanted.grid)
    stretches = _stretches(reading, path, wanted.piece)
    counts = [len(one.score.metres) for one in stretches]
    begins = [sum(counts[:i]) for i in range(len(counts))]
    chosen = max(i for i, begin in enumerate(begins) if begin < max(wanted.first, 1))
    piece, said = stretches[chosen], list(stretches[0].told)
    try:
        score = chosen_part(piece, path, wanted.part, wanted.one_voice, said)
    except DomainError as error:
        raise DomainError(f"{path}: {error.reason}") from None
    first, last = _bars(path, wanted, begins, counts, chosen)
    part = score.excerpt(first - begins[chosen] - 1, last - first + 1)
    if not any(part.voices) and wanted.last == 0 and wanted.first == 1:
        start = first_sounding_bar(score)
        part = score.excerpt(start, min(BARS, len(score.metres) - start))
        said.append(f"silent until bar {start + 1}, where the excerpt begins")
    if not any(part.voices):
        start = begins[chosen] + first_sounding_bar(score) + 1
        raise DomainError(
            f"{path}: bars {first} to {last} are silent; name others: {path}:FIRST-LAST (it begins "
            f"in bar {start})"
        )
    if len(stretches) > 1:
        ranges = _ranges(begins, counts)
        said.append(f"in {len(counts)} stretches, bars {ranges}; taken from one")
    told(piece.source, said)
    return part


def _bars(
    path: Path, wanted: Wanted, begins: list[int], counts: list[int], chosen: int
) -> tuple[int, int]:
    """First and last bar of an excerpt of a stretch, both from 1.

    Raises:
        DomainError: there are none such, or not in one stretch.
    """
    total, end = sum(counts), begins[chosen] + counts[chosen]
    first, last = wanted.first, wanted.last
    last = end if last is None else min(end, first + BARS - 1) if last == 0 else last
    if not 1 <= first <= last <= total:
        raise DomainError(f"{path}: no bars {first} to {last}, the piece has {total}")
    if last > end:
        ranges = _ranges(begins, counts)
        raise DomainError(f"{path}: bars {first} to {last} are not in one stretch of {ranges}")
    return first, last


def _ranges(begins: list[int], counts: list[int]) -> str:
    return ", ".join(f"{b + 1}-{b + n}" for b, n in zip(begins, counts, strict=True))


def _stretches(reading: Reading, path: Path, number: int | None) -> list[Piece]:
    """The stretches of a tune of a file.

    Raises:
        DomainError: there is none of that number, or why it cannot be read.
    """
    if number is None:
        read = reading.pieces[0].source if reading.pieces else reading.sources[0]
        number = reading.sources.index(read) + 1
    many = f"#{number}" if 1 < len(reading.sources) >= number else ""
    try:
        return reading.tune(number)
    except DomainError as error:
        raise DomainError(f"{path}{many}: {error.reason}") from None


def show(text: str) -> str:
    """A tune on a line: key signature as a major key, metre, the upper voice as it sounds.

    `D 4/4 F#4 F#4 G4 A4 | A4 G4 F#4 E4`: a note is a quarter unless a duration in quarters follows,
    as in `E4:3/2`; `_` is a rest, `~` a tie to the next bar, `+1 voice` tells of others.
    """
    score = score_or_none(text)
    if score is None:
        return one_line(text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "...")
    bars, parts, metre = score.bars, [_SIGNATURES[score.key + 7]], None
    for number, bar in enumerate(bars):
        if number:
            parts.append("|")
        if bar.metre != metre:
            metre = bar.metre
            parts.append(f"{metre[0]}/{metre[1]}")
        parts.extend(_shown_bar(score.voices[0], bar, score.key < 0))
    more = len(score.voices) - 1
    line = " ".join(parts)
    line = line if len(line) <= MAX_SHOWN else line[: MAX_SHOWN - 3] + "..."
    return f"{line} (+{more} voice{'s' if more > 1 else ''})" if more else line


def _shown_bar(voice: tuple[Event, ...], bar: Bar, flats: bool) -> list[str]:
    now, end, parts = bar.start, bar.start + bar.length, []
    for event in voice:
        start, stop = max(event.start, bar.start), min(event.start + event.duration, end)
        if start >= stop:
            continue
        if start > now:
            parts.append("_" + _quarters(start - now))
        names = "+".join(_name(pitch, flats) for pitch in event.pitches)
        tied = "~" if event.start + event.duration > end else ""
        parts.append(f"{names}{_quarters(stop - start)}{tied}")
        now = stop
    if now < end:
        parts.append("_" + _quarters(end - now))
    return parts


def _name(pitch: int, flat: bool) -> str:
    name = pitch_name(pitch)
    return f"{'DEGAB'['CDFGA'.index(name[0])]}b{name[2:]}" if flat and "#" in name else name


def _quarters(steps: int) -> str:
    return "" if steps == STEPS_PER_QUARTER else f":{Fraction(steps, STEPS_PER_QUARTER)}"
