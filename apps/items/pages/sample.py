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
from apps.items.facts import Item, prepare, read_items, similarities
from apps.items.filters import filter_controls
from apps.items.sieve import SIMILARITY, Sample, Sifted, Wanted, lost_as, sift, titles_of
from apps.items.spec import Spec
from apps.items.view import compare_button, draw_grid, item_card
from apps.items.workplace import downloads, frame, known_of, labels_of, novelty, row_of

PER_PAGE = 24


def samples_of(
    spec: Spec, bench: Workbench, items: Sequence[Item], labels: Sequence[str], wanted: Wanted
) -> list[Sample]:
    """The items of a batch with what there is to tell of each."""
    near: list[dict[str, float]] = [{} for _ in items]
    if (other := wanted.reference) is not None:
        likeness = similarities(bench, items, other)
        near = [
            {SIMILARITY: value, **spec.hooks.against(item, other)}
            for item, value in zip(items, likeness, strict=True)
        ]
    new = novelty(spec, bench, items)
    return [
        Sample(index, item, labels[index], new[index], near=near[index])
        for index, item in enumerate(items)
    ]


def draw_summary(spec: Spec, found: Sifted, wanted: Wanted, job: Job) -> None:
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
        ("novel", percent(found.novelty), "not in the training set, of the distinct valid ones"),
        ("kept", f"{len(found.kept):,}", "came through every filter"),
    ]
    st.html(figures_html(figures))
    most = max(found.counts["raw"], 1)
    notes = {"raw": f"at fidelity {job.settings['fidelity']:g}", **wanted.notes()}
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


def card_of(spec: Spec, sample: Sample, sort: str = "") -> Card:
    """The card of a sample, kept or lost; a score that it is ranked by is among the others."""
    name, usual = sort.lstrip("+-"), spec.cards.names
    lost = f" · {lost_as(spec, sample.stage)}" if sample.stage else ""
    near = {SIMILARITY: sample.near[SIMILARITY]} if SIMILARITY in sample.near else None
    return item_card(
        spec,
        sample.item,
        str(sample.index),
        novel=sample.novel,
        label=sample.label,
        heading=f"#{sample.index + 1}{lost}",
        reason=sample.reason if sample.item.ok else "",
        extra=near,
        names=[*usual, name] if name in spec.cards.scores and name not in usual else None,
    )


def file_row(spec: Spec, sample: Sample) -> dict[str, object]:
    """A sample as a row of a file."""
    place: dict[str, object] = {"sample": sample.index + 1}
    if spec.hooks.labels is not None:
        place["label"] = sample.label
    told: dict[str, object] = {"novel": sample.novel, **sample.near, "lost": sample.reason}
    if sample.stage:
        place["stage"] = sample.stage
    return row_of(spec, sample.item, **place, **told)


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
            f"{spec.words.noun.replace(' ', '-') if side == 'kept' else 'rejected'}"
            f"-seed{job.settings['seed']}",
            lambda: [file_row(spec, sample) for sample in shown],
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
    cards = [card_of(spec, sample, wanted.sort) for sample in part]
    draw_grid(spec, cards, items, "sample_cards")


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
            wanted = filter_controls(spec, bench, sorted(filter(None, set(labels))), can_tell)
        found = sift(samples_of(spec, bench, items, labels, wanted), wanted, list(titles_of(spec)))
        draw_summary(spec, found, wanted, job)
        if spec.hooks.compare:
            kept = [sample.item.text for sample in found.kept]
            st.session_state["_sample_kept"] = ((bench.hash,), kept)  # for the Compare page
            compare_button("sample", "sampled")
        draw_results(spec, bench, found, wanted, job)
    if ready < len(job.texts):
        st.rerun()
    work(job, bench)


main()
