"""Walk: the way between two items, step by step, valid or not, like the ends or not."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
import torch

from apps.common.bundle import Workbench
from apps.common.elements.cards import draw_cards
from apps.common.elements.walks import similarity_figure, walk_summary
from apps.common.lost import draw_lost, ends_came_back
from apps.common.page import later, remember, shown_errors
from apps.common.widgets.controls import WalkSettings, walk_controls
from apps.items.facts import Item, read_items, similarities
from apps.items.inputs import item_field, item_of
from apps.items.spec import Spec
from apps.items.view import draw_large, item_card, thumbnail
from apps.items.workplace import downloads, frame, labels_of, novelty, row_of
from tvae_core.space import PathPoint
from tvae_core.space.walk import walk


def walked(bench: Workbench, a: Item, b: Item, chosen: WalkSettings) -> list[PathPoint]:
    """The points of the path, decoded in turn with the other sessions."""
    with bench.lock, torch.inference_mode():
        return walk(
            bench.space,
            a.form,
            b.form,
            chosen.steps,
            chosen.how,
            chosen.per_token,
            chosen.fidelity,
            chosen.distinct,
        )


def draw_path(
    spec: Spec,
    bench: Workbench,
    points: list[PathPoint],
    ends: tuple[Item, Item],
    settings: dict[str, object],
) -> None:
    """The strip, the slider, the chosen step beside the plot, downloads."""
    found = read_items(bench, [point.text for point in points])
    labels = labels_of(spec, bench, found, torch.stack([point.latent for point in points]))
    to_start, to_end = (similarities(bench, found, end) for end in ends)
    keys = [item.key if item.ok else None for item in found]
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.markdown(walk_summary(keys, ends[0].key, ends[1].key, spec.words.noun))
        rows = [
            row_of(
                spec,
                item,
                share=point.t,
                fidelity=point.fidelity,
                **({"label": label} if spec.hooks.labels is not None else {}),
                similarity_first=first,
                similarity_last=last,
            )
            for point, item, label, first, last in zip(
                points, found, labels, to_start, to_end, strict=True
            )
        ]
        downloads(spec, bench, "Walk", "walk", lambda: rows, settings, "walk")
    step = draw_strip(spec, points, found, labels)
    if spec.hooks.path_player is not None:
        spec.hooks.path_player(found, f"{spec.prefix}walk_path")
    left, right = st.columns([5, 7], gap="large")
    with left:
        point, item = points[step], found[step]
        dial = "auto" if point.fidelity != point.fidelity else f"fidelity {point.fidelity:.2f}"
        card = item_card(
            spec,
            item,
            str(step),
            novel=novelty(spec, bench, [item])[0],
            label=labels[step],
            heading=f"Step {step + 1} of {len(points)} · {dial}",
            names=tuple(spec.cards.scores),
            width=420,
            large=True,
        )
        draw_large(spec, card, item, "walk_card")
    with right:
        st.plotly_chart(
            similarity_figure(
                [point.t for point in points],
                [value if item.ok else None for value, item in zip(to_start, found, strict=True)],
                [value if item.ok else None for value, item in zip(to_end, found, strict=True)],
                spec.words.likeness,
            ),
            key=f"{spec.prefix}walk_plot",
            config={"displayModeBar": False},
            alt="similarity to both ends along the path",
        )


def draw_strip(
    spec: Spec, points: Sequence[PathPoint], found: Sequence[Item], labels: Sequence[str]
) -> int:
    """The steps side by side with a slider; gives the number of the chosen one."""
    key, last = f"{spec.prefix}walk_step", len(points)
    st.session_state[key] = min(int(st.session_state.get(key, (last + 1) // 2)), last)
    step = int(st.slider("Step", 1, last, key=key, persist_state="session")) - 1
    cards = [
        item_card(
            spec,
            item,
            str(i),
            label=label,
            heading=f"{i + 1} · {point.t:.0%}",
            names=spec.cards.on_steps,
            actions=(),
            width=spec.cards.strip,
            pick="Show this step",
            selected=i == step,
        )
        for i, (point, item, label) in enumerate(zip(points, found, labels, strict=True))
    ]
    click = draw_cards(
        cards, f"{spec.prefix}walk_strip", "strip", spec.cards.strip, flat=spec.cards.flat
    )
    if click is not None and click.action == "pick" and int(click.id) != step:
        later(**{key: int(click.id) + 1})
        st.rerun()
    return step


def main() -> None:
    """Draws the page."""
    spec, bench = frame("walk")
    left, right = st.columns(2, gap="large")
    with left:
        start = item_field(spec, "From", "start", spec.field.ends[0])
    with right:
        end = item_field(spec, "To", "end", spec.field.ends[1])
    chosen = walk_controls(bench, spec.prefix, spec.cards.steps)
    with left:
        a = item_of(spec, bench, start)
        thumbnail(spec, a)
    with right:
        b = item_of(spec, bench, end)
        thumbnail(spec, b)
    if a is None or b is None:
        st.stop()
    with shown_errors():
        points = remember(
            f"{spec.prefix}walk",
            (bench.hash, a.form, b.form, chosen),
            lambda: walked(bench, a, b, chosen),
        )
        decoded = points[0].text, points[-1].text
        back = ends_came_back(
            bench, f"{spec.prefix}walk_back", (a.form, b.form), decoded, chosen.fidelity
        )
        names = f"The first {spec.unit}", f"The last {spec.unit}"
        draw_lost(dict(zip(names, back, strict=True)), spec.unit, spec.commands.show)
        settings = {"from": a.canonical, "to": b.canonical, **chosen.told()}
        draw_path(spec, bench, points, (a, b), settings)


main()
