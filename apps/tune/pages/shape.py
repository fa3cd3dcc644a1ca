"""Shape: sliders for a tune's attributes, and the tune that comes nearest to what they ask."""

from __future__ import annotations

import math

import streamlit as st

from apps.common.bundle import Workbench
from apps.common.job import Job, of_codes, progress_row, sampling_by_default, work
from apps.common.lost import came_back, draw_lost
from apps.common.page import remember, shown_errors
from apps.common.widgets.controls import LARGEST_SEED
from apps.items.facts import Item, prepare, read_items, similarities
from apps.items.inputs import item_field, item_of
from apps.items.spec import Spec
from apps.items.view import draw_grid, draw_large, item_card, written
from apps.items.workplace import downloads, frame, novelty, row_of
from apps.tune.shaping import ATTRIBUTES, Palette, candidates, missed, palette_of
from domains.midi.examples import EXAMPLES

N_SAMPLES = 256
OTHERS = 6


def palette(spec: Spec, bench: Workbench, seed: int) -> tuple[Palette | None, Job]:
    """Sampled tunes to shape others with; None while these are decoded."""
    count = int(st.session_state.get(f"{spec.prefix}shape_n", N_SAMPLES))
    key = (bench.hash, seed, count)
    job = remember(f"{spec.prefix}shape_job", key, lambda: sampling_by_default(bench, count, seed))
    progress_row(job, f"{spec.prefix}shape", "tunes decoded to shape others with")
    if job.running:
        return None, job
    if prepare(bench, job.texts) < len(job.texts):
        st.rerun()
    key = (*key, len(job.texts))
    return remember(f"{spec.prefix}palette", key, lambda: palette_of(bench, job.texts)), job


def sliders(spec: Spec, found: Palette, item: Item) -> dict[str, float]:
    """Draws a slider for each attribute; gives those that are moved, in standard deviations."""
    wish: dict[str, float] = {}
    for name, (label, low, high) in ATTRIBUTES.items():
        if name not in found.sd or math.isnan(item.scores.get(name, math.nan)):
            continue
        amount = st.slider(
            label,
            -3.0,
            3.0,
            0.0,
            0.25,
            key=f"{spec.prefix}shape_{name}",
            help=f"{spec.cards.scores[name].about}; 1 is the spread of sampled tunes, "
            f"{found.sd[name]:.2g}.",
            persist_state="session",
        )
        st.html(f"<div class='dial-legend'><span>{low}</span><span>{high}</span></div>")
        if amount:
            wish[name] = float(amount)
    st.button("Back to the tune", on_click=_reset, args=(spec.prefix,), icon=":material/undo:")
    return wish


def _reset(prefix: str) -> None:
    for name in ATTRIBUTES:
        st.session_state[f"{prefix}shape_{name}"] = 0.0


def outcome_rows(
    spec: Spec, start: Item, item: Item, wish: dict[str, float], found: Palette
) -> list[dict[str, str]]:
    """Before, wanted and after, of each attribute, as a table."""
    rows = []
    for name, size in found.sd.items():
        view, before = spec.cards.scores[name], start.scores.get(name, math.nan)
        wanted = before + wish[name] * size if name in wish else math.nan
        rows.append(
            {
                "attribute": ATTRIBUTES[name][0],
                "before": written(view, before),
                "asked": written(view, wanted),
                "now": written(view, item.scores.get(name, math.nan)),
            }
        )
    return rows


def draw_shaped(
    spec: Spec, bench: Workbench, start: Item, wish: dict[str, float], found: Palette, seed: int
) -> Job:
    """The decoded tune that comes nearest, its attributes, others; gives the job."""
    settings = {"tune": start.canonical, "asked": wish, "seed": seed}

    def begin() -> Job:
        codes, dial = candidates(bench, start, found, wish, seed)
        return of_codes(codes, dial, settings)

    key = (bench.hash, start.text, seed, tuple(wish.items()), len(found.items))
    job = remember(f"{spec.prefix}shaped_job", key, begin)
    progress_row(job, f"{spec.prefix}shaped", "tunes decoded along the way")
    valid = {item.key: item for item in read_items(bench, job.texts) if item.ok}
    items = list(valid.values())
    likeness = dict(zip(valid, similarities(bench, items, start), strict=True))
    items.sort(key=lambda item: missed(item, start, wish, found.sd, likeness[item.key]))
    if not items:
        if not job.running:
            st.info("No valid tune lies there: ask for less.")
        return job
    best = items[0]
    if job.running:
        return job
    left, right = st.columns([3, 2], gap="medium")
    with left:
        card = item_card(
            spec,
            best,
            "best",
            novel=novelty(spec, bench, [best])[0],
            heading="Nearest to what you asked",
            names=tuple(name for name in ATTRIBUTES if name in found.sd),
            extra={"similarity": likeness[best.key]},
            width=420,
            large=True,
        )
        draw_large(spec, card, best, "shape_card")
    with right:
        st.table(outcome_rows(spec, start, best, wish, found), hide_index=True, border="horizontal")
        st.caption(
            f"The best of {len(items)} distinct tunes in {len(job.texts)} decodings: around the "
            f"tune, and on the way to those of {len(found.items)} sampled tunes that come nearest "
            "to what you asked."
        )
        rows = [row_of(spec, item, similarity=likeness[item.key]) for item in items]
        downloads(spec, bench, "Shape", "shaped", lambda: rows, settings, "shape")
    if len(items) > 1:
        st.subheader("Others on the way", anchor=False)
        others = items[1 : 1 + OTHERS]
        cards = [
            item_card(
                spec,
                item,
                item.key,
                heading=f"{number} of {len(items)} by nearness",
                extra={"similarity": likeness[item.key]},
            )
            for number, item in enumerate(others, 2)
        ]
        draw_grid(spec, cards, {item.key: item for item in others}, "shape_cards")
    return job


def main() -> None:
    """Draws the page and decodes a batch."""
    spec, bench = frame("shape")
    item = item_of(spec, bench, item_field(spec, "Tune", "shape_tune", EXAMPLES["Ode to Joy"]))
    if item is None:
        st.stop()
    left, right = st.columns([1, 3], gap="large")
    with left:
        seed = int(
            st.number_input(
                "Seed",
                0,
                LARGEST_SEED,
                0,
                key=f"{spec.prefix}shape_seed",
                help="Of the sampled tunes that this one is blended with, and of the noise.",
                persist_state="session",
            )
        )
    with right, shown_errors():
        found, job = palette(spec, bench, seed)
    if found is None:
        work(job, bench)
        st.stop()
    with left:
        wish = sliders(spec, found, item)
        with shown_errors(stop=False):
            (back,) = came_back(bench, f"{spec.prefix}shape_back", [item.text])
            draw_lost({"The tune": back}, spec.commands.unit, spec.commands.show)
    with right, shown_errors():
        if wish:
            job = draw_shaped(spec, bench, item, wish, found, seed)
        else:
            card = item_card(
                spec,
                item,
                "tune",
                heading="As it is: move a slider",
                names=tuple(name for name in ATTRIBUTES if name in found.sd),
                width=420,
                large=True,
            )
            draw_large(spec, card, item, "shape_start")
    work(job, bench)


main()
