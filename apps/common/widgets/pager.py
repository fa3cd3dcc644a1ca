"""A list in pages, with buttons for the next and the one before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import streamlit as st

T = TypeVar("T")


def page_of(items: Sequence[T], size: int, key: str) -> Sequence[T]:
    """The part of a list that is on the current page; draws the buttons if there are several.

    Args:
        items: the whole list.
        size: items a page.
        key: session state that holds the page's number, counted from 0.
    """
    pages = max(1, -(-len(items) // size))
    number = min(int(st.session_state.get(key, 0)), pages - 1)
    if pages > 1:
        first, last = number * size + 1, min((number + 1) * size, len(items))
        with st.container(horizontal=True, vertical_alignment="center", key=f"{key}_pager"):
            st.button(
                "Previous",
                key=f"{key}_previous",
                icon=":material/chevron_left:",
                disabled=number == 0,
                on_click=_turn,
                args=(key, number - 1),
            )
            st.button(
                "Next",
                key=f"{key}_next",
                icon=":material/chevron_right:",
                icon_position="right",
                disabled=number == pages - 1,
                on_click=_turn,
                args=(key, number + 1),
            )
            st.caption(f"{first:,}–{last:,} of {len(items):,}")
    return items[number * size : (number + 1) * size]


def _turn(key: str, number: int) -> None:
    st.session_state[key] = number
