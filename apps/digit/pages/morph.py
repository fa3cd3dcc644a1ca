"""Morph: a grid of codes between four digits, decoded and drawn as one sheet."""

from __future__ import annotations

from collections import Counter
from html import escape

import streamlit as st
from torch import Tensor

from apps.common.bundle import Workbench
from apps.common.codes import decode, encode, provenance
from apps.common.job import Job, of_codes, progress_row, work
from apps.common.lost import came_back, draw_lost
from apps.common.page import problem, remember, shown_errors
from apps.common.widgets.controls import LARGEST_SEED
from apps.common.widgets.dial import fidelity_dial
from apps.digit.canvas import digit_canvas
from apps.digit.spec import reading
from apps.items.corners import PLACES, corner
from apps.items.facts import Item, read_items
from apps.items.spec import Spec
from apps.items.view import thumbnail
from apps.items.workplace import downloads, frame, row_of
from domains.mnist.pictures.render import grid_png
from domains.mnist.pictures.text import SIZES
from tvae_core.domain import DomainError
from tvae_core.space.paths import How, grid

CORNERS = ("0, the first", "3, the first", "7, the first", "8, the first")
"""What is in the corners at first."""
DRAWN = "my drawing"
AUTO, NUMBER = "auto", "a number"


def drawing(spec: Spec, bench: Workbench) -> str | None:
    """The canvas behind a switch; gives the text of what is drawn on it."""
    kept = f"_{spec.prefix}drawing"
    if not st.toggle("Draw a digit", key=f"{spec.prefix}morph_draw", persist_state="session"):
        return st.session_state.get(kept)
    side = _side(bench)
    left, right = st.columns([2, 5], vertical_alignment="center")
    with left:
        try:
            found = digit_canvas(f"{spec.prefix}canvas", side)
        except DomainError as error:
            problem(error)
            found = None
    if found is not None:
        st.session_state[kept] = found
    text: str | None = st.session_state.get(kept)
    with right:
        if text is None:
            st.caption("Draw with the mouse, a pen or a finger; then choose it for a corner.")
        else:
            (item,) = read_items(bench, [text])
            thumbnail(spec, item)
            st.caption(f"Read as {reading(item)}. Choose “{DRAWN}” for a corner.")
    return text


def _side(bench: Workbench) -> int:
    """The size of the digits that a bundle knows: that of a sample, or the small one."""

    def look() -> int:
        with bench.lock:
            codes = bench.space.sample_latents(4, 0)
        texts = decode(bench, codes, bench.space.defaults["sample_fidelity"])
        sides = [item.text.count("\n") + 1 for item in read_items(bench, texts) if item.ok]
        return sides[0] if sides else SIZES["small"]

    return remember("digit_side", bench.hash, look)


def controls(spec: Spec, bench: Workbench) -> tuple[int, How, float | str, int]:
    """Side of the grid, way, the dial, and the seed of sampled corners."""
    one, two, three, four = st.columns([4, 3, 4, 2])
    n = one.slider(
        "Side of the grid", 3, 15, 9, key=f"{spec.prefix}morph_n", persist_state="session"
    )
    how = two.segmented_control(
        "Way",
        ["slerp", "lerp"],
        default="slerp",
        required=True,
        key=f"{spec.prefix}morph_how",
        help="slerp: along arcs, where codes of real digits lie. lerp: bilinear, straight lines.",
        persist_state="session",
    )
    mode = three.segmented_control(
        "Fidelity",
        [AUTO, NUMBER],
        default=AUTO,
        required=True,
        key=f"{spec.prefix}morph_mode",
        help="auto: every point at the most faithful setting that gives a digit, so validity is "
        "not raw. a number: one setting for all.",
        persist_state="session",
    )
    seed = four.number_input(
        "Seed", 0, LARGEST_SEED, 0, key=f"{spec.prefix}morph_seed",
        help="Of corners that are random samples.", persist_state="session",
    )  # fmt: skip
    fidelity: float | str = AUTO
    if mode == NUMBER:
        with three:
            fidelity = fidelity_dial(
                bench.space.model.config,
                f"{spec.prefix}morph_fidelity",
                bench.space.defaults["sample_fidelity"],
            )
    return int(n), how, fidelity, int(seed)


