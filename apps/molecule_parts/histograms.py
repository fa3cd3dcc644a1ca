"""Histograms of properties over those of the training set, and in words where they differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from apps.molecule_parts.facts import Facts
from apps.molecule_parts.view import LABELS, meaning
from domains.smiles.chem.distributions import Difference, FloatArray, Histogram

OWN, TRAINING = "#0d9488", "#8fa3a6"
FEWEST_BINS, BINS = 16, 36
TAIL = 0.002
MOST_COUNTS = 40

KEY = (
    "<div class='key'><span><i class='main'></i>these molecules</span>"
    "<span><i class='plain'></i>training set</span></div>"
)
NAMES = {"weight": "weight", "heavy_atoms": "heavy atoms", "rings": "the number of rings"}


def in_words(name: str) -> str:
    """A property as it stands in a sentence."""
    return NAMES.get(name, LABELS[name][0])


def values_of(facts: Sequence[Facts], name: str) -> FloatArray:
    """A score of valid molecules, `(len(facts),)`."""
    return np.array([item.scores.get(name, math.nan) for item in facts], dtype=np.float64)


def bin_edges(values: FloatArray, reference: Histogram | None, whole: bool) -> FloatArray:
    """Edges that show both, without letting a few far values squeeze the rest."""
    known = values[np.isfinite(values)]
    ends = [*np.quantile(known, (TAIL, 1 - TAIL))] if len(known) else []
    if reference is not None:
        grid = np.array(reference.edges)
        below = reference.share_below(grid)
        ends += [grid[below >= TAIL][0] if whole else np.interp(TAIL, below, grid)]
        ends += [grid[below <= 1 - TAIL][-1] if whole else np.interp(1 - TAIL, below, grid)]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    if whole:
        first, last = math.floor(low), math.ceil(high)
        step = max(1, math.ceil((last - first + 1) / MOST_COUNTS))
        return np.asarray(np.arange(first, last + step + 1, step) - 0.5, dtype=np.float64)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    bins = int(np.clip(3 * math.sqrt(len(known)), FEWEST_BINS, BINS))
    return np.linspace(low, high, bins + 1)


def histogram_figure(
    name: str, values: FloatArray, reference: Histogram | None = None, height: int = 220
) -> go.Figure:
    """Shares of the molecules by a property, over those of the reference.

    Args:
        name: of the property.
        values: `(n,)`; NaN is left out.
        reference: drawn behind, if there is one.
        height: in pixels.
    """
    whole = LABELS[name][1] == ".0f" and name not in ("weight", "tpsa")
    edges = bin_edges(values, reference, whole)
    middle, wide = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    known = np.clip(values[np.isfinite(values)], edges[0], edges[-1])
    own = np.histogram(known, edges)[0] / max(len(known), 1)
    label = LABELS[name][0]
    figure = go.Figure()
    if reference is not None:
        below = reference.share_below(edges)
        below[0], below[-1] = 0.0, 1.0
        figure.add_bar(
            x=middle,
            y=np.diff(below),
            width=wide,
            marker={"color": TRAINING, "opacity": 0.55, "line": {"width": 0}},
            name="training set",
            hovertemplate="%{y:.1%}<extra>training set</extra>",
        )
    figure.add_bar(
        x=middle,
        y=own,
        width=wide * (0.6 if whole else 1),
        marker={
            "color": "rgba(13,148,136,0.45)",
            "line": {"width": np.where(own > 0, 1.2, 0), "color": OWN},
        },
        name="these molecules",
        hovertemplate="%{y:.1%}<extra>these molecules</extra>",
    )
    figure.update_layout(
        height=height,
        barmode="overlay",
        bargap=0,
        showlegend=False,
        hovermode="x unified",
        margin={"l": 8, "r": 8, "t": 34, "b": 8},
        title={"text": label, "font": {"size": 14}, "x": 0, "y": 0.97, "pad": {"l": 4}},
    )
    figure.update_yaxes(tickformat=".0%", nticks=4, rangemode="tozero", automargin=True)
    figure.update_xaxes(
        range=[edges[0], edges[-1]],
        nticks=6,
        automargin=True,
        hoverformat=".0f" if whole else LABELS[name][1],
        tickformat="d" if whole else None,
    )
    return figure


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
    return f"{value:.2f}" if LABELS[name][1] != ".0f" else f"{value:.1f}"


def difference_rows(differences: Mapping[str, Difference]) -> list[dict[str, object]]:
    """A table's rows, the largest relative distance first."""
    order = sorted(differences, key=lambda name: -np.nan_to_num(differences[name].relative))
    return [
        {
            "Property": LABELS[name][0],
            "Mean": _number(name, item.mean),
            "Training set": _number(name, item.reference_mean),
            "Wasserstein-1": float(f"{item.w1:.3g}"),
            "By chance": float(f"{item.chance:.3g}"),
            "In standard deviations": float(f"{item.relative:.3g}"),
            "What it is": meaning(name),
        }
        for name in order
        for item in (differences[name],)
    ]
