"""Cards: a picture, a copyable text, values, chips and actions, in a grid that fits the page.

One component draws them all, so that a hundred cards are one element to Streamlit; it comes with
the app and loads nothing. A click on an action comes back as a `Click`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import streamlit as st

Layout = Literal["grid", "strip", "large"]
Tone = Literal["plain", "good", "warn", "bad"]

_HERE = Path(__file__).parent
_draw = st.components.v2.component(
    "tvae_cards",
    css=(_HERE / "cards.css").read_text(encoding="utf-8"),
    js=(_HERE / "cards.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, slots=True)
class Chip:
    """A short label; `title` is shown on hover."""

    text: str
    tone: Tone = "plain"
    title: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """What one card shows; everything but `id` may be left out.

    Attributes:
        id: names the card in a `Click`.
        text: the item as text, with a button to copy it.
        picture: an SVG, or a PNG as a `data:` address, see `png_address`.
        pieces: (text, colour) of a text in colours, in place of the picture.
        face: letters of the pieces: as `code`, or as a `headline`.
        alt: what the picture shows, for those who do not see it.
        copied: what a copy button in the line of the heading copies, where `text` is not shown.
        heading: a line above the text.
        reason: why the item is not valid or was rejected.
        caret: lines of fixed width in place of the picture, see `caret_lines`.
        values: (name, value, meaning).
        chips: labels.
        actions: (name, label, meaning) of the buttons at the foot.
        pick: what a click on the picture does, in words; empty if nothing.
        selected: draws a frame around it.
    """

    id: str
    text: str = ""
    picture: str | None = None
    pieces: tuple[tuple[str, str], ...] = ()
    face: Literal["code", "headline"] = "code"
    alt: str = ""
    copied: str = ""
    heading: str = ""
    reason: str = ""
    caret: tuple[str, ...] | None = None
    values: tuple[tuple[str, str, str], ...] = ()
    chips: tuple[Chip, ...] = ()
    actions: tuple[tuple[str, str, str], ...] = ()
    pick: str = ""
    selected: bool = False


@dataclass(frozen=True, slots=True)
class Click:
    """What was clicked: an action's name, or `pick` for the picture."""

    id: str
    action: str


def draw_cards(
    cards: Sequence[Card],
    key: str,
    layout: Layout = "grid",
    width: int = 200,
    flat: bool = False,
) -> Click | None:
    """Draws cards and gives the click that led to this run, if one did.

    Args:
        cards: in order.
        key: of the component, unique in the page.
        layout: a `grid`, one `strip` that scrolls sideways, or `large` ones below each other.
        width: least width of a card in pixels.
        flat: pictures are as high as what they show, not two thirds of their width.
    """
    found: Any = _draw(
        data={
            "cards": [asdict(card) for card in cards],
            "layout": f"{layout} flat" if flat else layout,
            "width": width,
        },
        key=key,
        on_picked_change=_nothing,
    )
    picked = found.picked if found is not None else None
    if not isinstance(picked, dict):
        return None
    return Click(str(picked.get("id")), str(picked.get("action")))


def png_address(png: bytes) -> str:
    """A PNG as an address that a page shows without asking anyone for it."""
    return "data:image/png;base64," + b64encode(png).decode()


def _nothing() -> None:
    """Streamlit wants a callback for every value that comes back."""


def caret_lines(text: str, position: int | None, width: int = 28) -> tuple[str, ...]:
    """The part of a text around a character, and a caret below that character.

    Args:
        text: one line.
        position: 0-based; None, or past either end, gives the beginning of the text alone.
        width: characters that fit on a line.
    """
    shown = "".join(c if c.isprintable() else "�" for c in text)
    if position is None or not 0 <= position <= len(shown):
        return (shown if len(shown) <= width else shown[: width - 1] + "…",)
    start = max(0, min(position - width // 2, len(shown) + 1 - width))
    stop = min(len(shown), start + width)
    line = ("…" if start else "") + shown[start + bool(start) : stop]
    if stop < len(shown):
        line = line[:-1] + "…"
    return (line, " " * (position - start) + "^")
