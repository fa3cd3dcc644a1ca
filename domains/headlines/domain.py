"""The headlines domain: lines of news as text, behind the `Domain` protocol.

`HeadlinesDomain().check(["Rain  ends drought", "rain rain rain"])` finds the first valid,
canonically `Rain ends drought`, and the second not: a word more than two times in a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from domains.headlines.render import DEFAULT_WIDTH, draw_svg
from domains.headlines.scores import score_all, similarity
from domains.headlines.text import Problem, read
from domains.headlines.words import KnownWords, words_of_bundle
from tvae_core.bundle_domain import BundleDomain
from tvae_core.domain import DomainError, FloatArray, Rendered, Verdict
from tvae_core.evaluation.words_lost import words_lost

BUNDLE = Path(__file__).parent / "bundle"
"""The trained bundle that ships with the domain."""

EXAMPLES = (
    "Central Bank Raises Interest Rates for the Third Time This Year",
    "Scientists Find Signs of Ancient Water Beneath the Surface of Mars",
    "council rejects plan for new bridge over river",
    "17 Photos That Prove Cats Are the Best Roommates",
    "Late goal sends home side into the cup final",
    "Can a Walk After Dinner Help You Sleep Better?",
    "President and Senate Leaders Reach Deal on Budget",
    "police search for driver after crash near school",
    "Singer Announces 'Farewell' Tour With Dates in 20 Cities",
    "Shares fall as oil prices hit two-year low",
)
"""Headlines of several kinds, written for this toolkit."""


class HeadlinesDomain(BundleDomain):
    """Headlines; an item is its canonical text. Implements `tvae_core.domain.Domain`."""

    name = "headlines"
    shipped, items = BUNDLE, "headlines"

    def __init__(self, bundle: str | Path | None = None) -> None:
        """Nothing is read yet.

        Args:
            bundle: the folder (a bundle or a prepared set) whose `tokenizer.json` and, where there
                is one, `words.bin` are used; the shipped bundle by default.
        """
        super().__init__(bundle)
        self._words: KnownWords | None = None

    def to_text(self, item: str) -> str:
        """The canonical form of a headline.

        Raises:
            DomainError: it is none.
        """
        return self.from_text(item)

    def from_text(self, text: str) -> str:
        """The headline in its canonical form, see `text.normalise`.

        Raises:
            DomainError: it is no headline; with the reason and, where one character can be blamed,
                its position.
        """
        found = read(text)
        if isinstance(found, Problem):
            raise DomainError(found.reason, found.position)
        return found

    def check(self, texts: Sequence[str]) -> list[Verdict]:
        """One verdict a text, the canonical form or the reason; never raises."""
        return [_verdict(text) for text in texts]

    def score(self, texts: Sequence[str]) -> dict[str, FloatArray]:
        """All scores, each `(len(texts),)`; see `scores.SCORES`.

        `known_words` is among them where the bundle has a list of words.
        """
        if self._words is None:
            self._words = words_of_bundle(self.bundle)
        return score_all(texts, self._words)

    def similarity(self, a: Sequence[str], b: Sequence[str]) -> FloatArray:
        """Shared words and pairs of words of `a[i]` and `b[i]`, 0 to 1; NaN if invalid."""
        return similarity(a, b)

    def why_lost(
        self, given: Sequence[str], back: Sequence[str], bundle: Path | None
    ) -> list[str | None]:
        """Which words of headlines their own codes lose, and which characters are spelt out."""
        return [words_lost(*pair, bundle) for pair in zip(given, back, strict=True)]

    def render(self, text: str, *, width: int = DEFAULT_WIDTH) -> Rendered:
        """A card as SVG.

        Raises:
            DomainError: the text is no headline.
        """
        return Rendered("svg", draw_svg(self.from_text(text), width=width))

    def examples(self) -> list[str]:
        """Headlines of several kinds."""
        return list(EXAMPLES)


def _verdict(text: object) -> Verdict:
    found = read(text)
    if isinstance(found, Problem):
        return Verdict(False, reason=found.reason, position=found.position)
    return Verdict(True, canonical=found)
