"""Topic: a headline moved along the way from one group of headlines to another."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
import torch
from torch import Tensor

from apps.common.bundle import Workbench
from apps.common.codes import decode, encode
from apps.common.elements.cards import draw_cards
from apps.common.lost import came_back, draw_lost
from apps.common.page import remember, shown_errors
from apps.common.widgets.dial import fidelity_dial
from apps.headline.spec import topics_of
from apps.items.facts import Item, read_items, similarities
from apps.items.inputs import item_field, item_of
from apps.items.spec import Spec
from apps.items.view import follow, item_card
from apps.items.workplace import downloads, frame, novelty, row_of
from domains.headlines.domain import EXAMPLES
from domains.headlines.topics import Topics
from tvae_core.domain import DomainError

BY_LABEL, BY_EXAMPLES = "a topic", "my own"
AUTO, NUMBER = "auto", "a number"
MOST_EXAMPLES, MOST_TYPED = 100, 20_000
GROUPS = {
    "from": ((0, 6, 9), "POLITICS"),
    "to": ((1, 3, 4), "SPORTS"),
}
"""For each side of the direction: examples at first, and the topic at first."""


@dataclass(frozen=True)
class Side:
    """One group of headlines: what it is called, and the mean of its codes."""

    name: str
    mean: Tensor


def side(spec: Spec, bench: Workbench, topics: Topics | None, end: str) -> Side | None:
    """Draws the choice of one group; None, with the reason shown, where a line is no headline."""
    key, (rows, first) = f"{spec.prefix}topic_{end}", GROUPS[end]
    how = BY_EXAMPLES
    if topics is not None:
        how = st.segmented_control(
            f"{end.title()}",
            [BY_LABEL, BY_EXAMPLES],
            default=BY_LABEL,
            required=True,
            key=f"{key}_how",
            persist_state="session",
        )
    if topics is not None and how == BY_LABEL:
        labels = list(topics.labels)
        start = labels.index(first) if first in labels else (0 if end == "from" else -1)
        label = st.selectbox(
            "Topic",
            labels,
            index=start % len(labels),
            key=f"{key}_label",
            label_visibility="collapsed",
            format_func=lambda name: f"{name} · {topics.counts[topics.number(name)]:,}",
            persist_state="session",
        )
        return Side(label, topics.means[topics.number(label)])
    typed = st.text_area(
        f"{end.title()}: headlines, one a line",
        "\n".join(EXAMPLES[row] for row in rows),
        key=f"{key}_examples",
        height=116,
        max_chars=MOST_TYPED,
        persist_state="session",
    )
    lines = [line.strip() for line in (typed or "").splitlines() if line.strip()]
    with shown_errors(stop=False):
        if not lines:
            raise ValueError(f"{end}: enter at least one headline")
        if len(lines) > MOST_EXAMPLES:
            raise ValueError(f"{end}: {len(lines)} lines; at most {MOST_EXAMPLES} are taken")
        for line, item in zip(lines, read_items(bench, lines), strict=True):
            if not item.ok:
                raise DomainError(f"{end}: {line[:60]!r}: {item.reason}", item.position)
        noun = "my headline" if len(lines) == 1 else f"my {len(lines)} headlines"
        return Side(noun, encode(bench, lines).mean(0))
    return None


def controls(spec: Spec, bench: Workbench) -> tuple[float, int, float | str]:
    """How far to go, in how many steps, at which setting of the dial."""
    one, two, three = st.columns([4, 3, 4])
    far = one.slider(
        "How far",
        0.25,
        4.0,
        1.5,
        0.25,
        key=f"{spec.prefix}topic_far",
        help="1 is the whole difference between the two groups' mean codes.",
        persist_state="session",
    )
    steps = two.slider("Steps", 3, 15, 7, key=f"{spec.prefix}topic_steps", persist_state="session")
    mode = three.segmented_control(
        "Fidelity",
        [AUTO, NUMBER],
        default=AUTO,
        required=True,
        key=f"{spec.prefix}topic_mode",
        help="auto: every step at the most faithful setting that gives a headline.",
        persist_state="session",
    )
    if mode == AUTO:
        return float(far), int(steps), "auto"
    with three:
        dial = fidelity_dial(bench.space.model.config, f"{spec.prefix}topic_fidelity", 0.5)
    return float(far), int(steps), dial


def moved(
    bench: Workbench, item: Item, direction: Tensor, far: float, steps: int
) -> tuple[list[float], Tensor]:
    """Multiples of a direction, and the item's code moved by each."""
    code = encode(bench, [item.text])[0]
    shares = torch.linspace(0, far, steps)
    return shares.tolist(), code + shares[:, None, None] * direction


def draw_steps(spec: Spec, bench: Workbench, item: Item, groups: tuple[Side, Side]) -> None:
    """The headline at each step, with downloads."""
    far, steps, fidelity = controls(spec, bench)
    direction = groups[1].mean - groups[0].mean
    settings = {
        "item": item.canonical,
        "from": groups[0].name,
        "to": groups[1].name,
        "far": far,
        "steps": steps,
        "fidelity": fidelity,
    }
    key = (bench.hash, item.text, direction.numpy().tobytes(), far, steps, fidelity)

    def walk() -> tuple[list[float], Tensor, list[str]]:
        shares, codes = moved(bench, item, direction, far, steps)
        return shares, codes, decode(bench, codes, fidelity)

    shares, codes, texts = remember(f"{spec.prefix}topic_steps_kept", key, walk)
    found = read_items(bench, texts)
    labels = (
        spec.hooks.labels(bench, found, codes)
        if spec.hooks.labels is not None
        else [""] * len(found)
    )
    likeness = similarities(bench, found, item)
    valid = sum(step.ok for step in found)
    distinct = len({step.key for step in found if step.ok})
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.markdown(
            f"**{valid} of {len(found)} steps are headlines**, {distinct} of them distinct, on the "
            f"way from {groups[0].name} to {groups[1].name}."
        )
        rows = [
            row_of(spec, step, moved=share, topic=label, similarity=value)
            for step, share, label, value in zip(found, shares, labels, likeness, strict=True)
        ]
        downloads(spec, bench, "Topic", "topic", lambda: rows, settings, "topic")
    new = novelty(spec, bench, found)
    cards = [
        item_card(
            spec,
            step,
            str(i),
            novel=new[i],
            label=labels[i],
            heading=f"+ {shares[i]:.2f} × the way",
            names=("words",),
            extra={"similarity": likeness[i]},
        )
        for i, step in enumerate(found)
    ]
    click = draw_cards(
        cards, f"{spec.prefix}topic_cards", "grid", spec.cards.width, flat=spec.cards.flat
    )
    follow(spec, click, {str(i): step for i, step in enumerate(found)})


def main() -> None:
    """Draws the page."""
    spec, bench = frame("topic")
    topics = topics_of(bench)
    typed = item_field(spec, "Headline", "topic_item", EXAMPLES[2])
    left, right = st.columns(2, gap="large")
    with left:
        start = side(spec, bench, topics, "from")
    with right:
        end = side(spec, bench, topics, "to")
    item = item_of(spec, bench, typed)
    if item is None or start is None or end is None:
        st.stop()
    with shown_errors():
        (back,) = came_back(bench, f"{spec.prefix}topic_back", [item.text])
        draw_lost({"The headline": back}, spec.commands.unit, spec.commands.show)
        draw_steps(spec, bench, item, (start, end))


main()
