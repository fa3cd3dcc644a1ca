"""The filters of the Sample page: widgets in, `Filters` out; sliders that other pages use, too."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from apps.common.bundle import Workbench
from apps.common.widgets.windows import window
from apps.items.facts import Item
from apps.items.inputs import item_of
from apps.items.sieve import SIMILARITY, Filters
from apps.items.spec import ScoreView, Spec
from tvae_core.sampling.funnel import Wanted

AS_THEY_CAME = "as they came"
FIRST_WINDOWS = 4


def filter_controls(
    spec: Spec, bench: Workbench, labels: Sequence[str], can_tell_novel: bool
) -> Filters:
    """Draws the filters.

    Args:
        spec: of the app.
        bench: the bundle.
        labels: those of the batch.
        can_tell_novel: the bundle has a set of known items.

    Raises:
        ValueError: it is asked to sort by likeness to a reference that is not there.
    """
    prefix = f"{spec.prefix}sample"
    st.subheader("Filter", anchor=False)
    chosen: list[str] = []
    if spec.hooks.labels is not None:
        chosen = st.multiselect(
            spec.words.label,
            labels,
            key=f"{prefix}_labels",
            placeholder="all",
            persist_state="session",
        )
    own = {stage.name: stage.choose(prefix) for stage in spec.hooks.stages}
    minimum, maximum = windows(spec, bench, prefix)
    unique = st.toggle(
        "Unique", True, key=f"{prefix}_unique", help="Keep one of each.", persist_state="session"
    )
    novel = st.toggle(
        "Novel only",
        False,
        key=f"{prefix}_novel",
        help=f"Drop {spec.words.noun} that the training set has."
        if can_tell_novel
        else "This bundle does not say what the training set has.",
        disabled=not can_tell_novel,
        persist_state="session",
    )
    reference = _reference(spec, bench, prefix)
    sort = _sort(spec, bench, prefix)
    if sort == f"+{SIMILARITY}" and reference is None:
        raise ValueError(f"to sort by similarity, enter a reference {spec.unit}")
    only_novel = novel and can_tell_novel
    wanted = Wanted(minimum, maximum, only_novel, unique, sort)
    return Filters(wanted, frozenset(chosen), own, reference)


def windows(
    spec: Spec, bench: Workbench, prefix: str, folded: bool = False
) -> tuple[dict[str, float], dict[str, float]]:
    """Draws a slider for each score that has one; gives the lower and the upper limits.

    Args:
        spec: of the app.
        bench: the bundle.
        prefix: of the sliders' keys.
        folded: all of them are folded away, not only those after the first few.
    """
    minimum: dict[str, float] = {}
    maximum: dict[str, float] = {}
    shown = 0 if folded else FIRST_WINDOWS
    ranged = [(n, view) for n, view in spec.shown(bench).items() if view.ends is not None]

    def draw(some: Sequence[tuple[str, ScoreView]]) -> None:
        for name, view in some:
            assert view.ends is not None
            key = f"{prefix}_window_{name}"
            label = f"{view.title} ({view.unit})" if view.unit else view.title
            window(name, label, view.about, view.ends, minimum, maximum, key)

    draw(ranged[:shown])
    if ranged[shown:]:
        with st.expander("Windows of scores" if folded else "More scores"):
            draw(ranged[shown:])
    return minimum, maximum


def _reference(spec: Spec, bench: Workbench, prefix: str) -> Item | None:
    """The item that samples are compared with; ends the page where what is typed is none."""
    typed = st.text_input(
        f"Reference {spec.unit}",
        key=f"{prefix}_reference",
        placeholder="to compare with",
        max_chars=spec.field.longest,
        help=f"Adds the similarity to every card. {spec.field.help}".strip(),
        persist_state="session",
    )
    if not (typed or "").strip():
        return None
    item = item_of(spec, bench, (typed or "").strip(), "reference")
    if item is None:
        st.stop()
    return item


def _sort(spec: Spec, bench: Workbench, prefix: str) -> str | None:
    sorts: dict[str, str | None] = {AS_THEY_CAME: None}
    for name, view in spec.shown(bench).items():
        if view.ends is not None:
            sorts[f"{view.label}, high first"] = f"+{name}"
            sorts[f"{view.label}, low first"] = f"-{name}"
    sorts["similarity to the reference"] = f"+{SIMILARITY}"
    first = list(sorts.values()).index(spec.hooks.sort)
    chosen = st.selectbox(
        "Sort by", list(sorts), index=first, key=f"{prefix}_sort", persist_state="session"
    )
    return sorts[chosen]