def readings_html(items: list[Item], columns: int) -> str:
    """What the classifier reads in each cell, paler where it is less sure."""
    cells = []
    for item in items:
        if not item.ok:
            cells.append("<span class='reading none' title='no digit'>×</span>")
            continue
        sure = item.scores["digit_confidence"]
        cells.append(
            f"<span class='reading' style='opacity:{0.25 + 0.75 * sure:.2f}' "
            f"title='{escape(reading(item), quote=True)}'>{item.scores['digit']:.0f}</span>"
        )
    return f"<div class='readings' style='--columns:{columns}'>{''.join(cells)}</div>"


def draw_sheet(spec: Spec, bench: Workbench, job: Job, n: int) -> None:
    """The sheet, what the classifier reads, and downloads."""
    items = read_items(bench, job.texts)
    valid = [item for item in items if item.ok]
    sure = sum(item.scores["digit_confidence"] >= 0.9 for item in valid)
    read = Counter(f"{item.scores['digit']:.0f}" for item in valid)
    told = ", ".join(f"{count} × {digit}" for digit, count in read.most_common())
    raw = "" if job.fidelity == AUTO else " (raw, one setting)"
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.markdown(
            f"**{len(valid)} of {len(items)} points are digits**{raw}; the classifier is at least "
            f"90 % sure of {sure}. It reads {told or 'none'}."
        )
        downloads(
            spec,
            bench,
            "Morph",
            f"morph-{n}x{n}",
            lambda: [
                row_of(spec, item, row=i // n, column=i % n, reading=reading(item))
                for i, item in enumerate(items)
            ],
            job.settings,
            "morph",
            disabled=not items,
        )
    if not items:
        return
    left, right = st.columns([3, 2], gap="large")
    about = provenance(bench, spec.app, "Morph", job.settings)
    sheet = remember(
        f"{spec.prefix}sheet",
        (bench.hash, n, len(items), id(job)),
        lambda: grid_png([item.text for item in items], n, size=56 if n > 9 else 84, about=about),
    )
    left.image(sheet, width="stretch")
    with right:
        st.caption("What the classifier reads, paler where it is less sure.")
        st.html(readings_html(items, n))


def main() -> None:
    """Draws the page and decodes a batch."""
    spec, bench = frame("morph")
    drawn = drawing(spec, bench)
    own = {DRAWN: drawn} if drawn else {}
    places = st.columns(4, gap="medium")
    n, how, fidelity, seed = controls(spec, bench)
    corners: list[Item | None] = []
    with shown_errors():
        for number, place in enumerate(places):
            with place:
                field, first = f"{spec.prefix}morph_corner_{number}", CORNERS[number]
                corners.append(corner(spec, bench, field, number, first, seed, own)[1])
        found = [item for item in corners if item is not None]
        if len(found) < len(CORNERS):
            st.stop()
        texts = tuple(item.text for item in found)
        back = came_back(bench, f"{spec.prefix}morph_back", texts)
        draw_lost(
            dict(zip(PLACES, back, strict=True)),
            spec.commands.unit,
            spec.commands.show,
        )
        settings = {
            "corners": texts, "side": n, "how": how, "fidelity": fidelity, "seed": seed
        }  # fmt: skip

        def start() -> Job:
            codes: Tensor = grid(encode(bench, texts), n, n, how).flatten(0, 1)
            return of_codes(codes, fidelity, settings)

        key = (bench.hash, texts, n, how, fidelity)
        job = remember(f"{spec.prefix}morph_job", key, start)
        progress_row(job, f"{spec.prefix}morph", "points decoded")
        draw_sheet(spec, bench, job, n)
    work(job, bench)


main()
