"""The corners of a plane: an example, a random sample, or what the user brought."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from apps.common.bundle import Workbench
from apps.common.codes import decode
from apps.common.page import remember
from apps.items.facts import Item, read_items
from apps.items.inputs import item_of
from apps.items.spec import Spec
from apps.items.view import thumbnail

SAMPLED = "a random sample"
PLACES = ("Top left", "Top right", "Bottom left", "Bottom right")
TRIES = 12
"""Random samples among which a valid one is looked for."""


def sampled(spec: Spec, bench: Workbench, number: int, seed: int) -> Item:
    """The first valid item among a few random samples.

    Raises:
        ValueError: there is none.
    """

    def draw() -> str:
        setting = bench.space.defaults["sample_fidelity"]
        with bench.lock:
            codes = bench.space.sample_latents(TRIES, seed, "flow", setting, TRIES * number)
        texts = decode(bench, codes, setting)
        found = [item.text for item in read_items(bench, texts) if item.ok]
        if not found:
            raise ValueError(
                f"no {spec.unit} among {TRIES} random samples of seed {seed}: try another seed"
            )
        return found[0]

    text = remember(f"{spec.prefix}corner_{number}", (bench.hash, seed), draw)
    return read_items(bench, [text])[0]


def corner(
    spec: Spec,
    bench: Workbench,
    key: str,
    number: int,
    first: str,
    seed: int,
    own: Mapping[str, str],
) -> tuple[str, Item | None]:
    """Draws the choice of a corner; its name and item, None with the reason shown if it is none.

    Args:
        spec: of the app.
        bench: the bundle.
        key: of the choice.
        number: of the corner, see `PLACES`.
        first: the example that is chosen at first.
        seed: of random samples.
        own: what else there is to choose, by name: what is typed for it.
    """
    offered = {**spec.field.examples, **own}
    options = [*offered, SAMPLED]
    if st.session_state.get(key) not in (None, *options):
        st.session_state[key] = first
    label = PLACES[number]
    chosen = st.selectbox(
        label, options, index=options.index(first), key=key, persist_state="session"
    )
    if chosen == SAMPLED:
        item: Item | None = sampled(spec, bench, number, seed)
    else:
        item = item_of(spec, bench, offered[chosen], label)
    thumbnail(spec, item)
    return chosen, item
