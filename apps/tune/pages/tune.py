"""Tune: a tune of the user's own, what comes back from its code, and variations of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import streamlit as st

from apps.common.bundle import Workbench
from apps.common.codes import encode, matched, noisy_codes, rebuild
from apps.common.job import Job, of_codes, progress_row, work
from apps.common.page import literal, remember, shown_errors
from apps.common.widgets.dial import fidelity_dial
from apps.items.facts import Item, read_items, similarities
from apps.items.inputs import item_field, item_of
from apps.items.spec import Spec
from apps.items.view import draw_grid, draw_large, item_card
from apps.items.workplace import downloads, frame, novelty, row_of
from domains.midi.lost import hard_parts
from domains.midi.notation import parse_score

VARIATIONS = 12


def came_back(item: Item, back: Item) -> str:
    """How much of a tune is in what was decoded from its code, in words."""
    if not back.ok:
        return "What comes back is no tune: lower the fidelity."
    if back.key == item.key:
        return "**Comes back note for note.**"
    before = Counter(parse_score(item.canonical or "").notes)
    after = Counter(parse_score(back.canonical or "").notes)
    same = (before & after).total()
    return (
        f"**{same} of {before.total()} notes come back** at their time, with their pitch and "
        f"length; {after.total() - same} are new."
    )


def draw_reconstruction(spec: Spec, bench: Workbench, item: Item) -> None:
    """What the tune's code decodes to, at a setting of the dial."""
    with st.container(key=f"{spec.prefix}back_dial"):
        dial = fidelity_dial(bench.space.model.config, f"{spec.prefix}tune_fidelity", 1.0)
    text = remember(
        f"{spec.prefix}tune_back",
        (bench.hash, item.text, dial),
        lambda: rebuild(bench, encode(bench, [item.text]), dial)[0],
    )
    (back,) = read_items(bench, [text])
    (likeness,) = similarities(bench, [back], item)
    card = item_card(
        spec,
        back,
        "back",
        heading="From its code",
        extra={"similarity": likeness} if back.ok else None,
        names=("notes", "pitch_range", "density"),
        actions=None if back.ok and back.key != item.key else (),
        width=420,
        large=True,
    )
    # A player of its own for each tune: a new tune is played, not what comes back of it, too.
    draw_large(spec, card, back, f"tune_back_{hash(item.key) % 10**6}")
    st.markdown(came_back(item, back))
    hard = hard_parts(item.canonical or "", Path(bench.space.bundle.path))
    if hard and back.key != item.key:
        st.caption(f":material/info: {literal('; '.join(hard))}.")


def draw_variations(spec: Spec, bench: Workbench, item: Item) -> Job:
    """Tunes from codes near the tune's, by likeness; gives the job that decodes them."""
    one, two = st.columns([3, 2], vertical_alignment="bottom")
    radius = one.slider(
        "How far",
        0.2,
        2.4,
        1.2,
        0.1,
        key=f"{spec.prefix}tune_radius",
        help="Size of the step away from the tune, in units of the code's own spread.",
        persist_state="session",
    )
    count = f"_{spec.prefix}tune_round"
    if two.button("Other variations", icon=":material/casino:", key=f"{spec.prefix}tune_again"):
        st.session_state[count] = int(st.session_state.get(count, 0)) + 1
    seed = int(st.session_state.get(count, 0))
    settings = {"tune": item.canonical, "radius": radius, "seed": seed}

    def start() -> Job:
        code = encode(bench, [item.text])[0]
        codes = noisy_codes(bench.space, code, VARIATIONS, radius, seed)
        return of_codes(codes, matched(bench.space, radius), settings)

    key = (bench.hash, item.text, radius, seed)
    job = remember(f"{spec.prefix}tune_job", key, start)
    progress_row(job, f"{spec.prefix}tune", "variations decoded")
    read = read_items(bench, job.texts)
    counts, distinct = Counter(each.key for each in read), {each.key: each for each in read}
    found = [each for each in distinct.values() if each.key != item.key]
    likeness = dict(zip(distinct, similarities(bench, list(distinct.values()), item), strict=True))
    found.sort(key=lambda each: (not each.ok, -likeness[each.key] if each.ok else 0.0))
    valid = [each for each in found if each.ok]
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.markdown(
            f"**{len(valid)} variations** in {len(job.texts)} decodings; "
            f"{counts[item.key]} gave the same tune, {len(found) - len(valid)} are invalid."
        )
        rows = [row_of(spec, each, similarity=likeness[each.key]) for each in valid]
        downloads(
            spec, bench, "Tune", "variations", lambda: rows, settings, "tune", disabled=not rows
        )
    cards = [
        item_card(
            spec,
            each,
            each.key,
            novel=novel,
            heading=f"Variation {number}",
            names=("notes", "pitch_range"),
            extra={"similarity": likeness[each.key]} if each.ok else None,
        )
        for number, (each, novel) in enumerate(
            zip(found, novelty(spec, bench, found), strict=True), 1
        )
    ]
    draw_grid(spec, cards, {each.key: each for each in found}, "tune_cards")
    return job


def main() -> None:
    """Draws the page and decodes a batch."""
    spec, bench = frame("tune")
    item = item_of(spec, bench, item_field(spec, "Tune", "tune", spec.field.ends[0]))
    if item is None:
        st.stop()
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("The tune", anchor=False)
        card = item_card(
            spec,
            item,
            "tune",
            novel=novelty(spec, bench, [item])[0],
            names=tuple(spec.cards.scores)[:9],
            width=420,
            large=True,
        )
        draw_large(spec, card, item, "tune_card")
    with right, shown_errors():
        st.subheader("Reconstruction", anchor=False)
        draw_reconstruction(spec, bench, item)
    st.subheader("Variations", anchor=False)
    with shown_errors():
        job = draw_variations(spec, bench, item)
    work(job, bench)


main()
