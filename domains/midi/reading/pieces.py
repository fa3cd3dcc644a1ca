"""What files of music give: pieces, and what was rejected or left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest

from domains.midi.notation import Score
from domains.midi.reading.bars import ONE_BAR, SHORTEST_STRETCH
from domains.midi.reading.parts import Part, listing
from tvae_core.domain import DomainError


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
        sources: of all tunes, read or rejected, in the order of the file.
    """

    pieces: list[Piece] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    lost_bars: int = 0
    sources: list[str] = field(default_factory=list)

    def add(self, found: Found, source: str) -> None:
        """Takes the stretches of one tune; a single bar is none."""
        self.lost_bars += found.lost_bars
        every = list(zip_longest(found.scores, found.parts, found.refused))
        long = [one for one in every if len(one[0].metres) >= SHORTEST_STRETCH]
        if not long:
            self.reject(source, ONE_BAR if found.scores else "no two bars in a row add up")
            return
        self.sources.append(source)
        for number, (score, parts, refused) in enumerate(long, 1):
            title = found.title or source
            title = title if len(long) == 1 else f"{title} ({number})"
            told = tuple(found.told)
            self.pieces.append(Piece(title, source, score, told, parts or (), refused or ""))

    def reject(self, source: str, reason: str) -> None:
        """Takes a tune that could not be read."""
        self.sources.append(source)
        self.rejected.append((source, reason))

    def tune(self, number: int) -> list[Piece]:
        """The stretches of a tune, numbered from 1 in the order of the file.

        Raises:
            DomainError: there is none of that number, or why it could not be read.
        """
        if not 1 <= number <= len(self.sources):
            raise DomainError(f"no piece {number}, there are {len(self.sources)}")
        source = self.sources[number - 1]
        for rejected, reason in self.rejected:
            if rejected == source:
                raise DomainError(reason)
        return [piece for piece in self.pieces if piece.source == source]
