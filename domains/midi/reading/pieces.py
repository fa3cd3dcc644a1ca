"""What files of music give: pieces, and what was rejected or left out."""

from __future__ import annotations

from dataclasses import dataclass, field

from domains.midi.notation import Score
from domains.midi.reading.bars import ONE_BAR, SHORTEST_STRETCH
from tvae_core.domain import DomainError


@dataclass(frozen=True)
class Piece:
    """A piece, or a stretch of one between bars that do not add up.

    Attributes:
        title: as the file gives it, or the file's name.
        source: file and, where it holds several, tune; equal for all stretches of one.
        score: its bars.
        told: what of the file is not in it, or was changed; phrases to be shown to the user.
    """

    title: str
    source: str
    score: Score
    told: tuple[str, ...] = ()


@dataclass
class Found:
    """What one tune gave.

    Attributes:
        title: as the file gives it; may be empty.
        scores: its stretches between bars that do not add up.
        lost_bars: bars that did not add up.
        told: what was left out or changed, see `Piece`.
    """

    title: str
    scores: list[Score]
    lost_bars: int = 0
    told: list[str] = field(default_factory=list)


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
        scores = [score for score in found.scores if len(score.metres) >= SHORTEST_STRETCH]
        if not scores:
            self.reject(source, ONE_BAR if found.scores else "no two bars in a row add up")
            return
        self.sources.append(source)
        for number, score in enumerate(scores, 1):
            title = found.title or source
            title = title if len(scores) == 1 else f"{title} ({number})"
            self.pieces.append(Piece(title, source, score, tuple(found.told)))

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
