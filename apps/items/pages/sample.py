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
from apps.items.facts import prepare, read_items
from apps.items.filters import filter_controls
from apps.items.sieve import (
    SIMILARITY,
    Filters,
    item_of_sample,
    label_of_sample,
    lost_as,
    sift,
    titles_of,
)
from apps.items.spec import Spec
from apps.items.view import compare_button, draw_grid, item_card
from apps.items.workplace import downloads, frame, known_of, labels_of, novelty, row_of
from tvae_core.sampling.funnel import Result, Sample

PER_PAGE = 24


def draw_summary(spec: Spec, found: Result, filters: Filters, job: Job) -> None:
    """Key figures, and the counts of the stages as bars."""

    def percent(value: float) -> str:
        return "–" if value != value else f"{100 * value:.1f} %"

    figures = [
        (
            "raw validity",
            percent(found.validity),
            f"decoded texts that are {spec.words.noun}, unfiltered",
        ),
        ("unique", percent(found.uniqueness), "distinct among the valid"),
        ("novel", percent(found.novelty), "not in the training set, of those in the window"),
        ("kept", f"{len(found.kept):,}", "came through every filter"),
    ]
    st.html(figures_html(figures))
    most = max(found.counts["raw"], 1)
    notes = {"raw": f"at fidelity {job.settings['fidelity']:g}", **filters.notes()}
    draw_bars(
        [
            Bar(
                name,
                f"{found.counts[stage]:,}",
                found.counts[stage] / most,
                notes.get(stage, ""),
                "plain" if stage == "raw" else "main",
            )
            for stage, name in titles_of(spec).items()
        ]
    )


def card_of(spec: Spec, sample: Sample, novel: bool | None, sort: str | None = None) -> Card:
    """The card of a sample, kept or lost; a score that it is ranked by is among the others."""
    item, name, usual = item_of_sample(sample), (sort or "").lstrip("+-"), spec.cards.names
    lost = f" · {lost_as(spec, sample.stage)}" if sample.stage else ""
    return item_card(
        spec,
        item,
        str(sample.index),
        novel=novel,
        label=label_of_sample(sample),
        heading=f"#{sample.number}{lost}",
        reason=sample.reason if item.ok else "",
        extra={n: v for n, v in sample.scores.items() if n == SIMILARITY},
        names=[*usual, name] if name in spec.cards.scores and name not in usual else None,
    )


def file_row(spec: Spec, sample: Sample, novel: bool | None) -> dict[str, object]:
    """A sample as a row of a file."""
    item = item_of_sample(sample)
    place: dict[str, object] = {"sample": sample.number}
    if spec.hooks.labels is not None:
        place["label"] = label_of_sample(sample)
    if sample.stage:
        place["stage"] = sample.stage
    more = {name: value for name, value in sample.scores.items() if name not in item.scores}
    return row_of(spec, item, **place, novel=novel, **more, lost=sample.reason)


def draw_results(spec: Spec, bench: Workbench, found: Result, filters: Filters, job: Job) -> None:
    """The kept or the rejected as cards, a page at a time, and downloads of them."""
    lost = sorted(found.lost, key=lambda sample: sample.index)
    sides = {"kept": found.kept, "rejected": lost}
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
            f"{spec.words.noun.replace(' ', '-') if side == 'kept' else 'rejected'}"
            f"-seed{job.settings['seed']}",
            lambda: [
                file_row(spec, sample, new)
                for sample, new in zip(shown, novel_of(spec, bench, shown), strict=True)
            ],
            {**job.settings, "decoded": len(job.texts), **filters.told()},
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
    items = {str(sample.index): item_of_sample(sample) for sample in part}
    cards = [
        card_of(spec, sample, new, filters.wanted.sort)
        for sample, new in zip(part, novel_of(spec, bench, part), strict=True)
    ]
    draw_grid(spec, cards, items, "sample_cards")


def novel_of(spec: Spec, bench: Workbench, samples: Sequence[Sample]) -> list[bool | None]:
    """Whether each sample, kept or lost, is outside the training set."""
    return novelty(spec, bench, [item_of_sample(sample) for sample in samples])


def main() -> None:
    """Draws the page and decodes a batch."""
    spec, bench = frame("sample")
    can_tell = known_of(spec, bench) is not None
    with st.sidebar, shown_errors():
        sources = spec.hooks.sources(bench)
        generate_controls(bench, spec.words.noun, spec.prefix, sources, spec.words.label)
    job: Job = st.session_state[f"{spec.prefix}sample_job"]
    progress_row(job, f"{spec.prefix}sample", f"{spec.words.noun} decoded")
    ready = prepare(bench, job.texts)
    with shown_errors():
        items = read_items(bench, job.texts[:ready])
        labels = labels_of(spec, bench, items, job.latents[: len(items)])
        with st.sidebar:
            filters = filter_controls(spec, bench, sorted(filter(None, set(labels))), can_tell)
        found = sift(spec, bench, items, labels, filters)
        draw_summary(spec, found, filters, job)
        if spec.hooks.compare:
            kept = [sample.text for sample in found.kept]
            st.session_state["_sample_kept"] = ((bench.hash,), kept)  # for the Compare page
            compare_button("sample", "sampled")
        draw_results(spec, bench, found, filters, job)
    if ready < len(job.texts):
        st.rerun()
    work(job, bench)


main()
