"""One item: its scores, what comes back from its code, and what lies around it."""

from __future__ import annotations

import streamlit as st

from apps.common.bundle import Workbench
from apps.common.codes import encode
from apps.common.lost import came_back, draw_lost
from apps.common.page import remember, shown_errors
from apps.items.around.neighbours import draw_neighbours
from apps.items.around.reconstruction import draw_reconstruction
from apps.items.around.stability import draw_stability
from apps.items.facts import Item
from apps.items.inputs import item_field, item_of, name_of
from apps.items.spec import Spec
from apps.items.view import OPTIMISE, WALK, draw_large, item_card
from apps.items.workplace import current, frame, novelty

VIEWS = {
    "neighbours": ("Neighbours", draw_neighbours),
    "reconstruction": ("Reconstruction", draw_reconstruction),
    "stability": ("Decode stability", draw_stability),
}


def draw_item(spec: Spec, bench: Workbench, item: Item) -> None:
    """The large card of the item, and whether it comes back from its own code."""
    face = spec.cards.one(item)
    card = item_card(
        spec,
        item,
        "centre",
        novel=novelty(spec, bench, [item])[0],
        heading=name_of(spec, item),
        names=tuple(spec.cards.scores),
        actions=(*WALK, OPTIMISE),
        face=face,
        width=420,
        large=True,
    )
    draw_large(spec, card, item, "around_centre")
    with shown_errors(stop=False):
        (back,) = came_back(bench, f"{spec.prefix}around_back", [item.form])
        draw_lost({"It": back}, spec.unit, spec.commands.show)


def main() -> None:
    """Draws the page and decodes a batch."""
    spec, bench = frame(current().words.page)
    name = spec.field.key
    item = item_of(spec, bench, item_field(spec, spec.field.label, name, spec.field.ends[0]))
    if item is None:
        st.stop()
    left, right = st.columns([5, 8], gap="large")
    with left:
        draw_item(spec, bench, item)
    with right, shown_errors():
        code = remember(
            f"{spec.prefix}{name}_code",
            (bench.hash, item.form),
            lambda: encode(bench, [item.form])[0],
        )
        view = st.segmented_control(
            "Look at",
            spec.cards.views,
            default=spec.cards.views[0],
            required=True,
            format_func=lambda name: VIEWS[name][0],
            key=f"{spec.prefix}{name}_view",
            label_visibility="collapsed",
            persist_state="session",
        )
        VIEWS[view][1](spec, bench, item, code)


main()
