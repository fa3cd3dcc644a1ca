"""What decodes from codes near an item's, by radius: distinct others, most similar first."""

from __future__ import annotations

from collections import Counter

import streamlit as st
from torch import Tensor

from apps.common.bundle import Workbench
from apps.common.codes import noisy_codes
from apps.common.elements.cards import Chip
from apps.common.job import Job, of_codes, progress_row, work
from apps.common.page import remember
from apps.common.widgets.controls import AroundSettings, around_controls
from apps.common.widgets.pager import page_of
from apps.items.facts import Item, read_items, similarities
from apps.items.spec import Spec
from apps.items.view import draw_grid, item_card
from apps.items.workplace import downloads, novelty, row_of

PER_PAGE = 12


def neighbourhood(bench: Workbench, item: Item, code: Tensor, chosen: AroundSettings) -> Job:
    """A job that decodes codes around an item's."""
    codes = noisy_codes(bench.space, code, chosen.n, chosen.radius, chosen.seed)
    return of_codes(codes, chosen.fidelity, {"item": item.form, **chosen.told()})


def draw_neighbours(spec: Spec, bench: Workbench, item: Item, code: Tensor) -> None:
    """Controls, the distinct neighbours by similarity, and downloads of them."""
    chosen = around_controls(bench, spec.prefix)
    job = remember(
        f"{spec.prefix}around_job",
        (bench.hash, item.form, chosen),
        lambda: neighbourhood(bench, item, code, chosen),
    )
    progress_row(job, f"{spec.prefix}around", f"{spec.words.noun} decoded")
    draw_found(spec, bench, item, job)
    work(job, bench)


def draw_found(spec: Spec, bench: Workbench, centre: Item, job: Job) -> None:
    """The distinct neighbours by similarity, or the invalid ones, and downloads of them."""
    read = read_items(bench, job.texts)
    counts = Counter(item.key for item in read)
    distinct = {item.key: item for item in read}
    others = [item for key, item in distinct.items() if item.ok and key != centre.key]
    invalid = [item for item in distinct.values() if not item.ok]
    likeness = {
        item.key: value
        for item, value in zip(others, similarities(bench, others, centre), strict=True)
    }
    others.sort(key=lambda item: -likeness[item.key])
    bad = sum(counts[item.key] for item in invalid)
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.markdown(
            f"**{len(others)} other {spec.words.noun}** in {len(job.texts)} decodings; "
            f"{counts[centre.key]} gave the {spec.unit} itself, {bad} were invalid."
        )
        downloads(
            spec,
            bench,
            "Around",
            f"around-radius{job.settings['radius']:g}",
            lambda: [
                row_of(spec, item, similarity=likeness[item.key], times=counts[item.key])
                for item in others
            ],
            job.settings,
            "around",
            disabled=not others,
        )
    shown = others
    if invalid and st.toggle(f"Show the invalid ({bad})", key=f"{spec.prefix}around_invalid"):
        shown = invalid
    if not shown and job.texts and not job.running:
        st.info("Nothing else lives this close: try a larger radius.")
    if not shown:
        return
    part = page_of(shown, PER_PAGE, f"{spec.prefix}around_page")
    cards = [
        item_card(
            spec,
            item,
            item.key,
            novel=novel,
            extra={"similarity": likeness[item.key]} if item.ok else None,
            chips=(Chip(f"{counts[item.key]} times"),) if counts[item.key] > 1 else (),
        )
        for item, novel in zip(part, novelty(spec, bench, part), strict=True)
    ]
    draw_grid(spec, cards, {item.key: item for item in part}, "around_cards")
