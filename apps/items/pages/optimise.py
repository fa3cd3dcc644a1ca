"""Optimise: from an item towards a higher score, one generation after another, as you look."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from apps.common.bundle import Workbench
from apps.common.codes import fits
from apps.common.elements.bars import figures_html
from apps.common.elements.cards import Card, Chip, draw_cards
from apps.common.lost import came_back, draw_lost
from apps.common.page import literal, problem, shown_errors
from apps.common.widgets.pager import page_of
from apps.items.facts import Item, read_items, similarities
from apps.items.inputs import item_field, item_of
from apps.items.search.figure import history_figure
from apps.items.search.goal import METHOD_NAMES, Goal, goal_controls
from apps.items.search.run import SearchRun, call_row, short
from apps.items.spec import Spec
from apps.items.table import column_config, score_cells
from apps.items.view import follow, item_card, picture_of
from apps.items.workplace import downloads, frame, novelty
from tvae_core.cli.search_run import start_left_out
from tvae_core.search.search import Call, Search

SHOWN, IN_TABLE = 10, 5


def starting_item(spec: Spec, bench: Workbench) -> tuple[bool, Item | None]:
    """The field of the start; whether it can be used, and the item if one is given."""
    label = f"Start {spec.unit} (empty: random samples)"
    typed = item_field(spec, label, "lead", spec.field.ends[0])
    if not typed:
        return True, None
    item = item_of(spec, bench, typed, f"start {spec.unit}")
    if item is None:
        return False, None
    if not fits(bench, [item.form])[0]:
        problem(f"the start {spec.unit} is longer than this bundle takes: choose a smaller one")
        return False, None
    (back,) = came_back(bench, f"{spec.prefix}lead_back", [item.form])
    draw_lost({f"The start {spec.unit}": back}, spec.unit, spec.commands.show)
    return True, item


def begin_search(spec: Spec, bench: Workbench, goal: Goal) -> None:
    """Makes a new search of the settings."""
    asked = goal.settings
    with bench.lock:
        search = Search(
            bench.space,
            goal.objective,
            budget=int(str(asked["budget"])),
            start=None if asked["start"] is None else str(asked["start"]),
            method=str(asked["method"]),
            seed=int(str(asked["seed"])),
            radius=float(str(asked["radius"])),
        )
    settings = {**asked, "label": goal.label, "bundle": bench.hash}
    st.session_state[f"{spec.prefix}optimise_run"] = SearchRun(search, settings)
    st.session_state[f"{spec.prefix}optimise_page"] = 0


def search_controls(spec: Spec, bench: Workbench, goal: Goal | None, run: SearchRun | None) -> None:
    """Start, stop or go on, and how far the search is; the row keeps its shape in every state."""
    running = run is not None and run.running
    with st.container(
        horizontal=True, vertical_alignment="center", key=f"{spec.prefix}optimise_row"
    ):
        if st.button(
            "Start" if run is None else "Start anew",
            type="primary",
            key=f"{spec.prefix}optimise_go",
            icon=":material/play_arrow:",
            disabled=goal is None or running,
        ):
            assert goal is not None
            begin_search(spec, bench, goal)
            st.rerun()
        st.button(
            "Stop" if running else "Go on",
            key=f"{spec.prefix}optimise_stop",
            on_click=None if run is None else run.turn,
            icon=":material/stop_circle:" if running else ":material/resume:",
            disabled=run is None or run.finished,
        )
        spent, budget = (0, 1) if run is None else (run.search.spent, run.search.budget)
        st.progress(min(spent / budget, 1.0), text=state_of(goal, run), width="stretch")


def state_of(goal: Goal | None, run: SearchRun | None) -> str:
    """Where the search stands, in words."""
    if run is None:
        return "Not started"
    search = run.search
    spent = f"{search.spent:,} of {search.budget:,} calls"
    if run.running:
        return spent
    if not run.finished:
        text = f"Stopped after {spent}"
    elif search.spent < search.budget:
        text = f"Ended after {spent}: {search.ended or 'nothing new was found any more'}"
    else:
        text = f"Done: {spent}"
    asked = {} if goal is None else goal.settings
    changed = any(run.settings.get(name) != value for name, value in asked.items())
    return text + (" · settings have changed since" if changed else "")


def items_of(bench: Workbench, calls: Sequence[Call]) -> list[Item]:
    """The items of calls."""
    return read_items(bench, [call.text for call in calls])


def draw_figures(spec: Spec, bench: Workbench, run: SearchRun, start: Call | None) -> None:
    """Key figures: best, gain, how many hold the constraints."""
    search, best = run.search, run.search.best
    feasible = sum(call.feasible for call in search.calls)
    figures = [("best", short(best.score) if best else "–", "highest score within constraints")]
    if start is not None:
        gain = best.score - start.score if best else float("nan")
        figures.append(("start", short(start.score), f"score of the start {spec.unit}"))
        figures.append(("gain", ("+" if gain > 0 else "") + short(gain), "best less start"))
        if best is not None:
            first, last = items_of(bench, [start, best])
            (near,) = similarities(bench, [last], first)
            figures.append(("similarity of the best", f"{near:.2f}", "to the start"))
    share = f"{100 * feasible / search.spent:.0f} %" if search.spent else "–"
    figures.append(("within constraints", share, f"of the {spec.words.noun} that were scored"))
    if search.excluded:
        told = f"{spec.words.noun} that a constraint excludes without the score: they cost no call"
        figures.append(("excluded", f"{search.excluded:,}", told))
    st.html(figures_html(figures))


def path_cards(
    spec: Spec,
    items: Sequence[Item],
    path: Sequence[Call],
    near: Sequence[float],
    start: Item | None,
) -> list[Card]:
    """A card for every improvement, what changed since the start marked."""
    actions = (("look", *spec.words.look), ("lead", "Start here", f"Start at this {spec.unit}"))
    cards = []
    for number, (item, call) in enumerate(zip(items, path, strict=True)):
        chips = []
        if number:
            gain = short(call.score - path[number - 1].score)
            chips.append(Chip(f"+{gain}", "good", "improvement"))
        face = None
        if start is not None:
            chips.append(Chip(f"similarity {near[number]:.2f}", "plain", "to the start"))
            if spec.cards.changed is not None:
                face = spec.cards.changed(item, start, spec.cards.strip)
        cards.append(
            item_card(
                spec,
                item,
                f"{number}",
                heading=f"{short(call.score)} · call {call.number}",
                chips=chips,
                names=spec.cards.on_steps,
                actions=actions,
                face=face,
                width=spec.cards.strip,
                selected=number == len(path) - 1,
            )
        )
    return cards


def draw_path(spec: Spec, bench: Workbench, run: SearchRun) -> None:
    """The successive bests in a strip."""
    path = run.search.path()
    st.subheader("The way there", anchor=False)
    if not path:
        st.caption(f"No {spec.unit} within the constraints yet.")
        return
    marked = run.search.start and spec.cards.changed is not None
    how = "; coloured parts are not shared with the start" if marked else ""
    st.caption(f"Every improvement, from the first to the best{how}.")
    items = items_of(bench, path)
    start = read_items(bench, [run.search.start])[0] if run.search.start else None
    near = similarities(bench, items, start) if start is not None else []
    cards = path_cards(spec, items, path, near, start)
    look, key = spec.cards, f"{spec.prefix}optimise_path"
    click = draw_cards(cards, key, "strip", max(look.strip, 214), flat=look.flat)
    follow(spec, click, {str(number): item for number, item in enumerate(items)})


def draw_best(spec: Spec, bench: Workbench, run: SearchRun) -> None:
    """The best items as a table, with downloads of all within the constraints."""
    best, search = run.best_calls(), run.search
    path = search.path()
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.subheader("The best", anchor=False)
        settings = {
            **run.settings,
            "spent": search.spent,
            "constraints": search.objective.name,
            "fidelity": search.fidelity,
            "batch_size": search.batch_size,
        }
        downloads(
            spec,
            bench,
            "Optimise",
            f"optimised-seed{search.seed}",
            lambda: [
                call_row(spec, item, call, path)
                for item, call in zip(items_of(bench, best), best, strict=True)
            ],
            settings,
            "optimise",
            disabled=not best,
        )
    if best:
        part = page_of(best, SHOWN, f"{spec.prefix}optimise_page")
        draw_table(spec, bench, part, search.start)


def draw_table(spec: Spec, bench: Workbench, calls: Sequence[Call], start: str | None) -> None:
    """Some calls as a table, with drawings where there are any."""
    items = items_of(bench, calls)
    news = novelty(spec, bench, items)
    near = similarities(bench, items, read_items(bench, [start])[0]) if start else []
    rows: list[dict[str, object]] = []
    for number, (item, call) in enumerate(zip(items, calls, strict=True)):
        row: dict[str, object] = {"Picture": picture_of(spec, item), "Score": call.score}
        if start is not None:
            row["Similarity"] = near[number]
        row |= score_cells(spec, item, tuple(spec.cards.scores)[:IN_TABLE])
        row |= {**spec.cards.cells(item), "Novel": news[number], "Call": call.number}
        row[spec.words.text] = item.form
        rows.append(row)
    st.dataframe(
        rows,
        key=f"{spec.prefix}optimise_table",
        hide_index=True,
        row_height=96 if rows[0]["Picture"] else None,
        height="content",
        column_config=column_config(spec, rows),
        alt=f"the best {spec.words.noun}",
    )


def draw_run(spec: Spec, bench: Workbench, run: SearchRun) -> None:
    """Figures, plot, path and table of a search."""
    search = run.search
    method = METHOD_NAMES.get(search.method, search.method)
    st.caption(f"{literal(search.objective.name)} · {method}, seed {search.seed}")
    if not search.calls:
        return
    draw_figures(spec, bench, run, search.calls[0] if search.start else None)
    if left_out := start_left_out(search):
        st.caption(
            f"The start itself breaks a constraint or has no score ({literal(left_out)}); the "
            "search looks for a way in."
        )
    st.plotly_chart(
        history_figure(search, str(run.settings["label"])),
        key=f"{spec.prefix}optimise_plot",
        config={"displayModeBar": False},
        alt="best score so far over the calls of the score",
    )
    draw_path(spec, bench, run)
    draw_best(spec, bench, run)


def main() -> None:
    """Draws the page and searches one generation."""
    spec, bench = frame("optimise")
    usable, start = starting_item(spec, bench)
    goal = None
    with st.sidebar, shown_errors(stop=False):
        goal = goal_controls(spec, bench, start)
    run: SearchRun | None = st.session_state.get(f"{spec.prefix}optimise_run")
    if run is not None and run.settings["bundle"] != bench.hash:
        run = None
    with shown_errors():
        search_controls(spec, bench, goal if usable else None, run)
        if run is None:
            st.caption(
                "Choose a goal and constraints at the side, then press Start. You can stop at "
                "any moment and go on later; what was found stays."
            )
            return
        draw_run(spec, bench, run)
        if run.running:
            run.advance(bench)
            st.rerun()


main()
