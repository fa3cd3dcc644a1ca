"""Several pieces after one another, as one file of music holds them: `Medley.of(scores)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domains.midi.notation import Score, bar_length


@dataclass(frozen=True)
class Section:
    """A piece within a medley: its `start` in steps, the `score`, and a `title` or nothing."""

    start: int
    score: Score
    title: str = ""


@dataclass(frozen=True)
class Medley:
    """Pieces in order, a bar's rest (as long as the last bar heard) between them."""

    sections: tuple[Section, ...]

    @classmethod
    def of(cls, scores: Sequence[Score], titles: Sequence[str] = ()) -> Medley:
        """A medley of scores and as many titles, if any; ValueError without a score."""
        if not scores:
            raise ValueError("a medley without a piece")
        sections, start = [], 0
        for score, title in zip(scores, titles or [""] * len(scores), strict=True):
            sections.append(Section(start, score, title))
            start += score.length + bar_length(score.metres[-1])
        return cls(tuple(sections))

    @property
    def length(self) -> int:
        """Steps to the end of the last piece."""
        return self.sections[-1].start + self.sections[-1].score.length

    @property
    def voices(self) -> int:
        """Voices of the piece that has the most."""
        return max(len(section.score.voices) for section in self.sections)


def as_medley(music: Score | Medley) -> Medley:
    """A medley as it is, and one score as a medley of one."""
    return Medley.of([music]) if isinstance(music, Score) else music


def check_tempo(tempo: float) -> float:
    """Quarter notes a minute from 10 to 400; ValueError for others."""
    if not 10 <= tempo <= 400:
        raise ValueError(f"a tempo of {tempo:g} quarter notes a minute is not within 10 to 400")
    return float(tempo)


def check_program(program: int) -> int:
    """A General MIDI program from 0 to 127; ValueError for others."""
    if not 0 <= program <= 127:
        raise ValueError(f"no General MIDI program {program}: they go from 0 to 127")
    return program


def plain(title: str, most: int = 200) -> str:
    """A title as every file can hold it: printable characters, the first `most` of them."""
    return "".join(sign if sign.isprintable() else " " for sign in title[:most])
