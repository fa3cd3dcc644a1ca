"""The filters of the Sample page: widgets in, a `Wanted` out."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from apps.common.bundle import Workbench
from apps.common.widgets.windows import window
from apps.items.sieve import Wanted
from apps.items.spec import Spec

AS_THEY_CAME = "as they came"
FIRST_WINDOWS = 3


def filter_controls(
    spec: Spec, bench: Workbench, labels: Sequence[str], can_tell_novel: bool
) -> Wanted:
    """Draws the filters.

    Args:
        spec: of the app.
        bench: the bundle.
        labels: those of the batch.
        can_tell_novel: the bundle has a set of known items.
    """
    prefix = f"{spec.prefix}sample"
    st.subheader("Filter", anchor=False)
    chosen: list[str] = []
    if spec.labels is not None:
        chosen = st.multiselect(
            spec.label_name,
            labels,
            key=f"{prefix}_labels",
            placeholder="all",
            persist_state="session",
        )
    minimum: dict[str, float] = {}
    maximum: dict[str, float] = {}
    ranged = [name for name, view in spec.shown(bench).items() if view.ends is not None]
    for name in ranged[:FIRST_WINDOWS]:
        _window(spec, name, minimum, maximum)
    if ranged[FIRST_WINDOWS:]:
        with st.expander("More scores"):
            for name in ranged[FIRST_WINDOWS:]:
                _window(spec, name, minimum, maximum)
    unique = st.toggle(
        "Unique", True, key=f"{prefix}_unique", help="Keep one of each.", persist_state="session"
    )
    novel = st.toggle(
        "Novel only",
        False,
        key=f"{prefix}_novel",
        help=f"Drop {spec.noun} that the training set has."
        if can_tell_novel
        else "This bundle does not say what the training set has.",
        disabled=not can_tell_novel,
        persist_state="session",
    )
    sorts = {AS_THEY_CAME: ""}
    for name in ranged:
        sorts[f"{spec.scores[name].label}, high first"] = name
        sorts[f"{spec.scores[name].label}, low first"] = f"-{name}"
    sort = st.selectbox("Sort by", list(sorts), key=f"{prefix}_sort", persist_state="session")
    return Wanted(
        minimum, maximum, frozenset(chosen), unique, novel and can_tell_novel, sorts[sort]
    )


def _window(spec: Spec, name: str, minimum: dict[str, float], maximum: dict[str, float]) -> None:
    view = spec.scores[name]
    if view.ends is not None:
        key = f"{spec.prefix}sample_window_{name}"
        label = view.label[:1].upper() + view.label[1:]
        window(name, label, view.about, view.ends, minimum, maximum, key)
