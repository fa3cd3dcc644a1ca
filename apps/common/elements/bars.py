"""Counts as horizontal bars, in HTML that follows the theme and the width of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

import streamlit as st

Tone = Literal["main", "good", "warn", "bad", "plain"]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `share` in 0..1 is its length, `value` what is written at its end."""

    label: str
    value: str
    share: float
    note: str = ""
    tone: Tone = "main"


def bars_html(bars: Sequence[Bar]) -> str:
    """The bars as HTML; labels and notes are escaped."""
    rows = []
    for bar in bars:
        width = f"{100 * min(max(bar.share, 0.0), 1.0):.1f}%"
        note = f"<span class='bar-note'>{escape(bar.note)}</span>" if bar.note else ""
        rows.append(
            f"<div class='bar-row'><div class='bar-label'>{escape(bar.label)}{note}</div>"
            f"<div class='bar-track'><div class='bar-fill {bar.tone}' style='width:{width}'></div>"
            f"</div><div class='bar-value'>{escape(bar.value)}</div></div>"
        )
    return f"<div class='bars'>{''.join(rows)}</div>"


def draw_bars(bars: Sequence[Bar]) -> None:
    """Draws bars into the page."""
    st.html(bars_html(bars))


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a row of cells, such as a setting of the dial and what came of it."""

    label: str
    tone: Tone
    title: str


def cells_html(cells: Sequence[Cell]) -> str:
    """A row of coloured cells with their labels below."""
    parts = [
        f"<div class='cell' title='{escape(c.title, quote=True)}'>"
        f"<div class='cell-mark {c.tone}'></div><div>{escape(c.label)}</div></div>"
        for c in cells
    ]
    return f"<div class='cells'>{''.join(parts)}</div>"


def figures_html(figures: Sequence[tuple[str, str, str]]) -> str:
    """Key figures in a row: label, value, and what it means (shown on hover)."""
    parts = [
        f"<div class='figure' title='{escape(about, quote=True)}'>"
        f"<div class='figure-value'>{escape(value)}</div>"
        f"<div class='figure-label'>{escape(label)}</div></div>"
        for label, value, about in figures
    ]
    return f"<div class='figures'>{''.join(parts)}</div>"
