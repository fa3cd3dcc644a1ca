"""Molecule: one molecule's scores and alerts, and what the latent space makes of it."""

from __future__ import annotations

import streamlit as st

from apps.common.bundle import Workbench
from apps.common.codes import encode
from apps.common.elements.cards import caret_lines, draw_cards
from apps.common.lost import came_back, draw_lost
from apps.common.page import problem, remember, shown_errors
from apps.molecule.around import draw_neighbours, draw_stability
from apps.molecule.dialled import draw_reconstruction
from apps.molecule.facts import Facts, alerts_of, facts_of, novelty
from apps.molecule.sketch import NAMES, sketcher, smiles_input
from apps.molecule.view import ACTIONS, ALL_SCORES, OPTIMISE, follow, molecule_card
from apps.molecule.workplace import frame, known_set
from domains.smiles.domain import EXAMPLES

VIEWS = {
    "reconstruction": "Reconstruction",
    "neighbours": "Neighbours",
    "stability": "Decode stability",
}


def draw_molecule(bench: Workbench, facts: Facts) -> None:
    """The large card, and which alert to mark in the drawing."""
    alerts = {alert.name: alert for alert in alerts_of(facts)}
    marked = None
    if len(alerts) > 1:
        chosen = st.pills(
            "Mark in the drawing", list(alerts), key=f"molecule_alert_{facts.inchikey}"
        )
        marked = alerts[chosen].atoms if chosen else None
    card = molecule_card(
        facts,
        "molecule",
        novel=novelty([facts], known_set(bench))[0],
        heading=NAMES.get(facts.smiles, "").title(),
        names=ALL_SCORES,
        actions=(*ACTIONS[1:], OPTIMISE),
        marked=marked,
        size=(420, 240),
    )
    follow(draw_cards([card], key="molecule_card", layout="large"), {"molecule": facts.smiles})


def main() -> None:
    """Draws the page."""
    bench = frame(
        "One molecule",
        "Type, paste or draw a molecule: its scores and alerts, what comes back from its code, and "
        "what lives around it.",
    )
    typed = smiles_input("SMILES", "smiles", EXAMPLES["lidocaine"])
    sketcher("smiles", typed)
    facts = facts_of(typed)
    if not facts.ok:
        problem(facts.why)
        if facts.position is not None:
            st.code("\n".join(caret_lines(typed, facts.position, 72)), language=None)
        st.stop()
    left, right = st.columns([5, 8], gap="large")
    with left:
        draw_molecule(bench, facts)
    with left, shown_errors(stop=False):
        (back,) = came_back(bench, "molecule_back", [facts.smiles])
        draw_lost({"It": back}, "molecule")
    with right, shown_errors():
        code = remember(
            "molecule_code",
            (bench.hash, facts.smiles),
            lambda: encode(bench, [facts.smiles])[0],
        )
        view = st.segmented_control(
            "Look at",
            list(VIEWS),
            default="reconstruction",
            required=True,
            format_func=VIEWS.__getitem__,
            key="molecule_view",
            label_visibility="collapsed",
            persist_state="session",
        )
        if view == "reconstruction":
            draw_reconstruction(bench, facts, code)
        elif view == "neighbours":
            draw_neighbours(bench, facts, code)
        else:
            draw_stability(bench, facts, code)


main()
