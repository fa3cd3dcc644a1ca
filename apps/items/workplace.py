"""What every page needs: its app and bundle, the set of known items, files with provenance."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import streamlit as st
from torch import Tensor

from apps.common import codes
from apps.common.bundle import Workbench, bundle_panel, stamp_of
from apps.common.downloads import Rows, download_bar
from apps.common.kept import Kept
from apps.common.page import heading, shown_errors
from apps.items.facts import Item
from apps.items.spec import Spec
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
    title, lead = spec.title(page)

    def aside() -> None:
        if spec.hooks.aside is not None:
            spec.hooks.aside()
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


_hits: Kept[tuple[int, str], bool] = Kept(8_000_000, lambda key, hit: 100 + len(key[1]))


def novelty(spec: Spec, bench: Workbench, items: Sequence[Item]) -> list[bool | None]:
    """Whether each item is outside the training set; None where that cannot be said."""
    look = known_of(spec, bench)
    if look is None:
        return [None] * len(items)
    found = {item.form: _hits.get((bench.number, item.form)) for item in items if item.ok}
    fresh = [form for form, hit in found.items() if hit is None]
    for form, hit in zip(fresh, look(fresh) if fresh else (), strict=True):
        found[form] = bool(hit)
        _hits.put((bench.number, form), bool(hit))
    return [not found[item.form] if item.ok else None for item in items]


def labels_of(spec: Spec, bench: Workbench, items: Sequence[Item], codes: Tensor) -> list[str]:
    """The label of each item, empty where it has none."""
    if spec.hooks.labels is None or not items:
        return [""] * len(items)
    return spec.hooks.labels(bench, items, codes)


def row_of(spec: Spec, item: Item, **more: object) -> dict[str, object]:
    """A flat row of a file; an invalid text has its reason instead of scores."""
    if not item.ok:
        place = None if item.position is None else item.position + 1
        return {"text": item.text, **more, "reason": item.reason, "character": place}
    return {"text": item.form, **more, **spec.hooks.told(item)}


def downloads(
    spec: Spec,
    bench: Workbench,
    page: str,
    stem: str,
    rows: Callable[[], Rows],
    settings: Mapping[str, object],
    key: str,
    disabled: bool = False,
    formats: Sequence[str] = (),
) -> None:
    """Download buttons, a file format each, behind one where they are many; see `download_bar`."""

    def write(path: Path, found: Rows, format: str, metadata: Mapping[str, object]) -> None:
        del format  # the ending of the path says it
        write_rows(path, found, metadata, spec.commands)

    origin = codes.provenance(bench, spec.app, page, settings)
    name = f"{spec.prefix}{key}"
    endings = tuple(formats) or spec.formats
    with ExitStack() as stack:
        if len(endings) > MOST_BUTTONS:
            popover = st.popover(
                "Download", icon=":material/download:", disabled=disabled, key=f"{name}_files"
            )
            stack.enter_context(popover)
        download_bar(stem, rows, origin, write, endings, key=name, disabled=disabled)
