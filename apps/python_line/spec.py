"""The app of Python lines: its words, its scores, highlighted code on cards."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from torch import Tensor

from apps.common.bundle import Workbench
from apps.common.widgets.windows import Range
from apps.items.facts import Item
from apps.items.hooks import Hooks
from apps.items.spec import Cards, Face, Field, ScoreView, Spec, Words
from domains.python_code.commands import COMMANDS
from domains.python_code.domain import EXAMPLES, PythonDomain
from domains.python_code.render import draw_pieces

BUNDLE = COMMANDS.bundle


@lru_cache(maxsize=4000)
def _pieces(code: str) -> tuple[tuple[str, str], ...]:
    return draw_pieces(code)


def _face(item: Item, width: int) -> Face:
    del width  # the text wraps
    return Face(pieces=_pieces(item.canonical or ""))


def _kinds(bench: Workbench, items: Sequence[Item], codes: Tensor) -> list[str]:
    """What each statement is: `assign`, `call`, `return`, ..."""
    del bench, codes
    return PythonDomain().label([item.text for item in items])


def _typed(item: Item) -> str:
    """One line that reads as the statement: the normal form of a few has several."""
    form = item.canonical or ""
    return item.text.strip() if "\n" in form else form


TITLES = {
    "sample": (
        "Sample lines of Python",
        "Random codes from the prior, decoded to statements and parsed, never run. Filters act "
        "on what is already there.",
    ),
    "walk": (
        "Walk between two statements",
        "Codes on the way from one statement to another; where a line does not parse, the "
        "caret says why.",
    ),
    "around": (
        "Around a statement",
        "What decodes from codes close to one statement's: variations of a line.",
    ),
    "map": (
        "Map of statements",
        "Sampled lines on the two axes along which their codes vary most, coloured by what "
        "kind of statement they are.",
    ),
}
SCORES = {
    "length": ScoreView("length", ".0f", "characters", Range(0.0, 80.0, 1.0)),
    "depth": ScoreView("depth", ".0f", "levels of the syntax tree", Range(1.0, 12.0, 1.0)),
    "names_bound": ScoreView(
        "bound names",
        ".0%",
        "names that are builtins or bound in the line itself",
        Range(0.0, 1.0, 0.05),
    ),
    "calls": ScoreView("calls", ".0f", "calls in the line", Range(0.0, 6.0, 1.0)),
    "names": ScoreView("names", ".0f", "names in the line", Range(0.0, 12.0, 1.0)),
    "constants": ScoreView("constants", ".0f", "literals in the line", Range(0.0, 8.0, 1.0)),
    "operators": ScoreView("operators", ".0f", "operators in the line", Range(0.0, 8.0, 1.0)),
    "compiles": ScoreView(
        "compiles",
        "yes",
        "compiles in a module, a function or a loop",
        Range(0.0, 1.0, 1.0),
    ),
}

SPEC = Spec(
    app="python_lines",
    commands=COMMANDS,
    make_domain=PythonDomain,
    words=Words(
        noun="lines",
        titles=TITLES,
        label="Kind of statement",
    ),
    cards=Cards(
        scores=SCORES,
        names=("length", "depth", "compiles"),
        draw=_face,
        width=300,
        strip=236,
        flat=True,
        on_steps=("length", "depth"),
    ),
    field=Field(
        examples={line: line for line in EXAMPLES},
        ends=("total += price * count", "names = sorted(set(names), key=str.lower)"),
        read=lambda typed: typed,
        typed=_typed,
        help="One statement on one line. It is parsed, never run.",
    ),
    hooks=Hooks(
        labels=_kinds,
    ),
)

workbench = SPEC.workbench
