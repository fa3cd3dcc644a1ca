"""The settings of a search: what for, within which limits, how long; widgets in, `Goal` out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from apps.common.access import at_most, note_limit
from apps.common.page import literal
from apps.molecule_parts.facts import Facts
from apps.molecule_parts.filters import CATALOG_NAMES, RANGES, property_window
from domains.smiles.objectives import MoleculeObjective, parse_objective, score_names
from tvae_core.search.search import METHODS

QED, EASY, PLOGP, TARGET, OWN = "qed", "qed - 0.1*sa", "plogp", "target", "own"
GOALS = {
    QED: "Drug-likeness (QED)",
    EASY: "Drug-likeness, and easy to make",
    PLOGP: "Penalised logP",
    TARGET: "A target logP",
    OWN: "An expression of mine",
}
ABOUT = {
    QED: "Quantitative estimate of drug-likeness, 0 to 1.",
    EASY: "`qed - 0.1*sa`: drug-likeness less a tenth of the synthetic accessibility score.",
    PLOGP: "logP less penalties for hard syntheses and large rings, the benchmark's usual goal.",
    TARGET: "As close to one value of logP as can be.",
}
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
        objective: scores molecules and holds the constraints.
        label: of the score, for a plot's axis.
        settings: all of it, to compare and for downloads.
    """

    objective: MoleculeObjective
    label: str
    settings: Mapping[str, object]


def expression_of() -> tuple[str, str]:
    """Draws the choice of a goal; gives its expression and its label."""
    goal = st.selectbox(
        "Search for",
        list(GOALS),
        format_func=GOALS.__getitem__,
        key="optimise_goal",
        persist_state="session",
    )
    if goal == TARGET:
        target = st.number_input(
            "logP", -4.0, 8.0, 2.5, 0.5, key="optimise_target", persist_state="session"
        )
        st.caption(ABOUT[goal])
        return f"-abs(logp - {target:g})".replace("- -", "+ "), f"−|logP − {target:g}|"
    if goal != OWN:
        st.caption(ABOUT[goal])
        return str(goal), GOALS[goal] if goal != EASY else EASY
    text = st.text_input(
        "Expression, to be maximised",
        "qed - 0.1*sa",
        key="optimise_expression",
        max_chars=300,
        live="400ms",
        help="Numbers, + - * / **, abs, min, max and these scores: " + ", ".join(score_names()),
        persist_state="session",
    ).strip()
    return text, text


def check_expression(text: str, start: Facts | None) -> str:
    """What is wrong with an expression; empty if nothing."""
    if ":" in text:
        return (
            "a function of your own can be searched for by the command "
            "(`python -m domains.smiles.optimise`), not in the app"
        )
    try:
        parse_objective(text, start=start.smiles if start else None)
    except ValueError as error:
        return str(error)
    return ""


def limits() -> dict[str, tuple[float | None, float | None]]:
    """Draws the property windows; gives those that are set."""
    low: dict[str, float] = {}
    high: dict[str, float] = {}
    for name in RANGES:
        property_window(name, low, high, "optimise")
    return {name: (low.get(name), high.get(name)) for name in RANGES if name in {*low, *high}}


def goal_controls(start: Facts | None) -> Goal | None:
    """Draws the settings; None, with the reason shown, when they are not usable.

    Args:
        start: the molecule to start from, if there is one.
    """
    st.subheader("Goal", anchor=False)
    expression, label = expression_of()
    if message := check_expression(expression, start):
        st.error(literal(message[:1].upper() + message[1:]).replace("\\`", "`"))
    st.subheader("Constraints", anchor=False)
    similarity = st.slider(
        "Similarity to the start, at least",
        0.0,
        1.0,
        0.4,
        0.05,
        key="optimise_similarity",
        disabled=start is None,
        help="Tanimoto similarity of Morgan fingerprints (radius 2). 0 sets no limit.",
        persist_state="session",
    )
    alerts = st.pills(
        "No alerts of",
        list(CATALOG_NAMES),
        selection_mode="multi",
        format_func=CATALOG_NAMES.__getitem__,
        key="optimise_alerts",
        help="Substructures that medicinal chemists avoid, by RDKit's catalogues.",
        persist_state="session",
    )
    has_scaffold = start is not None and bool(start.scaffold)
    keep = st.toggle(
        "Keep the scaffold",
        key="optimise_scaffold",
        disabled=not has_scaffold,
        help="The Bemis-Murcko scaffold of the start stays a part of every molecule."
        if has_scaffold
        else "There is no start molecule with rings.",
        persist_state="session",
    )
    with st.expander("Property windows"):
        bounds = limits()
    st.subheader("Search", anchor=False)
    left, right = st.columns(2)
    most = at_most(MOST_BUDGET)
    budget = left.number_input(
        "Budget",
        LEAST_BUDGET,
        most,
        min(300, most),
        50,
        key="optimise_budget",
        help="Most calls of the score. A molecule that was scored before costs nothing.",
        persist_state="session",
    )
    seed = right.number_input("Seed", 0, 2**31 - 1, 0, key="optimise_seed", persist_state="session")
    note_limit(most)
    method = st.selectbox(
        "Method",
        METHODS,
        format_func=lambda name: METHOD_NAMES.get(name, name),
        key="optimise_method",
        persist_state="session",
    )
    radius = st.slider(
        "First steps",
        0.1,
        1.5,
        0.5,
        0.1,
        key="optimise_radius",
        help="Size of the first steps away from the start, in units of the codes' own spread.",
        persist_state="session",
    )
    if message:
        return None
    asked: dict[str, object] = {
        "objective": expression,
        "start": start.smiles if start else None,
        "similarity": similarity if start else 0.0,
        "alerts": ",".join(alerts) or "none",
        "scaffold": start.scaffold if start and keep and has_scaffold else None,
        "bounds": {name: list(pair) for name, pair in bounds.items()},
        "budget": min(int(budget), most),
        "method": method,
        "radius": radius,
        "seed": int(seed),
    }
    objective = parse_objective(
        expression,
        start=start.smiles if start else None,
        similarity=similarity if start else 0.0,
        alerts_none=",".join(alerts) if alerts else False,
        scaffold=start.scaffold if start and keep and has_scaffold else None,
        bounds=bounds,
    )
    return Goal(objective, label, asked)
