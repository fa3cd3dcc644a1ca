"""Molecules as cards: numbers written the same way everywhere, alerts, novel or known, why not."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from apps.common.cards import Card, Chip, Click, caret_lines
from apps.common.page import go
from apps.molecule_parts.facts import Facts, alerts_of, drawing
from domains.smiles.chem.alerts import Alert
from domains.smiles.chem.scores import SCORES

LABELS: dict[str, tuple[str, str]] = {
    "qed": ("QED", ".2f"),
    "sa": ("SA", ".1f"),
    "logp": ("logP", ".1f"),
    "weight": ("MW", ".0f"),
    "tpsa": ("TPSA", ".0f"),
    "lipinski": ("Ro5 breaks", ".0f"),
    "heavy_atoms": ("Heavy atoms", ".0f"),
    "rings": ("Rings", ".0f"),
    "similarity": ("Similarity", ".2f"),
    "scaffold_match": ("Scaffold", ".0f"),
}
"""How a score is called and written, by its name in `domains.smiles.chem.scores`."""

ON_CARDS = ("qed", "sa", "logp", "weight", "tpsa", "lipinski")
ALL_SCORES = (*ON_CARDS, "heavy_atoms", "rings")

ACTIONS = (
    ("open", "Open", "Look at this molecule on the Molecule page"),
    ("from", "Walk from", "Start a walk here"),
    ("to", "Walk to", "End a walk here"),
)
OPTIMISE = ("lead", "Optimise", "Search for a higher score from here")
CARET_WIDTH = 22


def written(name: str, value: float) -> str:
    """A score as it is written everywhere; a dash where it is not defined."""
    if math.isnan(value):
        return "–"
    return re.sub(r"^-(0(?:\.0*)?)$", r"\1", format(value, LABELS[name][1])).replace("-", "−")


def meaning(name: str) -> str:
    """What a score is, for hover texts."""
    score = SCORES[name]
    return score.description + (f" ({score.unit})" if score.unit else "")


def _values(scores: Mapping[str, float], names: Sequence[str]) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (LABELS[name][0], written(name, scores[name]), meaning(name))
        for name in names
        if name in scores
    )


def alert_chips(alerts: Sequence[Alert]) -> tuple[Chip, ...]:
    """A chip for each alert, and one that says so where there is none."""
    if not alerts:
        return (Chip("no alerts", "plain", "no PAINS or BRENK alert"),)
    return tuple(Chip(alert.name.replace("_", " "), "warn", "structural alert") for alert in alerts)


def novel_chip(novel: bool | None) -> tuple[Chip, ...]:
    """Whether the training set has the molecule; nothing where that is not known."""
    if novel is None:
        return ()
    if novel:
        return (Chip("novel", "good", "not in the training set"),)
    return (Chip("known", "plain", "in the training set (1 novel molecule in 256 looks so too)"),)


def molecule_card(
    facts: Facts,
    id: str,
    *,
    novel: bool | None = None,
    extra: Mapping[str, float] | None = None,
    heading: str = "",
    reason: str = "",
    chips: Sequence[Chip] = (),
    names: Sequence[str] = ON_CARDS,
    actions: Sequence[tuple[str, str, str]] = ACTIONS,
    marked: Sequence[int] | None = None,
    size: tuple[int, int] = (300, 200),
    pick: str = "",
    selected: bool = False,
) -> Card:
    """The card of a text: the molecule with its scores, or why it is none.

    Args:
        facts: of the text.
        id: of the card.
        novel: whether the training set lacks it.
        extra: scores shown after the others, such as `similarity`.
        heading: a line above.
        reason: why a valid molecule was rejected.
        chips: before those of alerts and novelty.
        names: scores to show.
        actions: buttons of a valid molecule.
        marked: atoms to highlight; by default those of its alerts.
        size: of the drawing.
        pick: what a click on the drawing does.
        selected: draws a frame.
    """
    if not facts.ok:
        return Card(
            id,
            text=facts.text,
            caret=caret_lines(facts.text, facts.position, CARET_WIDTH),
            heading=heading,
            reason=f"Invalid: {facts.why}",
            chips=tuple(chips),
            pick=pick,
            selected=selected,
        )
    alerts = alerts_of(facts)
    atoms = sorted({a for alert in alerts for a in alert.atoms}) if marked is None else marked
    return Card(
        id,
        text=facts.smiles,
        picture=slim(drawing(facts.smiles, tuple(atoms), size)),
        alt=f"structure of {facts.smiles}",
        heading=heading,
        reason=reason,
        values=_values({**facts.scores, **(extra or {})}, [*names, *(extra or {})]),
        chips=(*chips, *novel_chip(novel), *alert_chips(alerts)),
        actions=tuple(actions),
        pick=pick,
        selected=selected,
    )


def slim(svg: str) -> str:
    """An RDKit drawing without the classes that it puts on every line: half the bytes."""
    return re.sub(r" class='[^']*'", "", svg)


def follow(click: Click | None, smiles: Mapping[str, str]) -> None:
    """Does what a card's button says; `smiles` has the molecule of every card by its id."""
    if click is None or click.id not in smiles:
        return
    chosen = smiles[click.id]
    if click.action == "open":
        go("molecule", smiles=chosen)
    elif click.action == "from":
        go("walk", start=chosen)
    elif click.action == "to":
        go("walk", end=chosen)
    elif click.action == "lead":
        go("optimise", lead=chosen)
