"""Walk: the way between two molecules, step by step, valid or not, like the ends or not."""

from __future__ import annotations

import streamlit as st
import torch

from apps.common.bundle import Workbench
from apps.common.cards import Click, draw_cards
from apps.common.controls import WalkSettings, walk_controls
from apps.common.downloads import download_bar
from apps.common.lost import draw_lost, ends_came_back
from apps.common.page import later, remember, shown_errors
from apps.common.walks import similarity_figure, walk_summary
from apps.molecule_parts.facts import Facts, facts_of, novelty, similarity
from apps.molecule_parts.sketch import smiles_input
from apps.molecule_parts.view import ALL_SCORES, follow, molecule_card
from apps.molecule_parts.workplace import frame, known_set, provenance, row_of, write
from domains.smiles.domain import EXAMPLES
from tvae_core.domain import DomainError
from tvae_core.space import PathPoint
from tvae_core.space.walk import walk


def molecule_of(text: str, which: str) -> Facts:
    """An end of the walk.

    Raises:
        DomainError: it is no molecule.
    """
    facts = facts_of(text)
    if facts.problem is not None:
        raise DomainError(f"the {which} molecule: {facts.problem.reason}", facts.position)
    return facts


def walked(bench: Workbench, a: Facts, b: Facts, chosen: WalkSettings) -> list[PathPoint]:
    """The points of the path, decoded in turn with the other sessions."""
    with bench.lock, torch.inference_mode():
        return walk(
            bench.space,
            a.smiles,
            b.smiles,
            chosen.steps,
            chosen.how,
            chosen.per_token,
            chosen.fidelity,
            chosen.distinct,
        )


def draw_path(
    bench: Workbench, points: list[PathPoint], found: list[Facts], settings: dict[str, object]
) -> None:
    """The strip, the slider, the chosen step beside the plot, downloads."""
    a, b = molecule_of(str(settings["from"]), "first"), molecule_of(str(settings["to"]), "last")
    last = len(points)
    step = int(st.session_state.get("walk_step", (last + 1) // 2))
    st.session_state["walk_step"] = min(step, last)
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        keys = [item.inchikey if item.ok else None for item in found]
        st.markdown(walk_summary(keys, a.inchikey, b.inchikey, "molecules"))
        download_bar(
            "walk",
            lambda: [
                row_of(
                    item,
                    share=point.t,
                    fidelity=point.fidelity,
                    similarity_first=similarity(a, item),
                    similarity_last=similarity(b, item),
                )
                for point, item in zip(points, found, strict=True)
            ],
            provenance(bench, "Walk", settings),
            write,
            key="walk",
        )
    step = st.slider("Step", 1, last, key="walk_step", persist_state="session") - 1
    novel = novelty(found, known_set(bench))
    smiles = {str(i): item.smiles for i, item in enumerate(found) if item.ok}
    strip = [
        molecule_card(
            item,
            str(i),
            heading=f"{i + 1} · {point.t:.0%}",
            names=("qed", "sa", "logp"),
            actions=(),
            pick="Show this step",
            selected=i == step,
        )
        for i, (point, item) in enumerate(zip(points, found, strict=True))
    ]
    click = draw_cards(strip, key="walk_strip", layout="strip", width=158)
    if click is not None and click.action == "pick" and int(click.id) != step:
        later(walk_step=int(click.id) + 1)
        st.rerun()
    left, right = st.columns([5, 7], gap="large")
    with left:
        point, item = points[step], found[step]
        dial = "auto" if point.fidelity != point.fidelity else f"fidelity {point.fidelity:.2f}"
        card = molecule_card(
            item,
            str(step),
            novel=novel[step],
            heading=f"Step {step + 1} of {last} · {dial}",
            names=ALL_SCORES,
            size=(420, 240),
        )
        shown: Click | None = draw_cards([card], key="walk_card", layout="large")
        follow(shown, smiles)
    with right:
        st.plotly_chart(
            similarity_figure(
                [point.t for point in points],
                [similarity(a, item) if item.ok else None for item in found],
                [similarity(b, item) if item.ok else None for item in found],
                "Tanimoto similarity",
            ),
            key="walk_plot",
            config={"displayModeBar": False},
            alt="Tanimoto similarity to both ends along the path",
        )


def main() -> None:
    """Draws the page."""
    bench = frame(
        "Walk between two molecules",
        "Codes on the way from one molecule to another, each decoded to what lies there.",
    )
    left, right = st.columns(2)
    with left:
        start = smiles_input("From", "start", EXAMPLES["lidocaine"])
    with right:
        end = smiles_input("To", "end", EXAMPLES["metoprolol"])
    chosen = walk_controls(bench)
    with shown_errors():
        a, b = molecule_of(start, "first"), molecule_of(end, "last")
        points = remember(
            "walk",
            (bench.hash, a.smiles, b.smiles, chosen),
            lambda: walked(bench, a, b, chosen),
        )
        decoded = points[0].text, points[-1].text
        back = ends_came_back(bench, "walk_back", (a.smiles, b.smiles), decoded, chosen.fidelity)
        names = "The first molecule", "The last molecule"
        draw_lost(dict(zip(names, back, strict=True)), "molecule")
        settings = {"from": a.smiles, "to": b.smiles, **chosen.told()}
        draw_path(bench, points, [facts_of(point.text) for point in points], settings)


main()
