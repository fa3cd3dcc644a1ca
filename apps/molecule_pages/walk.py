"""Walk: the way between two molecules, step by step, valid or not, like the ends or not."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st
import torch

from apps.common.bundle import Workbench
from apps.common.cards import Click, draw_cards
from apps.common.dial import fidelity_dial
from apps.common.downloads import download_bar
from apps.common.page import later, remember, shown_errors
from apps.molecule_parts.facts import Facts, facts_of, novelty, similarity
from apps.molecule_parts.sketch import smiles_input
from apps.molecule_parts.view import ALL_SCORES, follow, molecule_card
from apps.molecule_parts.workplace import frame, known_set, provenance, row_of, write
from domains.smiles.domain import EXAMPLES
from tvae_core.domain import DomainError
from tvae_core.latent_ops import How
from tvae_core.space import PathPoint

FOLLOW, AUTO, NUMBER = "follow the path", "auto", "a number"
FIDELITY_HELP = (
    "follow the path: faithful at the ends, looser between them, as far as the other end disturbs "
    "the code. auto: every step at the most faithful setting that gives a molecule. a number: one "
    "setting for all."
)
TOP_COLOUR, END_COLOUR = "#0d9488", "#d97706"


def molecule_of(text: str, which: str) -> Facts:
    """An end of the walk.

    Raises:
        DomainError: it is no molecule.
    """
    facts = facts_of(text)
    if facts.problem is not None:
        raise DomainError(f"the {which} molecule: {facts.problem.reason}", facts.position)
    return facts


def controls(bench: Workbench) -> tuple[int, How, bool, float | str | None]:
    """Steps, way, whether each latent token has an arc of its own, and the dial."""
    one, two, three = st.columns([3, 2, 4])
    steps = one.slider("Steps", 3, 25, 9, key="walk_steps", persist_state="session")
    how = two.segmented_control(
        "Way",
        ["slerp", "lerp"],
        default="slerp",
        required=True,
        key="walk_how",
        help="slerp: along the arc, where codes of real molecules lie. lerp: the straight line.",
        persist_state="session",
    )
    mode = three.segmented_control(
        "Fidelity",
        [FOLLOW, AUTO, NUMBER],
        default=FOLLOW,
        required=True,
        key="walk_mode",
        help=FIDELITY_HELP,
        persist_state="session",
    )
    per_token = False
    if how == "slerp":
        per_token = two.checkbox(
            "per token",
            key="walk_token",
            help="An arc for each latent token instead of one for the whole code.",
            persist_state="session",
        )
    fidelity: float | str | None = None
    if mode == AUTO:
        fidelity = "auto"
    elif mode == NUMBER:
        with three:
            fidelity = fidelity_dial(bench.space.model.config, "walk_fidelity", 0.5)
    return int(steps), how, per_token, fidelity


def walk(
    bench: Workbench, a: Facts, b: Facts, chosen: tuple[int, How, bool, float | str | None]
) -> list[PathPoint]:
    """The points of the path, decoded in turn with the other sessions."""
    steps, how, per_token, fidelity = chosen
    with bench.lock, torch.inference_mode():
        return bench.space.interpolate(a.smiles, b.smiles, steps, how, per_token, fidelity)


def similarity_plot(points: list[PathPoint], found: list[Facts], a: Facts, b: Facts) -> go.Figure:
    """Similarity to both ends along the path; invalid steps are crosses at the foot."""
    share = [point.t for point in points]
    figure = go.Figure()
    for end, name, colour in ((a, "to the first", TOP_COLOUR), (b, "to the last", END_COLOUR)):
        figure.add_scatter(
            x=share,
            y=[similarity(end, item) if item.ok else None for item in found],
            name=name,
            mode="lines+markers",
            connectgaps=True,
            line={"color": colour, "width": 2.5},
            marker={"size": 8},
            hovertemplate="%{y:.2f}<extra>%{fullData.name}</extra>",
        )
    broken = [t for t, item in zip(share, found, strict=True) if not item.ok]
    figure.add_scatter(
        x=broken,
        y=[0] * len(broken),
        name="invalid",
        mode="markers",
        marker={"symbol": "x", "size": 9, "color": "#dc5a4b"},
        hovertemplate="invalid<extra></extra>",
        visible=True if broken else "legendonly",
    )
    figure.update_layout(
        height=280,
        margin={"l": 10, "r": 10, "t": 34, "b": 10},
        legend={"orientation": "h", "y": 1.18, "x": 0},
        hovermode="x unified",
    )
    figure.update_xaxes(title="share of the way", range=[-0.03, 1.03], tickformat=".0%")
    figure.update_yaxes(title="Tanimoto similarity", range=[-0.06, 1.06])
    return figure


def summary(found: list[Facts], a: Facts, b: Facts) -> str:
    """Validity and variety between the ends, in words."""
    inner = found[1:-1]
    valid = [item for item in inner if item.ok]
    new = {item.inchikey for item in valid} - {a.inchikey, b.inchikey}
    ends = sum((found[0].inchikey == a.inchikey, found[-1].inchikey == b.inchikey))
    reached = {2: "both ends come back", 1: "one end comes back", 0: "neither end comes back"}
    return (
        f"**{len(valid)} of {len(inner)} steps between are valid**, {len(new)} distinct new "
        f"molecules; {reached[ends]}."
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
        st.markdown(summary(found, a, b))
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
            similarity_plot(points, found, a, b),
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
    chosen = controls(bench)
    with shown_errors():
        a, b = molecule_of(start, "first"), molecule_of(end, "last")
        points = remember(
            "walk",
            (bench.hash, a.smiles, b.smiles, *chosen),
            lambda: walk(bench, a, b, chosen),
        )
        steps, how, per_token, fidelity = chosen
        settings = {
            "from": a.smiles,
            "to": b.smiles,
            "steps": steps,
            "how": how,
            "per_token": per_token,
            "fidelity": FOLLOW if fidelity is None else fidelity,
        }
        draw_path(bench, points, [facts_of(point.text) for point in points], settings)


main()
