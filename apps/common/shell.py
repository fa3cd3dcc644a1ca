"""Runs one app, or all of them behind a front page; heavy libraries wait until a page needs them.

An app's own script is `run_alone(app_named("digits"))`; `apps/home.py` is `run_together`.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from apps.common.access import admitted, ask
from apps.registry import TOGETHER, AppEntry

ICON = Path(__file__).parent / "pictures" / "icon.png"
_importing = threading.Lock()
"""Held while an app's libraries are imported: two sessions at once may find them half imported."""


def run_alone(entry: AppEntry) -> None:
    """Runs the page of an app that the address names."""
    st.set_page_config(page_title=entry.title, page_icon=ICON, layout="wide")
    st.session_state[TOGETHER] = False
    pages = _pages(entry, alone=True)
    _run(entry.title, st.navigation(list(pages.values()), position=_menu()), {entry: pages})


def run_together(
    title: str, entries: Sequence[AppEntry], front: Callable[[dict[AppEntry, Any]], None]
) -> None:
    """Runs the front page, or the page of any app that the address names.

    Args:
        title: of the front page.
        entries: the apps.
        front: draws the front page, given the first page of each app.
    """
    st.set_page_config(page_title=title, page_icon=ICON, layout="wide")
    st.session_state[TOGETHER] = True
    by_app = {entry: _pages(entry, alone=False) for entry in entries}
    firsts = {entry: next(iter(pages.values())) for entry, pages in by_app.items()}
    home = st.Page(
        lambda: front(firsts), title="Home", icon=":material/home:", url_path="home", default=True
    )
    sections = {entry.title: list(pages.values()) for entry, pages in by_app.items()}
    _run(title, st.navigation({"": [home], **sections}, position=_menu()), by_app)


def _menu() -> Literal["top", "hidden"]:
    """Where the menu of pages is: nowhere for those who have not come in."""
    return "top" if admitted() else "hidden"


def _pages(entry: AppEntry, alone: bool) -> dict[str, Any]:
    return {
        page.name: st.Page(
            page.script,
            title=page.title,
            icon=page.icon,
            url_path=page.name if alone else f"{entry.name}-{page.name}",
            default=alone and number == 0,
        )
        for number, page in enumerate(entry.pages)
    }


def _run(title: str, page: Any, by_app: dict[AppEntry, dict[str, Any]]) -> None:
    """Runs a page, after its app is ready; what pages know of their app is left in the session."""
    if not admitted():
        from apps.common.page import begin

        begin()
        ask(title)
        return
    state = st.session_state
    state["_turned"] = state.get("_page") != page.url_path
    state["_page"] = page.url_path
    # `st.navigation` gives one of the pages that it was given.
    entry = next((e for e, pages in by_app.items() if page in pages.values()), None)
    if entry is None:
        from apps.common.page import begin

        begin()
        page.run()
        return
    state["_app"], state["_pages"] = entry.name, by_app[entry]
    if ready(entry):
        page.run()


def ready(entry: AppEntry) -> bool:
    """Loads the libraries and the bundle; says what is wrong and how to mend it, if it cannot."""
    # The first import takes seconds: inside the function, the page is there while it lasts.
    with st.spinner(f"Starting: loading {entry.libraries} and the model ..."):
        with _importing:
            from apps.common.bundle import bundle_field, explain_missing
            from apps.common.page import begin
            from tvae_core.support.errors import BundleError

            parts = importlib.import_module(entry.parts)
        begin()
        try:
            parts.workbench()
        except BundleError as error:
            problem = error
        else:
            return True
    st.title(entry.title, anchor=False)
    explain_missing(problem, f"domains/{entry.domain}")
    bundle_field(parts.BUNDLE)
    return False
