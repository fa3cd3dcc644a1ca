"""Histograms of scores, over those of the training set where they are known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from apps.items.facts import Item
from apps.items.hooks import Histogram
from apps.items.spec import ScoreView
from tvae_core.domain import FloatArray

OWN, TRAINING = "#0d9488", "#8fa3a6"
FEWEST_BINS, BINS = 16, 36
TAIL = 0.002
MOST_COUNTS = 40


def key_html(noun: str) -> str:
    """What the colours of a histogram are."""
    return (
        f"<div class='key'><span><i class='main'></i>these {noun}</span>"
        "<span><i class='plain'></i>training set</span></div>"
    )


def values_of(items: Sequence[Item], name: str) -> FloatArray:
    """A score of items, `(len(items),)`; NaN where it is not defined."""
    return np.array([item.scores.get(name, math.nan) for item in items], dtype=np.float64)


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


def is_whole(values: FloatArray) -> bool:
    """Whether all values are whole numbers."""
    known = values[np.isfinite(values)]
    return bool(len(known)) and bool(np.all(known == np.round(known)))


def histogram_figure(
    view: ScoreView,
    noun: str,
    values: FloatArray,
    reference: Histogram | None = None,
    height: int = 220,
) -> go.Figure:
    """Shares of items by a score, over those of the reference.

    Args:
        view: of the score.
        noun: what the items are called.
        values: `(n,)`; NaN is left out.
        reference: drawn behind, if there is one.
        height: in pixels.
    """
    whole = is_whole(values) if reference is None else reference.whole
    edges = bin_edges(values, reference, whole)
    middle, wide = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    known = np.clip(values[np.isfinite(values)], edges[0], edges[-1])
    own = np.histogram(known, edges)[0] / max(len(known), 1)
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
        name=f"these {noun}",
        hovertemplate="%{y:.1%}<extra>%{fullData.name}</extra>",
    )
    figure.update_layout(
        height=height,
        barmode="overlay",
        bargap=0,
        showlegend=False,
        hovermode="x unified",
        margin={"l": 8, "r": 8, "t": 34, "b": 8},
        title={"text": view.title, "font": {"size": 14}, "x": 0, "y": 0.97, "pad": {"l": 4}},
    )
    figure.update_yaxes(tickformat=".0%", nticks=4, rangemode="tozero", automargin=True)
    figure.update_xaxes(
        range=[edges[0], edges[-1]],
        nticks=6,
        automargin=True,
        hoverformat=".0f" if whole or view.form == "yes" else view.form,
        tickformat="d" if whole else None,
    )
    return figure
