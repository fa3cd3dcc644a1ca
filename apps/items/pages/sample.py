"""Sample: random items from the prior, filtered as you look, every loss counted."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from apps.common.bundle import Workbench
from apps.common.elements.bars import Bar, draw_bars, figures_html
from apps.common.elements.cards import Card
from apps.common.job import Job, progress_row, work
from apps.common.page import shown_errors
from apps.common.widgets.controls import generate_controls
from apps.common.widgets.pager import page_of
from apps.items.facts import Item, prepare, read_items
from apps.items.filters import filter_controls
from apps.items.sieve import LOST_AS, STAGES, Sample, Sifted, Wanted, sift
from apps.items.spec import Spec
from apps.items.view import draw_grid, item_card
from apps.items.workplace import downloads, frame, known_of, novelty, row_of

PER_PAGE = 24


def labels_of(spec: Spec, bench: Workbench, items: Sequence[Item], job: Job) -> list[str]:
    """The label of each item, empty where there is none."""
    if spec.labels is None or not items:
        return [""] * len(items)
    return spec.labels(bench, items, job.latents[: len(items)])


def draw_summary(spec: Spec, found: Sifted, job: Job) -> None:
    """Key figures, and the counts of the stages as bars."""

    def percent(value: float) -> str:
        return "–" if value != value else f"{100 * value:.1f} %"

    figures = [
        (
            "raw validity",
            percent(found.validity),
            f"decoded texts that are {spec.noun}, unfiltered",
        ),
        ("unique", percent(found.uniqueness), "distinct among the valid"),
        ("novel", percent(found.novelty), "not in the training set, of the distinct valid ones"),
        ("kept", f"{len(found.kept):,}", "came through every filter"),
    ]
    st.html(figures_html(figures))
    most = max(found.counts["raw"], 1)
    dial = f"at fidelity {job.settings['fidelity']:g}"
    draw_bars(
        [
            Bar(
                name,
                f"{found.counts[stage]:,}",
                found.counts[stage] / most,
                dial if stage == "raw" else "",
                "plain" if stage == "raw" else "main",
            )
            for stage, name in STAGES.items()
            if stage != "label" or spec.labels is not None
        ]
    )


def card_of(spec: Spec, sample: Sample, sort: str = "") -> Card:
    """The card of a sample, kept or lost; a score that it is ranked by is among the others."""
    name = sort.lstrip("+-")
    lost = f" · {LOST_AS[sample.stage]}" if sample.stage else ""
    return item_card(
        spec,
        sample.item,
        str(sample.index),
        novel=sample.novel,
        label=sample.label,
        heading=f"#{sample.index + 1}{lost}",
        reason=sample.reason if sample.item.ok else "",
        names=[*spec.on_cards, name] if name in spec.scores and name not in spec.on_cards else None,
    )


def draw_results(spec: Spec, bench: Workbench, found: Sifted, wanted: Wanted, job: Job) -> None:
    """The kept or the rejected as cards, a page at a time, and downloads of them."""
    sides = {"kept": found.kept, "rejected": found.lost}
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        side = st.segmented_control(
            "Show",
            list(sides),
            default="kept",
            required=True,
            format_func=lambda name: f"{name.title()} · {len(sides[name]):,}",
            key=f"{spec.prefix}sample_side",
            label_visibility="collapsed",
            persist_state="session",
        )
        shown = sides[side]
        downloads(
            spec,
            bench,
            "Sample",
            f"{spec.noun.replace(' ', '-') if side == 'kept' else 'rejected'}"
            f"-seed{job.settings['seed']}",
            lambda: [
                row_of(s.item, sample=s.index + 1, label=s.label, novel=s.novel, lost=s.reason)
                for s in shown
            ],
            {**job.settings, "decoded": len(job.texts), **wanted.told()},
            f"sample_{side}",
            disabled=not shown,
        )
    if not shown:
        if job.texts and not job.running:
            st.info(
                "Nothing came through: widen a window, lower the fidelity, or look at the rejected."
                if side == "kept"
                else "Nothing was rejected."
            )
        return
    part = page_of(shown, PER_PAGE, f"{spec.prefix}sample_page")
    items = {str(sample.index): sample.item for sample in part}
    draw_grid(
        spec, [card_of(spec, sample, wanted.sort or "") for sample in part], items, "sample_cards"
    )


def main() -> None:
    """Draws the page and decodes a batch."""
    spec, bench = frame("sample")
    can_tell = known_of(spec, bench) is not None
    with st.sidebar, shown_errors():
        generate_controls(bench, spec.noun, spec.prefix, spec.sources(bench), spec.label_name)
    job: Job = st.session_state[f"{spec.prefix}sample_job"]
    progress_row(job, f"{spec.prefix}sample", f"{spec.noun} decoded")
    ready = prepare(bench, job.texts)
    with shown_errors():
        items = read_items(bench, job.texts[:ready])
        labels = labels_of(spec, bench, items, job)
        with st.sidebar:
            wanted = filter_controls(spec, bench, sorted(filter(None, set(labels))), can_tell)
        found = sift(items, labels, novelty(spec, bench, items), wanted)
        draw_summary(spec, found, job)
        draw_results(spec, bench, found, wanted, job)
    if ready < len(job.texts):
        st.rerun()
    work(job, bench)


main()
