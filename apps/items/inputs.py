"""An item from the user: typed, or picked from the examples."""

from __future__ import annotations

from typing import Any

import streamlit as st

from apps.common.bundle import Workbench
from apps.common.elements.cards import caret_lines
from apps.common.page import problem
from apps.items.facts import Item, read_items
from apps.items.spec import Spec
from tvae_core.domain import DomainError


def item_field(spec: Spec, label: str, name: str, default: str) -> str:
    """A text field beside a menu of examples, with the app's other ways in; gives what is typed.

    Args:
        spec: of the app.
        label: of the field.
        name: of the field, in the session, after the app's prefix.
        default: what is typed at first.
    """
    key, menu = f"{spec.prefix}{name}", f"{spec.prefix}{name}_example"
    linked = spec.field.in_address
    if picked := st.session_state.pop(menu, None):
        st.session_state[key] = spec.field.examples[picked]
    elif key not in st.session_state and not (linked and key in st.query_params):
        st.session_state[key] = default
    left, right = st.columns([5, 2], vertical_alignment="bottom")
    kept: dict[str, Any] = {"bind": "query-params"} if linked else {"persist_state": "session"}
    typed = left.text_input(
        label, key=key, help=spec.field.help or None, max_chars=spec.field.longest, **kept
    )
    right.selectbox(
        "Examples",
        list(spec.field.examples),
        index=None,
        placeholder="Examples",
        label_visibility="collapsed",
        key=menu,
    )
    if spec.field.desk is not None:
        spec.field.desk(key)
    return (typed or "").strip()


def item_of(spec: Spec, bench: Workbench, typed: str, which: str = "") -> Item | None:
    """The item of what was typed; None, with one line and a caret, if it is none."""
    before = f"the {which}: " if which else ""
    try:
        text = spec.field.read(typed)
    except DomainError as error:
        item = Item(typed, reason=error.reason, position=error.position)
    else:
        (item,) = read_items(bench, [text])
    if item.ok:
        return item
    problem(f"{before}{item.why}")
    if item.position is not None and "\n" not in item.text:
        st.code("\n".join(caret_lines(item.text, item.position, 72)), language=None)
    return None


def name_of(spec: Spec, item: Item) -> str:
    """What the menu of examples calls an item; empty where it has no name there."""
    typed = spec.field.typed(item)
    return next((n for n, text in spec.field.examples.items() if text == typed != n), "")
