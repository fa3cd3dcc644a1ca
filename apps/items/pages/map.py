"""Map: sampled items on the two main axes of the latent space, and what lies between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import streamlit as st
import torch
from torch import Tensor

from apps.common.access import at_most, note_limit
from apps.common.bundle import Workbench
from apps.common.codes import decode, encode
from apps.common.elements.landscape import (
    Landscape,
    add_by_label,
    add_by_score,
    add_marks,
    base_figure,
    chosen_points,
)
from apps.common.job import Draw, Job, progress_row, sampling_by_default, work
from apps.common.page import recall, remember, shown_errors
from apps.common.widgets.controls import LARGEST_SEED
from apps.common.widgets.dial import fidelity_dial
from apps.common.widgets.pager import page_of
from apps.items.facts import Item, distinct_items, prepare, read_items
from apps.items.spec import Spec
from apps.items.view import draw_grid, draw_large, hover, item_card, written
from apps.items.workplace import downloads, frame, novelty, row_of
from tvae_core.space import LatentSpace

SHOWN = 12


@dataclass(frozen=True)
class Chart:
    """A map and the label of each of its items."""

    land: Landscape[Item]
    labels: list[str]


def spread_over(draws: Sequence[Draw]) -> Draw:
    """Draws codes from several sources in turn."""

    def draw(space: LatentSpace, start: int, count: int) -> Tensor:
        parts = []
        for row in range(start, start + count):
            turn, source = divmod(row, len(draws))
            parts.append(draws[source](space, turn, 1))
        return torch.cat(parts)

    return draw


def controls(spec: Spec, bench: Workbench) -> tuple[Job, str]:
    """Settings of the map; gives its job and what colours it."""
    defaults, sources = bench.space.defaults, spec.hooks.sources(bench)
    with st.sidebar:
        st.subheader("Map", anchor=False)
        left, right = st.columns(2)
        most = at_most(2000)
        n = left.number_input(
            spec.words.noun.capitalize(), 16, most, min(256, most), 16, key=f"{spec.prefix}map_n",
            persist_state="session",
        )  # fmt: skip
        seed = right.number_input(
            "Seed", 0, LARGEST_SEED, 1, key=f"{spec.prefix}map_seed", persist_state="session"
        )
        note_limit(most)
        n = min(int(n), most)
        among: list[str] = []
        if sources:
            among = st.multiselect(
                f"Only of {spec.words.label.lower()}",
                list(sources),
                key=f"{spec.prefix}map_sources",
                placeholder="any: random samples",
                max_selections=12,
                persist_state="session",
            )
        fidelity = fidelity_dial(
            bench.space.model.config, f"{spec.prefix}map_fidelity", defaults["sample_fidelity"]
        )
        colours = [name for name, view in spec.shown(bench).items() if view.form != "yes"]
        if spec.hooks.labels is not None:
            colours.insert(0, "label")
        colour = st.selectbox(
            "Colour",
            colours,
            format_func=lambda name: (
                spec.words.label if name == "label" else spec.cards.scores[name].title
            ),
            key=f"{spec.prefix}map_colour",
            persist_state="session",
        )

    def start() -> Job:
        job = sampling_by_default(bench, n, seed, fidelity, among=among)
        if among:
            job.draw = spread_over([sources[name](seed, fidelity) for name in among])
        return job

    key = (bench.hash, n, seed, fidelity, *among)
    return remember(f"{spec.prefix}map_job", key, start), colour


def chart_of(spec: Spec, bench: Workbench, job: Job) -> Chart:
    """The map of a job's distinct valid items.

    Raises:
        ValueError: there are fewer than three.
    """
    items = distinct_items(bench, job.texts)
    if len(items) < 3:
        raise ValueError(
            f"a map needs at least three {spec.words.noun}: sample more, or lower the fidelity"
        )
    codes = encode(bench, [item.text for item in items])
    labels = (
        [""] * len(items) if spec.hooks.labels is None else spec.hooks.labels(bench, items, codes)
    )
    return Chart(Landscape.of(items, codes), labels)


def figure_of(spec: Spec, chart: Chart, colour: str, marked: dict[str, Tensor]) -> go.Figure:
    """The map, coloured by label or by a score."""
    land = chart.land
    figure = base_figure(land, names=bool(marked) or colour == "label")
    if colour == "label":
        texts = [
            hover(spec, item, label) for item, label in zip(land.facts, chart.labels, strict=True)
        ]
        add_by_label(figure, land, chart.labels, texts)
    else:
        view = spec.cards.scores[colour]
        values = [item.scores.get(colour, float("nan")) for item in land.facts]
        texts = [
            hover(spec, item, f"{view.label} {written(view, value)}")
            for item, value in zip(land.facts, values, strict=True)
        ]
        add_by_score(figure, land, values, view.label, texts, spec.words.noun)
    add_marks(figure, land, marked)
    return figure


def marks(spec: Spec, bench: Workbench) -> dict[str, Tensor]:
    """Codes of the item that was looked at and of the last walk, if there are any."""
    code = recall(f"{spec.prefix}{spec.field.key}_code", bench.hash)
    points = recall(f"{spec.prefix}walk", bench.hash)
    found: dict[str, Tensor] = {}
    if code is not None:
        found[f"my {spec.unit}"] = code[None]
    if points is not None:
        found["my walk"] = torch.stack([point.latent for point in points])
    return found


def draw_place(spec: Spec, bench: Workbench, chart: Chart, place: tuple[float, float]) -> None:
    """What an empty place decodes to, at the most faithful setting that gives something valid."""
    text = remember(
        f"{spec.prefix}map_place",
        (bench.hash, id(chart), place),
        lambda: decode(bench, chart.land.code_at(place), "auto")[0],
    )
    (item,) = read_items(bench, [text])
    card = item_card(
        spec,
        item,
        "place",
        novel=novelty(spec, bench, [item])[0],
        heading=f"Decoded at ({place[0]:.1f}, {place[1]:.1f})",
        names=tuple(spec.cards.scores),
        width=420,
        large=True,
    )
    draw_large(spec, card, item, "map_place_card")


def draw_selection(spec: Spec, bench: Workbench, chart: Chart, job: Job, event: Any) -> None:
    """Cards of what is selected, an empty place's decoding, or how to select."""
    land, kept = chart.land, f"_{spec.prefix}map_typed"
    chosen, places = chosen_points(event, land)
    with st.expander("Go to a place", icon=":material/my_location:"):
        one, two, three = st.columns([3, 3, 2], vertical_alignment="bottom")
        x = one.number_input(
            "Component 1", value=0.0, step=0.5, format="%.1f", key=f"{spec.prefix}map_x"
        )
        y = two.number_input(
            "Component 2", value=0.0, step=0.5, format="%.1f", key=f"{spec.prefix}map_y"
        )
        if three.button("Decode", key=f"{spec.prefix}map_go", width="stretch"):
            st.session_state[kept] = (id(chart), (float(x), float(y)))
    typed = st.session_state.get(kept)
    if chosen:
        shown = [(land.facts[i], chart.labels[i]) for i in chosen]
        rows = [row_of(spec, item, **({"label": label} if label else {})) for item, label in shown]
        downloads(spec, bench, "Map", "selected", lambda: rows, job.settings, "map")
        part = page_of(shown, SHOWN, f"{spec.prefix}map_page")
        new = novelty(spec, bench, [item for item, _ in part])
        cards = [
            item_card(spec, item, item.key, novel=novel, label=label)
            for (item, label), novel in zip(part, new, strict=True)
        ]
        draw_grid(spec, cards, {item.key: item for item, _ in part}, "map_cards")
    elif places:
        x, y = land.background()[places[0]].tolist()
        draw_place(spec, bench, chart, (x, y))
    elif typed is not None and typed[0] == id(chart):
        draw_place(spec, bench, chart, typed[1])
    else:
        st.info(
            "Click a point to see it, or a faint dot to decode the place between. The box and the "
            "lasso above the map select several.",
            icon=":material/touch_app:",
        )


