"""Sliders that keep what lies between two values of a score."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st


@dataclass(frozen=True, slots=True)
class Range:
    """Ends and step of a score's slider; a handle at an end sets no limit."""

    low: float
    high: float
    step: float


def window(
    name: str,
    label: str,
    about: str,
    ends: Range,
    minimum: dict[str, float],
    maximum: dict[str, float],
    key: str,
) -> None:
    """Draws the slider of a score and notes the limits that it sets.

    Args:
        name: of the score.
        label: of the slider.
        about: what the score says.
        ends: of the slider.
        minimum: gets its lower limit, if one is set.
        maximum: gets its upper limit, if one is set.
        key: of the slider.
    """
    low, high = st.slider(
        label,
        ends.low,
        ends.high,
        (ends.low, ends.high),
        ends.step,
        format="%.2f" if ends.step < 0.1 else "%.1f" if ends.step < 1 else "%.0f",
        key=key,
        help=about + ". A handle at its end sets no limit.",
        persist_state="session",
    )
    if low > ends.low:
        minimum[name] = low
    if high < ends.high:
        maximum[name] = high
