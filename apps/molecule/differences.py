"""Where the properties of molecules differ from those of the training set, in words and a table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from apps.molecule.spec import SPEC
from domains.smiles.chem.distributions import Difference

NAMES = {"weight": "weight", "heavy_atoms": "heavy atoms", "rings": "the number of rings"}
SCORES = SPEC.cards.scores


def in_words(name: str) -> str:
    """A property as it stands in a sentence."""
    return NAMES.get(name, SCORES[name].label)


def in_order(differences: Mapping[str, Difference]) -> list[str]:
    """Properties whose difference chance does not explain, the largest first."""
    clear = [name for name, difference in differences.items() if difference.clear]
    return sorted(clear, key=lambda name: -differences[name].relative)


def verdict(differences: Mapping[str, Difference]) -> str:
    """Where the molecules differ most from the training set, in Markdown."""
    known = {name: item for name, item in differences.items() if item.n}
    if not known:
        return "None of these molecules has a property to compare."
    n = max(item.n for item in known.values())
    order = in_order(known)
    if not order:
        few = " With so few molecules only large differences would show." if n < 200 else ""
        return (
            f"**No property differs by more than chance**: {n:,} molecules of the training set "
            f"itself would look alike.{few}"
        )
    first = order[0]
    item = known[first]
    shift = item.mean - item.reference_mean
    amount = "slightly" if item.relative < 0.1 else "moderately" if item.relative < 0.5 else "much"
    if abs(shift) > 0.5 * item.w1:
        direction = "higher" if shift > 0 else "lower"
        how = (
            f"{amount} {direction} on average, {_number(first, item.mean)} against "
            f"{_number(first, item.reference_mean)}"
        )
    else:
        wide = "wider" if item.std > item.reference_std else "narrower"
        how = (
            f"{amount} {wide}, with a standard deviation of {_number(first, item.std)} against "
            f"{_number(first, item.reference_std)} around a similar mean"
        )
    text = (
        f"**They differ most in {in_words(first)}**: {how} (Wasserstein-1 distance "
        f"{item.w1:.2g}, {item.relative:.2g} standard deviations of the training set)."
    )
    others = [f"{in_words(name)} ({known[name].relative:.2g} sd)" for name in order[1:]]
    if others:
        text += f" Then {', '.join(others)}."
    if len(order) < len(known):
        text += " The rest is no further away than chance explains."
    return text


def _number(name: str, value: float) -> str:
    return f"{value:.2f}" if SCORES[name].form != ".0f" else f"{value:.1f}"


def difference_rows(differences: Mapping[str, Difference]) -> list[dict[str, object]]:
    """A table's rows, the largest relative distance first."""
    order = sorted(differences, key=lambda name: -np.nan_to_num(differences[name].relative))
    return [
        {
            "Property": SCORES[name].label,
            "Mean": _number(name, item.mean),
            "Training set": _number(name, item.reference_mean),
            "Wasserstein-1": float(f"{item.w1:.3g}"),
            "By chance": float(f"{item.chance:.3g}"),
            "In standard deviations": float(f"{item.relative:.3g}"),
            "What it is": SCORES[name].about,
        }
        for name in order
        for item in (differences[name],)
    ]
