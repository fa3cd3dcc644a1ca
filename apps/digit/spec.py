"""The app of digits: its words, its scores, pictures on cards, what the classifier reads."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache

from torch import Tensor

from apps.common.bundle import Workbench
from apps.common.elements.cards import png_address
from apps.common.widgets.windows import Range
from apps.items.facts import Item
from apps.items.hooks import Hooks
from apps.items.spec import Cards, Face, Field, ScoreView, Spec, Words
from domains.mnist.commands import COMMANDS
from domains.mnist.domain import MnistDomain, read_item, shipped_examples
from domains.mnist.pictures.render import digit_png
from tvae_core.domain import DomainError
from tvae_core.support.words import raw_line

BUNDLE = COMMANDS.bundle
ORDINALS = ("first", "second", "third", "fourth")
_FILE_NAME = re.compile(r"\.\w+$")


def example_names() -> dict[str, str]:
    """The shipped digits: what the menu calls each, and what is typed for it."""
    return {
        f"{label}, the {ORDINALS[number]}": f"{label}:{number}"
        for label, texts in shipped_examples().items()
        for number in range(min(len(texts), len(ORDINALS)))
    }


@lru_cache(maxsize=4000)
def address_of(text: str, size: int = 112) -> str:
    """A digit's picture as an address for a page."""
    return png_address(digit_png(text, size=size))


def reading(item: Item) -> str:
    """What the classifier reads, and how sure it is; a dash for what is no digit."""
    digit = item.scores.get("digit", math.nan)
    if math.isnan(digit):
        return "–"
    return f"{digit:.0f} ({item.scores['digit_confidence']:.0%})"


def _face(item: Item, width: int) -> Face:
    size = 280 if width > 300 else 112
    alt = f"the digit {reading(item)}"
    return Face(picture=address_of(item.canonical or "", size), alt=alt)


def _read_digits(bench: Workbench, items: Sequence[Item], codes: Tensor) -> list[str]:
    """The label that the classifier gives each digit."""
    del bench, codes
    return [f"{item.scores['digit']:.0f}" if item.ok else "" for item in items]


def _read(typed: str) -> str:
    """The text of a digit: an example by its name, or the text itself with `\\n` for line ends.

    Raises:
        DomainError: it is neither.
    """
    # `read_item` opens pictures by their path, too: not for what comes from a browser.
    if not typed or _FILE_NAME.search(typed):
        raise DomainError("a digit is 0 to 9, such as 7 or 7:1, or its text from '00 down' on")
    return read_item(typed)


TITLES = {
    "sample": (
        "Sample digits",
        "Random codes from the prior, decoded to rows of text that draw a digit. An "
        "independent classifier says which.",
    ),
    "walk": (
        "Walk between two digits",
        "A film strip: codes on the way from one digit to another, each decoded and read by "
        "the classifier.",
    ),
    "morph": (
        "Morph between four digits",
        "A grid of codes between four corners, all decoded and shown as one sheet.",
    ),
    "around": ("Around a digit", "What decodes from codes close to one digit's."),
    "map": (
        "Map of digits",
        "Sampled digits on the two axes along which their codes vary most, coloured by what "
        "the classifier reads.",
    ),
}
SCORES = {
    "digit_confidence": ScoreView(
        "sure", ".0%", "how sure the classifier is of what it reads", Range(0.0, 1.0, 0.05)
    ),
    "ink": ScoreView("ink", ".0%", "mean level of the pixels", Range(0.0, 0.6, 0.02)),
    "holes": ScoreView("holes", ".0f", "closed loops", Range(0.0, 4.0, 1.0)),
    "components": ScoreView("parts", ".0f", "separate strokes", Range(1.0, 6.0, 1.0)),
    "height": ScoreView("height", ".0%", "of the square", Range(0.0, 1.0, 0.05)),
    "width": ScoreView("width", ".0%", "of the square", Range(0.0, 1.0, 0.05)),
    "symmetry": ScoreView("symmetry", ".0%", "likeness to its mirror image", Range(0.0, 1.0, 0.05)),
}

SPEC = Spec(
    app="digits",
    commands=COMMANDS,
    make_domain=MnistDomain,
    words=Words(
        noun="digits",
        titles=TITLES,
        label="Digit",
        label_form="reads {}",
    ),
    cards=Cards(
        scores=SCORES,
        names=("digit_confidence", "ink", "holes"),
        draw=_face,
        width=158,
        strip=126,
        steps=11,
        large_text=True,
        thumbnail=72,
        on_steps=("digit_confidence", "ink"),
    ),
    field=Field(
        examples=example_names(),
        ends=("3:0", "8:0"),
        read=_read,
        typed=lambda item: raw_line(item.canonical or ""),
        help="7 for a shipped seven, 7:1 for the second one, or the text of a digit with \\n "
        "for its line ends.",
    ),
    hooks=Hooks(
        labels=_read_digits,
    ),
)

workbench = SPEC.workbench
