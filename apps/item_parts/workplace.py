"""What every page needs: its app and bundle, the set of known items, files with provenance."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import streamlit as st

from apps.common import codes
from apps.common.bundle import Workbench, bundle_panel, stamp_of
from apps.common.downloads import Rows, download_bar
from apps.common.page import heading, shown_errors
from apps.item_parts.facts import Item
from apps.item_parts.spec import Spec
from apps.registry import app_named
from tvae_core.data.known import KNOWN_FILE
from tvae_core.domain import Known
from tvae_core.domain_commands import DomainCommands
from tvae_core.rows import write_rows

MOST_BUTTONS = 4
"""Most download buttons side by side."""


def current() -> Spec:
    """The app that runs."""
    found: Spec = importlib.import_module(app_named(st.session_state["_app"]).parts).SPEC
    return found


def frame(page: str) -> tuple[Spec, Workbench]:
    """Draws the head of a page of the app that runs; gives the app and its bundle."""
    spec = current()
    bench = spec.workbench()
    title, lead = spec.titles[page]

    def aside() -> None:
        if spec.aside is not None:
            spec.aside()
        bundle_panel(bench, spec.commands.bundle)

    heading(title, lead, aside)
    return spec, bench


def known_of(spec: Spec, bench: Workbench) -> Known | None:
    """Tells training items; None if the bundle cannot, or its file is damaged (said so)."""
    if not (bench.folder / KNOWN_FILE).is_file():
        return None
    with shown_errors(stop=False):
        return _known(str(bench.folder), stamp_of(bench.folder), spec.commands)
    return None


@st.cache_resource(max_entries=6, show_spinner=False)
def _known(folder: str, stamp: tuple[int, ...], _commands: DomainCommands) -> Known | None:
    del stamp
    return _commands.known(Path(folder))


def novelty(spec: Spec, bench: Workbench, items: Sequence[Item]) -> list[bool | None]:
    """Whether each item is outside the training set; None where that cannot be said."""
    look = known_of(spec, bench)
    if look is None:
        return [None] * len(items)
    hits = look([item.text for item in items])
    return [not hit if item.ok else None for item, hit in zip(items, hits, strict=True)]


def row_of(item: Item, **more: object) -> dict[str, object]:
    """A flat row of a file; an invalid text has its reason instead of scores."""
    if item.canonical is None:
        place = None if item.position is None else item.position + 1
        return {"text": item.text, **more, "reason": item.reason, "character": place}
    return {"text": item.canonical, **more, **item.scores}


def downloads(
    spec: Spec,
    bench: Workbench,
    page: str,
    stem: str,
    rows: Any,
    settings: Mapping[str, object],
    key: str,
    disabled: bool = False,
) -> None:
    """Download buttons, a file format each, behind one where they are many; see `download_bar`."""

    def write(path: Path, found: Rows, format: str, metadata: Mapping[str, object]) -> None:
        del format  # the ending of the path says it
        write_rows(path, found, metadata, spec.commands)

    origin = codes.provenance(bench, spec.app, page, settings)
    name = f"{spec.prefix}{key}"
    with ExitStack() as stack:
        if len(spec.formats) > MOST_BUTTONS:
            popover = st.popover(
                "Download", icon=":material/download:", disabled=disabled, key=f"{name}_files"
            )
            stack.enter_context(popover)
        download_bar(stem, rows, origin, write, spec.formats, key=name, disabled=disabled)
