"""Around: what decodes from codes near an item's, by radius."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from apps.common.bundle import Workbench
from apps.common.codes import encode, noisy_codes
from apps.common.elements.cards import Chip
from apps.common.job import Job, of_codes, progress_row, work
from apps.common.lost import came_back, draw_lost
from apps.common.page import remember, shown_errors
from apps.common.widgets.controls import AroundSettings, around_controls
from apps.common.widgets.pager import page_of
from apps.items.facts import Item, read_items, similarities
from apps.items.inputs import item_field, item_of
from apps.items.spec import Spec
from apps.items.view import ACTIONS, draw_grid, draw_large, item_card
from apps.items.workplace import downloads, frame, novelty, row_of

PER_PAGE = 12


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
            f"**{len(others)} other {spec.noun}** in {len(job.texts)} decodings; "
            f"{counts[centre.key]} gave the same one, {bad} were invalid."
        )
        downloads(
            spec,
            bench,
            "Around",
            f"around-radius{job.settings['radius']:g}",
            lambda: [
                row_of(item, similarity=likeness[item.key], times=counts[item.key])
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


def neighbourhood(centre: Item, bench: Workbench, chosen: AroundSettings) -> Job:
    """A job that decodes codes around an item's."""
    code = encode(bench, [centre.text])[0]
    codes = noisy_codes(bench.space, code, chosen.n, chosen.radius, chosen.seed)
    return of_codes(codes, chosen.fidelity, {"item": centre.canonical, **chosen.told()})


def main() -> None:
    """Draws the page and decodes a batch."""
    spec, bench = frame("around")
    left, right = st.columns([5, 8], gap="large")
    with left:
        centre = item_of(spec, bench, item_field(spec, "Item", "centre", spec.ends[0]))
        if centre is not None:
            card = item_card(
                spec,
                centre,
                "centre",
                novel=novelty(spec, bench, [centre])[0],
                names=tuple(spec.scores),
                actions=ACTIONS[1:],
                width=420,
                large=True,
            )
            draw_large(spec, card, centre, "around_centre")
            with shown_errors(stop=False):
                (back,) = came_back(bench, f"{spec.prefix}around_back", [centre.text])
                draw_lost({"It": back}, spec.commands.unit, spec.commands.show)
    if centre is None:
        st.stop()
    with right, shown_errors():
        chosen = around_controls(bench, spec.prefix)
        job = remember(
            f"{spec.prefix}around_job",
            (bench.hash, centre.text, chosen),
            lambda: neighbourhood(centre, bench, chosen),
        )
        progress_row(job, f"{spec.prefix}around", f"{spec.noun} decoded")
        draw_found(spec, bench, centre, job)
        work(job, bench)


main()
