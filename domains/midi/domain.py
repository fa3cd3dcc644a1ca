"""The midi domain: tunes as text in the notation, behind the `Domain` protocol.

`MidiDomain().check(["0 |4/4 C4:48G4:48", "0 |4/4 C4:48G4:24"])` finds the first valid and the
second not: in bar 1, 72 of 96 steps are filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from domains.midi.examples import EXAMPLES
from domains.midi.lost import why_lost
from domains.midi.notation import Score, format_score, parse_score
from domains.midi.scoring.scores import score_all
from domains.midi.scoring.similarity import similarity
from tvae_core.bundle_domain import BundleDomain
from tvae_core.domain import DomainError, FloatArray, Rendered, Verdict

BUNDLE = Path(__file__).parent / "bundle"
"""The trained bundle that ships with the domain."""


class MidiDomain(BundleDomain):
    """Tunes; an item is a `notation.Score`. Implements `tvae_core.domain.Domain`."""

    name = "midi"
    shipped, items = BUNDLE, "music"

    def to_text(self, item: Score) -> str:
        """The canonical text of a score.

        Raises:
            DomainError: it is none, is silent, or holds what the notation cannot say, such as
                notes that overlap in one voice.
        """
        if not isinstance(item, Score):
            raise DomainError(f"a tune is a Score, not {type(item).__name__}")
        try:
            text = format_score(item)
            again = self.from_text(text)
        except (ArithmeticError, IndexError, TypeError, ValueError) as error:
            raise DomainError(f"the notation cannot write this score: {error}") from None
        if (again.key, again.metres, again.voices) != (item.key, item.metres, item.voices):
            raise DomainError("a voice has notes that overlap, are out of order or leave the bars")
        return text

    def from_text(self, text: str) -> Score:
        """The score of a text.

        Raises:
            DomainError: it is none, with the bar, the reason and the character; or it is silent.
        """
        if not isinstance(text, str):
            raise DomainError(f"a tune is text, not {type(text).__name__}")
        score = parse_score(text)
        if not any(score.voices):
            raise DomainError("silent: no note in any bar")
        return score

    def check(self, texts: Sequence[str]) -> list[Verdict]:
        """One verdict a text, the canonical form or the reason and position; never raises."""
        return [self._verdict(text) for text in texts]

    def _verdict(self, text: str) -> Verdict:
        try:
            return Verdict(True, canonical=format_score(self.from_text(text)))
        except DomainError as error:
            return Verdict(False, reason=error.reason, position=error.position)

    def score(self, texts: Sequence[str]) -> dict[str, FloatArray]:
        """All scores, each `(len(texts),)`; see `scores.SCORES`."""
        return score_all(texts)

    def similarity(self, a: Sequence[str], b: Sequence[str]) -> FloatArray:
        """1 - note edit distance of `a[i]` and `b[i]` over the longer one's notes, in any key."""
        return similarity(a, b)

    def why_lost(
        self, given: Sequence[str], back: Sequence[str], bundle: Path | None
    ) -> list[str | None]:
        """Why tunes do not come back from their own codes; see `domains.midi.lost`."""
        return why_lost(given, back, bundle)

    def render(self, text: str) -> Rendered:
        """A piano roll as SVG.

        Raises:
            DomainError: the text is no tune.
        """
        from domains.midi.writing.pictures import piano_roll

        return Rendered("svg", piano_roll(self.from_text(text)))

    def examples(self) -> list[str]:
        """Well-known tunes of four bars."""
        return list(EXAMPLES.values())
