"""Sample: random molecules from the prior, filtered as you look, every loss counted."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from apps.common.bundle import Workbench
from apps.common.downloads import download_bar
from apps.common.elements.bars import Bar, draw_bars, figures_html
from apps.common.elements.cards import Card, draw_cards
from apps.common.job import Job, progress_row, work
from apps.common.page import go, shown_errors
from apps.common.widgets.controls import generate_controls
from apps.common.widgets.pager import page_of
from apps.molecule.facts import facts_of, novelty, prepare
from apps.molecule.filters import filter_controls
from apps.molecule.sieve import STAGE_NAMES, Wanted, sieve
from apps.molecule.view import ALL_SCORES, ON_CARDS, follow, molecule_card
from apps.molecule.workplace import frame, known_set, provenance, write
from domains.smiles.funnel_types import STAGES, FunnelResult, Rejected, Survivor
from domains.smiles.novelty import KnownSet

PER_PAGE = 24
# How a card calls what stopped its molecule.
LOST_AS = {
    "parsed": "invalid",
    "unique": "repeated",
    "alerts": "alerts",
    "window": "outside the window",
    "novel": "known",
}


def draw_summary(result: FunnelResult, job: Job) -> None:
    """Key figures, and the funnel's counts as bars."""

    def percent(value: float) -> str:
        return "–" if value != value else f"{100 * value:.1f} %"

    figures = [
        ("raw validity", percent(result.validity), "decoded texts that are molecules, unfiltered"),
        ("unique", percent(result.uniqueness), "distinct among the valid, by InChIKey"),
        ("novel", percent(result.novelty), "not in the training set, of those in the window"),
        ("kept", f"{result.counts['ranked']:,}", "came through every filter"),
    ]
    st.html(figures_html(figures))
    most = max(result.counts["raw"], 1)
    draw_bars(
        [
            Bar(
                STAGE_NAMES[stage],
                f"{result.counts[stage]:,}",
                result.counts[stage] / most,
                result.labels.get(stage, "at fidelity " + format(job.settings["fidelity"], "g"))
                if stage not in ("parsed", "ranked")
                else "",
                "plain" if stage == "raw" else "main",
            )
            for stage in STAGES
        ]
    )


def survivor_cards(
    kept: Sequence[Survivor], reference: bool, sort: str | None = None
) -> list[Card]:
    """Cards of molecules that came through; a score that they are ranked by is on them."""
    ranked = (sort or "").lstrip("+-")
    names = [*ON_CARDS, *([ranked] if ranked in ALL_SCORES and ranked not in ON_CARDS else [])]
    cards = []
    for item in kept:
        extra = {"similarity": item.scores["similarity"]} if reference else {}
        cards.append(
            molecule_card(
                facts_of(item.text),
                str(item.index),
                novel=item.novel,
                extra=extra,
                heading=f"#{item.index + 1}",
                names=names,
            )
        )
    return cards


def rejected_cards(lost: Sequence[Rejected], known: KnownSet | None) -> list[Card]:
    """Cards of texts that did not come through, with the reason."""
    facts = [facts_of(item.text) for item in lost]
    return [
        molecule_card(
            fact,
            str(item.index),
            novel=novel,
            heading=f"#{item.index + 1} · {LOST_AS[item.stage]}",
            reason="" if item.stage == "parsed" else item.reason,
        )
        for item, fact, novel in zip(lost, facts, novelty(facts, known), strict=True)
    ]


def draw_results(bench: Workbench, result: FunnelResult, wanted: Wanted, job: Job) -> None:
    """The kept or the rejected as cards, a page at a time, and downloads of them."""
    kept, lost = result.survivors, result.rejected
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        side = st.segmented_control(
            "Show",
            ["kept", "rejected"],
            default="kept",
            required=True,
            format_func=lambda s: f"{s.title()} · {len(kept if s == 'kept' else lost):,}",
            key="sample_side",
            label_visibility="collapsed",
            persist_state="session",
        )
        settings = {
            **job.settings,
            "decoded": len(job.texts),
            "alerts": result.labels["alerts"],
            "window": result.labels["window"],
            "unique": wanted.unique,
            "novel_only": wanted.options.novel_only,
            "sort": wanted.options.sort,
            "reference": wanted.reference,
        }
        shown = kept if side == "kept" else lost
        download_bar(
            f"{'molecules' if side == 'kept' else 'rejected'}-seed{job.settings['seed']}",
            lambda: [item.to_dict() for item in shown],
            provenance(bench, "Sample", settings),
            write,
            key=f"sample_{side}",
            disabled=not shown,
        )
    if not shown:
        if job.texts and not job.running:
            st.info(
                "Nothing came through these filters: widen a window, or look at the rejected."
                if side == "kept"
                else "Nothing was rejected."
            )
        return
    part = page_of(shown, PER_PAGE, "sample_page")
    if side == "kept":
        cards = survivor_cards(part, bool(wanted.reference), wanted.options.sort)
    else:
        cards = rejected_cards(part, known_set(bench))
    smiles = {str(item.index): facts_of(item.text).smiles for item in part}
    follow(draw_cards(cards, key="sample_cards"), smiles)


def main() -> None:
    """Draws the page and decodes a batch."""
    bench = frame(
        "Sample molecules",
        "Random codes from the prior, decoded to molecules. Filters act on what is already there.",
    )
    known = known_set(bench)
    with st.sidebar, shown_errors():
        generate_controls(bench, "molecules")
        wanted = filter_controls(known is not None)
    if wanted is None:
        st.stop()
    job: Job = st.session_state["sample_job"]
    progress_row(job, "sample", "molecules decoded")
    ready = prepare(job.texts, wanted.catalogs)
    with shown_errors():
        result = sieve(job.texts[:ready], wanted, known)
        kept = [item.text for item in result.survivors]
        st.session_state["_sample_kept"] = ((bench.hash,), kept)  # for the Compare page
        draw_summary(result, job)
        if st.button(
            "Compare with the training set",
            key="sample_compare",
            type="tertiary",
            icon=":material/bar_chart:",
        ):
            go("compare", compare_source="sampled")
        draw_results(bench, result, wanted, job)
    if ready < len(job.texts):
        st.rerun()
    work(job, bench)


main()
