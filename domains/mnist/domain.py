"""The mnist domain: handwritten digits written as text, behind the `Domain` protocol.

`MnistDomain().check(["00 down ! !\\n01 down"])` finds no digit: two rows, where digits have 9, 14
or 28.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy.typing as npt

from domains.mnist.lost import why_lost
from domains.mnist.pictures.images import read_image
from domains.mnist.pictures.render import DEFAULT_SIZE, digit_png
from domains.mnist.pictures.text import SIZES, Levels, array_to_text, text_to_array
from domains.mnist.scores import score_all, similarity
from tvae_core.bundle_domain import BundleDomain
from tvae_core.domain import DomainError, FloatArray, Rendered, Verdict

BUNDLE = Path(__file__).parent / "bundle"
"""The trained bundle that ships with the domain."""
EXAMPLES = Path(__file__).parent / "examples.json"
"""Small digits of the test split, two of each label."""

_EXAMPLE = re.compile(r"([0-9])(?::([0-9]{1,6}))?")
_ESCAPE = re.compile(r"\\([\\n])")
_SUFFIXES = (".png", ".pgm", ".bmp", ".gif", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")


class MnistDomain(BundleDomain):
    """Digits; an item is a `uint8` array `(side, side)` of levels 0 to 63, side 9, 14 or 28."""

    name = "mnist"
    shipped, items = BUNDLE, "digits"

    def to_text(self, item: npt.ArrayLike) -> str:
        """The text of a digit, its rows from the top; raises `DomainError` if it is none."""
        return array_to_text(item)

    def from_text(self, text: str) -> Levels:
        """The digit of a text, upright; raises `DomainError` with reason and position."""
        return text_to_array(text)

    def check(self, texts: Sequence[str]) -> list[Verdict]:
        """One verdict a text; a valid one is its own canonical form. Never raises."""
        return [_verdict(text) for text in texts]

    def score(self, texts: Sequence[str]) -> dict[str, FloatArray]:
        """All scores, each `(len(texts),)`; see `scores.SCORES`."""
        return score_all(texts)

    def similarity(self, a: Sequence[str], b: Sequence[str]) -> FloatArray:
        """Ink that `a[i]` and `b[i]` share over ink in either, 0 to 1; NaN if invalid."""
        return similarity(a, b)

    def why_lost(
        self, given: Sequence[str], back: Sequence[str], bundle: Path | None
    ) -> list[str | None]:
        """Why digits do not come back from their own codes; see `domains.mnist.lost`."""
        return why_lost(given, back, bundle)

    def render(self, text: str, *, size: int = DEFAULT_SIZE) -> Rendered:
        """A picture as PNG, upright, about `size` pixels a side.

        Raises:
            DomainError: the text is no digit.
        """
        return Rendered("png", digit_png(text, size=size))

    def examples(self) -> list[str]:
        """Twenty small digits of the test split in four greys, two of each label in turn."""
        return [text for texts in shipped_examples().values() for text in texts]


@lru_cache(maxsize=1)
def shipped_examples() -> dict[int, tuple[str, ...]]:
    """The shipped examples of each label, as small texts."""
    content = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return {int(label): tuple(texts) for label, texts in content["digits"].items()}


def read_item(given: str) -> str:
    """The text of a digit that a person gives on a command line.

    It may be the text itself (line ends also as `\\n`), an image file, which is made a small digit,
    or `7` or `7:1`: the first shipped seven, or the second.

    Raises:
        DomainError: it is none of these, with the reason.
    """
    example = _EXAMPLE.fullmatch(given.strip())
    if example:
        texts = shipped_examples()[int(example[1])]
        number = int(example[2] or 0)
        if number >= len(texts):
            raise DomainError(f"there are {len(texts)} examples, 0 to {len(texts) - 1}")
        return texts[number]
    if given.lower().endswith(_SUFFIXES):
        return array_to_text(read_image(Path(given), SIZES["small"]))
    if "\n" not in given:
        given = _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else "\\", given)
    text = given.strip("\n")
    text_to_array(text)
    return text


def show(text: str) -> str:
    """A digit in a few words, such as `digit 7 (0.99) 14x14`; why it is none, if so."""
    verdict = _verdict(text)
    if not verdict.ok:
        return f"no digit: {verdict.reason}"
    scores = score_all([text])
    side = len(text_to_array(text))
    return f"digit {scores['digit'][0]:.0f} ({scores['digit_confidence'][0]:.2f}) {side}x{side}"


def _verdict(text: str) -> Verdict:
    try:
        text_to_array(text)
    except DomainError as error:
        return Verdict(False, reason=error.reason, position=error.position)
    return Verdict(True, canonical=text)
