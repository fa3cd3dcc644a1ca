"""The settings of a search: what for, within which limits, how long; widgets in, `Goal` out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from apps.common.access import at_most, note_limit
from apps.common.bundle import Workbench
from apps.common.page import literal
from apps.common.widgets.controls import LARGEST_SEED
from apps.items.facts import Item
from apps.items.filters import windows
from apps.items.hooks import Named
from apps.items.spec import Spec
from tvae_core.search.limits import Bounds
from tvae_core.search.objective import DomainScores, ItemObjective, Scores, Term
from tvae_core.search.strategies import METHODS
from tvae_core.space.similarity import similarity_of

TARGET, OWN = "target", "own"
METHOD_NAMES = {
    "evolve": "Evolution in latent space",
    "cma": "CMA-ES",
    "turbo": "Trust-region Bayesian (TuRBO)",
    "random": "Random steps (baseline)",
}
LEAST_BUDGET, MOST_BUDGET = 20, 10_000


@dataclass(frozen=True)
class Goal:
    """What to search for.

    Attributes:
        objective: scores items and holds the constraints.
        label: of the score, for a plot's axis.
        settings: all of it, to compare and for downloads.
    """

    objective: ItemObjective
    label: str
    settings: Mapping[str, object]


def scores_of(spec: Spec, bench: Workbench) -> Scores:
    """What expressions and limits may name: as the command of the domain has it."""
    own = spec.commands.search.scores
    if own is not None:
        return own()
    return DomainScores(bench.space.domain, similarity_of(bench.space))


def objective_of(
    spec: Spec,
    bench: Workbench,
    expression: str,
    start: Item | None,
    similarity: float = 0.0,
    bounds: Bounds | None = None,
    terms: Sequence[Term] = (),
) -> ItemObjective:
    """The objective of an expression and constraints; raises `ValueError` for an unusable one."""
    return ItemObjective(
        bench.space.domain,
        [expression],
        start=None if start is None else start.form,
        similarity=similarity,
        bounds=bounds,
        scores=scores_of(spec, bench),
        terms=terms,
    )


def named_goals(spec: Spec, bench: Workbench) -> Mapping[str, Named]:
    """The goals of the menu: the domain's, or each score as high, or as low, as can be."""
    own = spec.hooks.goals.named
    if own is not None:
        return own
    found: dict[str, Named] = {}
    for name, view in spec.shown(bench).items():
        if view.ends is not None:
            about = f"{view.title}: {view.about}."
            found[name] = Named(f"{view.title}, high", name, about)
            found[f"-{name}"] = Named(f"{view.title}, low", f"-{name}", about)
    return found


def expression_of(spec: Spec, bench: Workbench) -> tuple[str, str]:
    """Draws the choice of a goal; gives its expression and its label."""
    named, prefix = named_goals(spec, bench), f"{spec.prefix}optimise"
    labels = {key: goal.label for key, goal in named.items()}
    labels |= {TARGET: "A target value", OWN: "An expression of mine"}
    goal = st.selectbox(
        "Search for",
        list(labels),
        format_func=labels.__getitem__,
        key=f"{prefix}_goal",
        persist_state="session",
    )
    if goal == TARGET:
        return _target_of(spec, bench)
    if goal != OWN:
        st.caption(named[goal].about)
        return named[goal].expression, named[goal].label
    goals = spec.hooks.goals
    names = scores_of(spec, bench).names(with_start=True)
    text = st.text_input(
        "Expression, to be maximised",
        goals.first or next(iter(spec.shown(bench))),
        key=f"{prefix}_expression",
        max_chars=300,
        live="400ms",
        help="Numbers, + - * / **, abs, min, max and these scores: " + ", ".join(names),
        persist_state="session",
    ).strip()
    return text, text


