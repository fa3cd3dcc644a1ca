"""Optimise: from a molecule towards a higher score, one generation after another, as you look."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from apps.common.bars import figures_html
from apps.common.bundle import Workbench
from apps.common.cards import Card, Chip, draw_cards
from apps.common.codes import fits
from apps.common.downloads import download_bar
from apps.common.lost import came_back, draw_lost
from apps.common.page import literal, problem, shown_errors
from apps.common.pager import page_of
from apps.molecule_parts.batch_results import picture
from apps.molecule_parts.facts import Facts, alerts_of, facts_of, novelty, similarity
from apps.molecule_parts.goal import METHOD_NAMES, Goal, goal_controls
from apps.molecule_parts.search import SearchRun, call_row, changed_atoms, history_figure, short
from apps.molecule_parts.sketch import sketcher, smiles_input
from apps.molecule_parts.view import LABELS, follow, meaning, molecule_card
from apps.molecule_parts.workplace import frame, known_set, provenance, write
from domains.smiles.domain import EXAMPLES
from tvae_core.cli.search_run import start_left_out
from tvae_core.search.search import Call, Search

SHOWN = 10
ON_PATH, IN_TABLE = ("qed", "sa", "logp"), ("qed", "sa", "logp", "weight", "tpsa")
PATH_ACTIONS = (
    ("open", "Open", "Look at this molecule on the Molecule page"),
    ("lead", "Start here", "Take this molecule as the start"),
)


def starting_molecule(bench: Workbench) -> tuple[bool, Facts | None]:
    """The field of the start; whether it can be used, and the molecule if one is given."""
    typed = smiles_input("Start molecule (empty: random samples)", "lead", EXAMPLES["lidocaine"])
    sketcher("lead", typed)
    if not typed:
        return True, None
    facts = facts_of(typed)
    if not facts.ok:
        problem(f"the start molecule: {facts.why}")
        return False, None
    if not fits(bench, [facts.smiles])[0]:
        problem("the start molecule is longer than this bundle takes: choose a smaller one")
        return False, None
    (back,) = came_back(bench, "lead_back", [facts.smiles])
    draw_lost({"The start molecule": back}, "molecule")
    return True, facts


def begin_search(bench: Workbench, goal: Goal) -> None:
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
    st.session_state["optimise_run"] = SearchRun(search, settings)
    st.session_state["optimise_page"] = 0


def search_controls(bench: Workbench, goal: Goal | None, run: SearchRun | None) -> None:
    """Start, stop or go on, and how far the search is; the row keeps its shape in every state."""
    running = run is not None and run.running
    with st.container(horizontal=True, vertical_alignment="center", key="optimise_row"):
        if st.button(
            "Start" if run is None else "Start anew",
            type="primary",
            key="optimise_go",
            icon=":material/play_arrow:",
            disabled=goal is None or running,
        ):
            assert goal is not None
            begin_search(bench, goal)
            st.rerun()
        st.button(
            "Stop" if running else "Go on",
            key="optimise_stop",
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


def draw_figures(run: SearchRun, start: Call | None) -> None:
    """Key figures: best, gain, how many hold the constraints."""
    search, best = run.search, run.search.best
    feasible = sum(call.feasible for call in search.calls)
    figures = [("best", short(best.score) if best else "–", "highest score within constraints")]
    if start is not None:
        gain = best.score - start.score if best else float("nan")
        figures.append(("start", short(start.score), "score of the start molecule"))
        figures.append(("gain", ("+" if gain > 0 else "") + short(gain), "best less start"))
        if best is not None:
            near = similarity(facts_of(start.text), facts_of(best.text))
            figures.append(("similarity of the best", f"{near:.2f}", "Tanimoto to the start"))
    share = f"{100 * feasible / search.spent:.0f} %" if search.spent else "–"
    figures.append(("within constraints", share, "of the molecules that were scored"))
    if search.excluded:
        told = "decoded molecules that a constraint excludes without the score: they cost no call"
        figures.append(("excluded", f"{search.excluded:,}", told))
    st.html(figures_html(figures))


def path_cards(path: Sequence[Call], start: str | None) -> list[Card]:
    """A card for every improvement, what changed since the start marked."""
    cards, before = [], None
    for number, call in enumerate(path):
        facts = facts_of(call.text)
        chips = []
        if before is not None:
            chips.append(Chip(f"+{short(call.score - before.score)}", "good", "improvement"))
        marked: tuple[int, ...] = ()
        if start is not None:
            near = similarity(facts_of(start), facts)
            chips.append(Chip(f"similarity {near:.2f}", "plain", "Tanimoto to the start"))
            marked = changed_atoms(start, call.text)
        cards.append(
            molecule_card(
                facts,
                f"{number}",
                heading=f"{short(call.score)} · call {call.number}",
                chips=chips,
                names=ON_PATH,
                actions=PATH_ACTIONS,
                marked=marked,
                selected=number == len(path) - 1,
            )
        )
        before = call
    return cards


def draw_path(run: SearchRun) -> None:
    """The successive bests in a strip."""
    path = run.search.path()
    st.subheader("The way there", anchor=False)
    if not path:
        st.caption("No molecule within the constraints yet.")
        return
    how = "; coloured atoms are not shared with the start" if run.search.start else ""
    st.caption(f"Every improvement, from the first to the best{how}.")
    cards = path_cards(path, run.search.start)
    smiles = {str(number): call.text for number, call in enumerate(path)}
    follow(draw_cards(cards, key="optimise_path", layout="strip", width=214), smiles)


def best_row(call: Call, novel: bool | None, start: str | None) -> dict[str, object]:
    """A call as cells of the table."""
    facts = facts_of(call.text)
    row: dict[str, object] = {"Structure": picture(facts), "Score": call.score}
    if start is not None:
        row["Similarity"] = similarity(facts_of(start), facts)
    row |= {LABELS[name][0]: facts.scores[name] for name in IN_TABLE}
    row["Alerts"] = ", ".join(alert.name.replace("_", " ") for alert in alerts_of(facts))
    row["Novel"] = novel
    row["Call"] = call.number
    row["SMILES"] = call.text
    return row


def draw_best(bench: Workbench, run: SearchRun) -> None:
    """The best molecules as a table, with downloads of all within the constraints."""
    best, path = run.best_calls(), run.search.path()
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.subheader("The best", anchor=False)
        search = run.search
        settings = {
            **run.settings,
            "spent": search.spent,
            "constraints": search.objective.name,
            "fidelity": search.fidelity,
            "batch_size": search.batch_size,
        }
        download_bar(
            f"optimised-seed{search.seed}",
            lambda: [call_row(call, path) for call in best],
            provenance(bench, "Optimise", settings),
            write,
            formats=("csv", "sdf"),
            key="optimise",
            disabled=not best,
        )
    if not best:
        return
    part = page_of(best, SHOWN, "optimise_page")
    news = novelty([facts_of(call.text) for call in part], known_set(bench))
    config: dict[str, object] = {
        "Structure": st.column_config.ImageColumn(width=170),
        "Score": st.column_config.NumberColumn(format="%.3f"),
        "Similarity": st.column_config.NumberColumn(format="%.2f", help="Tanimoto to the start"),
        "Novel": st.column_config.CheckboxColumn(help="not in the training set"),
        "Alerts": st.column_config.TextColumn(width=150, help="of PAINS and BRENK"),
        "Call": st.column_config.NumberColumn(help="when it was scored"),
    }
    for name in IN_TABLE:
        label, form = LABELS[name]
        config[label] = st.column_config.NumberColumn(format=f"%{form}", help=meaning(name))
    if all(novel is None for novel in news):
        config["Novel"] = None
    st.dataframe(
        [best_row(call, novel, search.start) for call, novel in zip(part, news, strict=True)],
        key="optimise_table",
        hide_index=True,
        row_height=96,
        height="content",
        column_config=config,
        alt="the best molecules",
    )


def draw_run(bench: Workbench, run: SearchRun) -> None:
    """Figures, plot, path and table of a search."""
    search = run.search
    method = METHOD_NAMES.get(search.method, search.method)
    st.caption(f"{literal(search.objective.name)} · {method}, seed {search.seed}")
    if not search.calls:
        return
    start = search.calls[0] if search.start else None
    draw_figures(run, start)
    if left_out := start_left_out(search):
        st.caption(
            f"The start itself breaks a constraint or has no score ({literal(left_out)}); the "
            "search looks for a way in."
        )
    st.plotly_chart(
        history_figure(search, str(run.settings["label"])),
        key="optimise_plot",
        config={"displayModeBar": False},
        alt="best score so far over the calls of the score",
    )
    draw_path(run)
    draw_best(bench, run)


def main() -> None:
    """Draws the page and searches one generation."""
    bench = frame(
        "Optimise a molecule",
        "Searches the latent space around a molecule for a higher score, within your constraints.",
    )
    usable, start = starting_molecule(bench)
    with st.sidebar, shown_errors(stop=False):
        goal = goal_controls(start)
        if not usable:
            goal = None
    run: SearchRun | None = st.session_state.get("optimise_run")
    if run is not None and run.settings["bundle"] != bench.hash:
        run = None
    with shown_errors():
        search_controls(bench, goal, run)
        if run is None:
            st.caption(
                "Choose a goal and constraints at the side, then press Start. You can stop at "
                "any moment and go on later; what was found stays."
            )
            return
        draw_run(bench, run)
        if run.running:
            run.advance(bench)
            st.rerun()


main()
