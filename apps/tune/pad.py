"""A pad: a square whose every point is a code; pressing it picks one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
_draw = st.components.v2.component(
    "tvae_music_pad",
    css=(_HERE / "pad.css").read_text(encoding="utf-8"),
    js=(_HERE / "pad.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something on the pad: `x` and `y` in 0..1 from the top left; `tone` colours it.

    A mark with a label is drawn large.
    """

    x: float
    y: float
    label: str = ""
    tone: str = "plain"
    title: str = ""


def pad(
    key: str, at: tuple[float, float], marks: Sequence[Mark], label: str
) -> tuple[float, float] | None:
    """Draws the pad; gives the point that was picked in this run, if one was.

    Args:
        key: of the component.
        at: the current point.
        marks: what lies on the pad.
        label: what the pad is, for those who do not see it.
    """
    found: Any = _draw(
        key=key,
        data={"at": list(at), "marks": [asdict(mark) for mark in marks], "label": label},
        on_picked_change=lambda: None,
    )
    return point_of(found.picked if found is not None else None)


def point_of(picked: object) -> tuple[float, float] | None:
    """The point of what a browser sent, kept within the pad; None for anything else."""
    if not isinstance(picked, dict):
        return None
    try:
        x, y = float(picked["x"]), float(picked["y"])
    except (KeyError, TypeError, ValueError):
        return None
    if not (math.isfinite(x) and math.isfinite(y)):
        return None
    return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)
