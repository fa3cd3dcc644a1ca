"""Map: sampled molecules on the two main axes of the latent space, and what lies between them."""

from __future__ import annotations

from typing import Any

import streamlit as st
import torch
from torch import Tensor

from apps.common.access import at_most, note_limit
from apps.common.bundle import Workbench
from apps.common.codes import decode, encode, fits
from apps.common.downloads import download_bar
from apps.common.elements.cards import draw_cards
from apps.common.elements.landscape import Landscape, chosen_points
from apps.common.job import Job, progress_row, sampling_by_default, work
from apps.common.page import recall, remember, shown_errors
from apps.common.widgets.dial import fidelity_dial
from apps.common.widgets.pager import page_of
from apps.molecule.facts import Facts, facts_of, novelty, prepare
from apps.molecule.landscape import map_figure
from apps.molecule.view import ALL_SCORES, LABELS, follow, molecule_card
from apps.molecule.workplace import (
    frame,
    known_set,
    provenance,
    row_of,
    write,
)

SHOWN = 12


def controls(bench: Workbench) -> tuple[Job, str]:
    """Settings of the map; gives its job and the score that colours it."""
    defaults = bench.space.defaults
    with st.sidebar:
        st.subheader("Map", anchor=False)
        left, right = st.columns(2)
        most = at_most(2000)
        n = left.number_input(
            "Molecules", 16, most, min(256, most), 16, key="map_n", persist_state="session"
        )
        seed = right.number_input("Seed", 0, 2**31 - 1, 1, key="map_seed", persist_state="session")
        note_limit(most)
        n = min(int(n), most)
        fidelity = fidelity_dial(
            bench.space.model.config, "map_fidelity", defaults["sample_fidelity"]
        )
        score = st.selectbox(
            "Colour",
            ALL_SCORES,
            format_func=lambda name: LABELS[name][0],
            key="map_score",
            persist_state="session",
        )
        job = remember(
            "map_job",
            (bench.hash, n, seed, fidelity),
            lambda: sampling_by_default(bench, n, seed, fidelity),
        )
    return job, score


def landscape(bench: Workbench, job: Job) -> Landscape[Facts]:
    """The map of a job's distinct valid molecules."""
    distinct: dict[str, Facts] = {}
    for text in job.texts:
        item = facts_of(text)
        if item.ok:
            distinct.setdefault(item.inchikey, item)
    found = list(distinct.values())
    short = fits(bench, [item.smiles for item in found])
    facts = [item for item, fit in zip(found, short, strict=True) if fit]
    if len(facts) < 3:
        raise ValueError("a map needs at least three molecules: sample more, or lower the fidelity")
    return Landscape.of(facts, encode(bench, [item.smiles for item in facts]))


def marks(bench: Workbench) -> dict[str, Tensor]:
    """Codes of the Molecule page's molecule and of the last walk, if there are any."""
    code = recall("molecule_code", bench.hash)
    points = recall("walk", bench.hash)
    found: dict[str, Tensor] = {}
    if code is not None:
        found["my molecule"] = code[None]
    if points is not None:
        found["my walk"] = torch.stack([point.latent for point in points])
    return found


def draw_place(bench: Workbench, land: Landscape[Facts], place: tuple[float, float]) -> None:
    """What an empty place decodes to, at the most faithful setting that gives a molecule."""
    text = remember(
        "map_place",
        (bench.hash, id(land), place),
        lambda: decode(bench, land.code_at(place), "auto")[0],
    )
    facts = facts_of(text)
    card = molecule_card(
        facts,
        "place",
        novel=novelty([facts], known_set(bench))[0],
        heading=f"Decoded at ({place[0]:.1f}, {place[1]:.1f})",
        names=ALL_SCORES,
        size=(420, 240),
    )
    smiles = {"place": facts.smiles} if facts.ok else {}
    follow(draw_cards([card], key="map_place_card", layout="large"), smiles)


def draw_selection(bench: Workbench, land: Landscape[Facts], job: Job, event: Any) -> None:
    """Cards of what is selected, an empty place's decoding, or how to select."""
    molecules, places = chosen_points(event, land)
    with st.expander("Go to a place", icon=":material/my_location:"):
        one, two, three = st.columns([3, 3, 2], vertical_alignment="bottom")
        x = one.number_input("Component 1", value=0.0, step=0.5, format="%.1f", key="map_x")
        y = two.number_input("Component 2", value=0.0, step=0.5, format="%.1f", key="map_y")
        if three.button("Decode", key="map_go", width="stretch"):
            st.session_state["_map_typed"] = (id(land), (float(x), float(y)))
    typed = st.session_state.get("_map_typed")
    if molecules:
        shown = [land.facts[i] for i in molecules]
        download_bar(
            "selected",
            lambda: [row_of(item) for item in shown],
            provenance(bench, "Map", job.settings),
            write,
            key="map",
        )
        part = page_of(shown, SHOWN, "map_page")
        cards = [
            molecule_card(item, item.inchikey, novel=novel)
            for item, novel in zip(part, novelty(part, known_set(bench)), strict=True)
        ]
        follow(
            draw_cards(cards, key="map_cards", width=190),
            {item.inchikey: item.smiles for item in part},
        )
    elif places:
        x, y = land.background()[places[0]].tolist()
        draw_place(bench, land, (x, y))
    elif typed is not None and typed[0] == id(land):
        draw_place(bench, land, typed[1])
    else:
        st.info(
            "Click a point to see its molecule, or a faint dot to decode the place between them. "
            "The box and the lasso above the map select several.",
            icon=":material/touch_app:",
        )


def main() -> None:
    """Draws the page and decodes a batch."""
    bench = frame(
        "Map of the latent space",
        "Sampled molecules on the two axes along which their codes vary most.",
    )
    job, score = controls(bench)
    progress_row(job, "map", "molecules decoded")
    if job.running:
        work(job, bench)
    with shown_errors():
        if prepare(job.texts, ()) < len(job.texts):
            st.rerun()
        land = remember(
            "landscape",
            (bench.hash, len(job.texts), *job.settings.values()),
            lambda: landscape(bench, job),
        )
        left, right = st.columns([7, 5], gap="medium")
        with left:
            event = st.plotly_chart(
                map_figure(land, score, marks(bench)),
                key=f"map_chart_{len(land.facts)}_{job.seed}",
                on_select="rerun",
                selection_mode=("points", "box", "lasso"),
                config={
                    "displaylogo": False,
                    "modeBarButtonsToRemove": ["toImage", "autoScale2d", "zoomIn2d", "zoomOut2d"],
                },
                alt="molecules on a map of the latent space",
            )
            st.caption(
                f"{len(land.facts):,} distinct molecules of {len(job.texts):,} decoded. The map is "
                "a shadow: places that look close may be far apart in the other directions."
            )
        with right:
            draw_selection(bench, land, job, event)


main()
