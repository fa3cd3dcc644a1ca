"""An item from the user: typed, or picked from the examples."""

from __future__ import annotations

import streamlit as st

from apps.common.bundle import Workbench
from apps.common.elements.cards import caret_lines
from apps.common.page import problem
from apps.items.facts import Item, read_items
from apps.items.spec import Spec
from tvae_core.domain import DomainError

MOST_TYPED = 20_000


def item_field(spec: Spec, label: str, name: str, default: str) -> str:
    """A text field beside a menu of examples, with the app's other ways in; gives what is typed.

    Args:
        spec: of the app.
        label: of the field.
        name: of the field, in the session, after the app's prefix.
        default: what is typed at first.
    """
    key, menu = f"{spec.prefix}{name}", f"{spec.prefix}{name}_example"
    if picked := st.session_state.pop(menu, None):
        st.session_state[key] = spec.examples[picked]
    elif key not in st.session_state:
        st.session_state[key] = default
    left, right = st.columns([5, 2], vertical_alignment="bottom")
    typed = left.text_input(
        label, key=key, help=spec.field_help or None, persist_state="session", max_chars=MOST_TYPED
    )
    right.selectbox(
        "Examples",
        list(spec.examples),
        index=None,
        placeholder="Examples",
        label_visibility="collapsed",
        key=menu,
    )
    if spec.desk is not None:
        spec.desk(key)
    return (typed or "").strip()


def item_of(spec: Spec, bench: Workbench, typed: str, which: str = "") -> Item | None:
    """The item of what was typed; None, with one line and a caret, if it is none."""
    before = f"the {which}: " if which else ""
    try:
        text = spec.read(typed)
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