def main() -> None:
    """Draws the page and decodes a batch."""
    spec, bench = frame("map")
    with shown_errors():
        job, colour = controls(spec, bench)
    progress_row(job, f"{spec.prefix}map", f"{spec.words.noun} decoded")
    if job.running:
        work(job, bench)
    with shown_errors():
        if prepare(bench, job.texts) < len(job.texts):
            st.rerun()
        key = (bench.hash, len(job.texts), id(job))
        chart = remember(f"{spec.prefix}chart", key, lambda: chart_of(spec, bench, job))
        left, right = st.columns([7, 5], gap="medium")
        with left:
            event = st.plotly_chart(
                figure_of(spec, chart, colour, marks(spec, bench)),
                key=f"{spec.prefix}map_chart_{len(chart.land.facts)}_{job.seed}",
                on_select="rerun",
                selection_mode=("points", "box", "lasso"),
                config={
                    "displaylogo": False,
                    "modeBarButtonsToRemove": ["toImage", "autoScale2d", "zoomIn2d", "zoomOut2d"],
                },
                alt=f"{spec.words.noun} on a map of the latent space",
            )
            st.caption(
                f"{len(chart.land.facts):,} distinct {spec.words.noun} of {len(job.texts):,} "
                "decoded. The map is a shadow: places that look close may be far apart in the "
                "other directions."
            )
        with right:
            draw_selection(spec, bench, chart, job, event)


main()
