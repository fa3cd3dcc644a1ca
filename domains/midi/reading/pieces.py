"""What files of music give: pieces, and what was rejected or left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest

from domains.midi.notation import Score
from domains.midi.reading.parts import Part, listing


@dataclass(frozen=True)
class Piece:
    """A piece, or a stretch of one between bars that do not add up.

    Attributes:
        title: as the file gives it, or the file's name.
        source: file and, where it holds several, tune; equal for all stretches of one.
        score: its bars.
        told: what of the file is not in it, or was changed; phrases to be shown to the user.
        parts: every part by itself, in the piece's bars; empty where the file tells none apart.
        refused: why the parts cannot be written together; `score` is then the part that most
            likely is the melody. Empty where they can.
    """

    title: str
    source: str
    score: Score
    told: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    refused: str = ""

    @property
    def why_not_whole(self) -> str:
        """Why the parts cannot be written together, and which parts there are."""
        return f"{self.refused}; {listing(self.parts)}"


@dataclass
class Found:
    """What one tune gave.

    Attributes:
        title: as the file gives it; may be empty.
        scores: its stretches between bars that do not add up.
        lost_bars: bars that did not add up.
        told: what was left out or changed, see `Piece`.
        parts: of every score, see `Piece`; may be fewer than there are scores.
        refused: of every score, see `Piece`; may be fewer, too.
    """

    title: str
    scores: list[Score]
    lost_bars: int = 0
    told: list[str] = field(default_factory=list)
    parts: list[tuple[Part, ...]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


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

    def add(self, found: Found, source: str) -> None:
        """Takes the stretches of one tune."""
        self.lost_bars += found.lost_bars
        if not found.scores:
            self.rejected.append((source, "no two bars in a row add up"))
        every = zip_longest(found.scores, found.parts, found.refused)
        for number, (score, parts, refused) in enumerate(every, 1):
            title = found.title or source
            title = title if len(found.scores) == 1 else f"{title} ({number})"
            told = tuple(found.told)
            self.pieces.append(Piece(title, source, score, told, parts or (), refused or ""))
