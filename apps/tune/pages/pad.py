"""Pad: a plane of codes, between four tunes or along main axes, that plays where it is pressed."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
import torch
from torch import Tensor

from apps.common.bundle import Workbench
from apps.common.codes import decode, encode
from apps.common.elements.landscape import MARGIN, Landscape
from apps.common.job import Job, progress_row, sampling_by_default, work
from apps.common.lost import came_back, draw_lost
from apps.common.page import remember, shown_errors
from apps.common.widgets.controls import LARGEST_SEED
from apps.common.widgets.dial import fidelity_dial
from apps.items.corners import PLACES, corner
from apps.items.facts import Item, distinct_items, prepare, read_items
from apps.items.spec import Spec
from apps.items.view import draw_large, item_card
from apps.items.workplace import frame, novelty
from apps.tune.pad import Mark, pad
from tvae_core.space.paths import slerp

CORNERS = (
    "Ode to Joy",
    "Twinkle, Twinkle, Little Star",
    "Frere Jacques",
    "Mary Had a Little Lamb",
)
"""What is in the corners at first."""
POINTS = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
OWN = "my tune (page Tune)"
BY_CORNERS, BY_AXES = "Four tunes", "Main axes"
AUTO, NUMBER = "auto", "a number"
VISITED = 60
N_SAMPLES = 128


@dataclass(frozen=True)
class Plane:
    """A square of codes; `name` tells planes apart, `marks` lie on it."""

    name: tuple[object, ...]
    marks: list[Mark]
    corners: Tensor | None = None
    land: Landscape[Item] | None = None

    def code_at(self, x: float, y: float) -> Tensor:
        """The code of a point, shares of width and height from the top left, `(1, n, size)`."""
        if self.corners is not None:
            left = slerp(self.corners[0], self.corners[2], y)
            right = slerp(self.corners[1], self.corners[3], y)
            return slerp(left, right, x)[None]
        assert self.land is not None
        low, size = extent(self.land)
        place = low + torch.tensor([x, 1 - y]) * size
        return self.land.code_at((float(place[0]), float(place[1])))


def extent(land: Landscape[Item]) -> tuple[Tensor, Tensor]:
    """The lowest place of a map with room around it, and its size, each `(2,)`."""
    low, high = land.places.min(0).values, land.places.max(0).values
    room = ((high - low) * MARGIN).clamp(min=1e-6)
    return low - room, high - low + 2 * room


def plane_of_corners(spec: Spec, bench: Workbench) -> Plane:
    """Draws the choice of four tunes; gives the plane between them."""
    seed = int(st.session_state.get(f"{spec.prefix}pad_seed", 0))
    tune = str(st.session_state.get(f"{spec.prefix}tune") or "").strip()
    own = {OWN: tune} if tune else {}
    names, texts = [], []
    for number, place in enumerate(st.columns(4, gap="small")):
        field = f"{spec.prefix}pad_corner_{number}"
        with place:
            name, item = corner(spec, bench, field, number, CORNERS[number], seed, own)
            if item is not None:
                names.append(name)
                texts.append(item.text)
    if len(texts) < len(CORNERS):
        st.stop()
    key = (bench.hash, BY_CORNERS, *texts)
    codes = remember(f"{spec.prefix}pad_corners", key, lambda: encode(bench, texts))
    back = came_back(bench, f"{spec.prefix}pad_back", texts)
    places = [f"{label}, {name}," for label, name in zip(PLACES, names, strict=True)]
    draw_lost(
        dict(zip(places, back, strict=True)),
        spec.commands.unit,
        spec.commands.show,
    )
    marks = [Mark(x, y, name, "corner", name) for (x, y), name in zip(POINTS, names, strict=True)]
    return Plane(key, marks, corners=codes)


def plane_of_axes(spec: Spec, bench: Workbench) -> tuple[Plane | None, Job]:
    """The plane of the two main axes of sampled tunes; None while they are decoded."""
    seed = int(st.session_state.get(f"{spec.prefix}pad_seed", 0))
    key = (bench.hash, BY_AXES, seed)
    job = remember(
        f"{spec.prefix}pad_job", key, lambda: sampling_by_default(bench, N_SAMPLES, seed)
    )
    progress_row(job, f"{spec.prefix}pad", f"{spec.words.noun} decoded")
    if job.running:
        return None, job
    if prepare(bench, job.texts) < len(job.texts):
        st.rerun()

    def chart() -> Landscape[Item]:
        items = distinct_items(bench, job.texts)
        if len(items) < 3:
            raise ValueError(
                f"main axes need at least three valid {spec.words.noun}: try another seed"
            )
        return Landscape.of(items, encode(bench, [item.form for item in items]))

    land = remember(f"{spec.prefix}pad_land", (*key, len(job.texts)), chart)
    low, size = extent(land)
    shares = ((land.places - low) / size).tolist()
    marks = [Mark(x, 1 - y, "", "item") for x, y in shares]
    return Plane(key, marks, land=land), job


def controls(spec: Spec, bench: Workbench) -> tuple[str, float | str]:
    """Which plane, and the dial; the seed is kept for the planes."""
    one, two, three = st.columns([3, 2, 4])
    kind = one.segmented_control(
        "Plane",
        [BY_CORNERS, BY_AXES],
        default=BY_CORNERS,
        required=True,
        key=f"{spec.prefix}pad_kind",
        help="Four tunes: one in each corner, arcs between them. Main axes: the two directions in "
        f"which the codes of {N_SAMPLES} sampled tunes vary most.",
        persist_state="session",
    )
    two.number_input(
        "Seed",
        0,
        LARGEST_SEED,
        0,
        key=f"{spec.prefix}pad_seed",
        help="Of random samples.",
        persist_state="session",
    )
    mode = three.segmented_control(
        "Fidelity",
        [AUTO, NUMBER],
        default=AUTO,
        required=True,
        key=f"{spec.prefix}pad_mode",
        help="auto: the most faithful setting that gives a tune. a number: one setting for all.",
        persist_state="session",
    )
    if mode == AUTO:
        return kind, AUTO
    with three:
        dial = fidelity_dial(bench.space.model.config, f"{spec.prefix}pad_fidelity", 0.5)
    return kind, dial


def draw_pad(spec: Spec, bench: Workbench, plane: Plane, fidelity: float | str) -> None:
    """The pad beside what lives at its point."""
    state, kept = st.session_state, f"_{spec.prefix}pad_at"
    x, y = state.get(kept, (0.5, 0.5))
    trail = remember(f"{spec.prefix}pad_trail", (plane.name, fidelity), list[Mark])
    left, right = st.columns(2, gap="large")
    with left:
        label = f"{spec.words.titles['pad'][0]}: press, drag or use the arrow keys"
        picked = pad(f"{spec.prefix}pad", (x, y), [*plane.marks, *trail], label)
        if picked is not None and picked != (x, y):
            state[kept] = picked
            st.rerun()
        with st.expander("Go to a point", icon=":material/my_location:"):
            one, two, three = st.columns([3, 3, 2], vertical_alignment="bottom")
            across = one.number_input("Across", 0.0, 1.0, 0.5, 0.05, key=f"{spec.prefix}pad_x")
            down = two.number_input("Down", 0.0, 1.0, 0.5, 0.05, key=f"{spec.prefix}pad_y")
            if three.button("Play", key=f"{spec.prefix}pad_go", width="stretch"):
                state[kept] = (float(across), float(down))
                st.rerun()
    with right:
        text = remember(
            f"{spec.prefix}pad_place",
            (plane.name, x, y, fidelity),
            lambda: decode(bench, plane.code_at(x, y), fidelity)[0],
        )
        (item,) = read_items(bench, [text])
        tone = "good" if item.ok else "bad"
        if not any((mark.x, mark.y) == (x, y) for mark in trail):
            trail.append(Mark(x, y, "", tone, "been here"))
            del trail[:-VISITED]
        card = item_card(
            spec,
            item,
            "place",
            novel=novelty(spec, bench, [item])[0],
            heading=f"{x:.0%} across, {y:.0%} down",
            names=tuple(spec.cards.scores)[:6],
            width=420,
            large=True,
        )
        draw_large(spec, card, item, "pad_card")


def main() -> None:
    """Draws the page and decodes a batch."""
    spec, bench = frame("pad")
    with shown_errors():
        kind, fidelity = controls(spec, bench)
        if kind == BY_CORNERS:
            draw_pad(spec, bench, plane_of_corners(spec, bench), fidelity)
            return
        plane, job = plane_of_axes(spec, bench)
        if plane is not None:
            draw_pad(spec, bench, plane, fidelity)
        work(job, bench)


main()