def _target_of(spec: Spec, bench: Workbench) -> tuple[str, str]:
    """Draws the choice of a value that a score should have."""
    prefix, shown = f"{spec.prefix}optimise", spec.shown(bench)
    names = spec.hooks.goals.targets or tuple(n for n, view in shown.items() if view.ends)
    name = names[0]
    if len(names) > 1:
        name = st.selectbox(
            "Score",
            names,
            format_func=lambda name: shown[name].title,
            key=f"{prefix}_of",
            persist_state="session",
        )
    view = shown[name]
    assert view.ends is not None
    middle = view.ends.low + round((view.ends.high - view.ends.low) / 2 / view.ends.step) * (
        view.ends.step
    )
    key = f"{prefix}_target_{name}"
    target = st.number_input(
        view.title,
        view.ends.low,
        view.ends.high,
        middle,
        view.ends.step,
        key=key,
        persist_state="session",
    )
    st.caption(f"As close to one value of {view.label} as can be.")
    expression = f"-abs({name} - {target:g})".replace("- -", "+ ")
    return expression, f"−|{view.label} − {target:g}|"


def check_expression(spec: Spec, bench: Workbench, text: str, start: Item | None) -> str:
    """What is wrong with an expression; empty if nothing."""
    if ":" in text:
        domain = bench.space.domain.name
        return (
            "a function of your own can be searched for by the command "
            f"(`python -m domains.{domain}.optimise`), not in the app"
        )
    try:
        objective_of(spec, bench, text, start)
    except ValueError as error:
        return str(error)
    return ""


def _search_controls(spec: Spec) -> dict[str, object]:
    """Draws how long and how to search; gives what is chosen."""
    prefix = f"{spec.prefix}optimise"
    left, right = st.columns(2)
    most = at_most(MOST_BUDGET)
    budget = left.number_input(
        "Budget",
        LEAST_BUDGET,
        most,
        min(300, most),
        50,
        key=f"{prefix}_budget",
        help=f"Most calls of the score. A {spec.unit} that was scored before costs nothing.",
        persist_state="session",
    )
    seed = right.number_input(
        "Seed", 0, LARGEST_SEED, 0, key=f"{prefix}_seed", persist_state="session"
    )
    note_limit(most)
    method = st.selectbox(
        "Method",
        METHODS,
        format_func=lambda name: METHOD_NAMES.get(name, name),
        key=f"{prefix}_method",
        persist_state="session",
    )
    radius = st.slider(
        "First steps",
        0.1,
        1.5,
        0.5,
        0.1,
        key=f"{prefix}_radius",
        help="Size of the first steps away from the start, in units of the codes' own spread.",
        persist_state="session",
    )
    return {
        "budget": min(int(budget), most),
        "method": method,
        "radius": radius,
        "seed": int(seed),
    }


def goal_controls(spec: Spec, bench: Workbench, start: Item | None) -> Goal | None:
    """Draws the settings; None, with the reason shown, when they are not usable.

    Args:
        spec: of the app.
        bench: the bundle.
        start: the item to start from, if there is one.
    """
    prefix, goals = f"{spec.prefix}optimise", spec.hooks.goals
    st.subheader("Goal", anchor=False)
    expression, label = expression_of(spec, bench)
    if message := check_expression(spec, bench, expression, start):
        st.error(literal(message[:1].upper() + message[1:]).replace("\\`", "`"))
    st.subheader("Constraints", anchor=False)
    least = st.slider(
        "Similarity to the start, at least",
        0.0,
        1.0,
        0.4,
        0.05,
        key=f"{prefix}_similarity",
        disabled=start is None,
        help=f"{spec.cards.similarity.title}: {spec.cards.similarity.about}. 0 sets no limit.",
        persist_state="session",
    )
    similarity = 0.0 if start is None else float(least)
    more = goals.constrain(start)
    low, high = windows(spec, bench, prefix, folded=True)
    bounds: Bounds = {name: (low.get(name), high.get(name)) for name in {**low, **high}}
    st.subheader("Search", anchor=False)
    how = _search_controls(spec)
    if message:
        return None
    asked: dict[str, object] = {
        "objective": expression,
        "start": None if start is None else start.form,
        "similarity": similarity,
        **more,
        "bounds": {name: list(pair) for name, pair in bounds.items()},
        **how,
    }
    terms = goals.terms(more)
    objective = objective_of(spec, bench, expression, start, similarity, bounds, terms)
    return Goal(objective, label, asked)
