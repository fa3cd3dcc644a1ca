"""The frame of a page: its style, its heading, errors in one line, values set for the next run."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any, TypeVar, cast

import streamlit as st

T = TypeVar("T")

_STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
_LATER = "_later"
_PUT_IN = re.compile(
    r":(?=[\w/+-]+[:\[])[\w/+-]|:/(?=/)|www\.|(?<=[\w.+-])@[\w-]|<-|->|--|[<>~]=", re.IGNORECASE
)
"""What Streamlit makes something else of: `:name:`, `:red[`, addresses, `->` and its like."""


def begin() -> None:
    """Starts a run of an app: the style, and the values that `later` left."""
    st.html(f"<style>{_STYLE}</style>")
    for key, value in st.session_state.pop(_LATER, {}).items():
        st.session_state[key] = value


def later(**values: object) -> None:
    """Sets widgets' values at the start of the next run: in this one they may be drawn already."""
    st.session_state[_LATER] = {**st.session_state.get(_LATER, {}), **values}


def heading(title: str, lead: str, aside: Callable[[], None] | None = None) -> None:
    """A compact title with one line of explanation, and something small to its right."""
    with st.container(horizontal=True, vertical_alignment="center", key="page_heading"):
        st.html(f"<h1>{escape(title)}</h1><div class='lead'>{escape(lead)}</div>", width="stretch")
        if aside is not None:
            aside()


def literal(text: object) -> str:
    """A text on one line that Markdown shows as it is: a SMILES is full of brackets.

    Backslashes keep what Markdown itself would read. Links, emoji, colours and arrows are put in by
    Streamlit after that: an invisible joiner (U+2060) within them is what keeps them out.
    """
    line = re.sub(r"\s+", " ", str(text)).strip()
    line = "".join(c if c.isprintable() else "�" for c in line)
    line = _PUT_IN.sub(lambda match: match[0][:-1] + "\u2060" + match[0][-1], line)
    line = re.sub(r"([\\`*_\[\]~$<>#|&^])", r"\\\1", line)
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", line)


def plain_label(text: object) -> str:
    """A text on one line that a plot shows as it is: Plotly takes some HTML in labels."""
    return re.sub(r"\s+", " ", str(text)).replace("&", "&amp;").replace("<", "&lt;")


def problem(message: object) -> None:
    """One clear line about what is wrong."""
    line = literal(message)
    st.error(line[:1].upper() + line[1:], icon=":material/error:")


@contextmanager
def shown_errors(stop: bool = True) -> Iterator[None]:
    """Shows what the user can mend (`ValueError`, `DomainError`) in one line, and ends the page."""
    try:
        yield
    except ValueError as error:
        problem(error)
        if stop:
            st.stop()


def remember(name: str, key: Hashable, make: Callable[[], T]) -> T:
    """This session's last result under `name`, made anew when `key` changes."""
    kept = st.session_state.get(f"_{name}")
    if kept is None or kept[0] != key:
        kept = (key, make())
        st.session_state[f"_{name}"] = kept
    return cast(T, kept[1])


def recall(name: str, first: Hashable) -> Any:
    """What `remember` keeps under `name`, if its key begins with `first`; None otherwise."""
    kept = st.session_state.get(f"_{name}")
    return None if kept is None or kept[0][0] != first else kept[1]


def go(page: str, **values: Any) -> None:
    """Opens another page of the app, with widgets' values for it."""
    later(**values)
    pages = st.session_state.get("_pages", {})
    if page in pages:
        st.switch_page(pages[page])
    st.rerun()
