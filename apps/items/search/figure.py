"""How a search went: the best so far over the calls of the score."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from apps.common.page import plain_label
from tvae_core.search.search import Call, Search

BEST_COLOUR, FEASIBLE_COLOUR, BROKEN_COLOUR = "#0d9488", "#0d9488", "#dc5a4b"


def history_figure(search: Search, label: str) -> go.Figure:
    """The best so far over the calls of the score, and every call as a point.

    Args:
        search: what there is of it.
        label: of the score.
    """
    calls = [call for call in search.calls if not math.isnan(call.score)]
    path = search.path()
    figure = go.Figure()
    for feasible, name, colour, symbol in (
        (False, "breaks a constraint", BROKEN_COLOUR, "x-thin"),
        (True, "tried", FEASIBLE_COLOUR, "circle"),
    ):
        some = [call for call in calls if call.feasible is feasible]
        figure.add_scattergl(
            x=[call.number for call in some],
            y=[call.score for call in some],
            mode="markers",
            name=name,
            marker={
                "size": 5,
                "symbol": symbol,
                "color": colour,
                "opacity": 0.35,
                "line": {"width": 1, "color": colour} if not feasible else {"width": 0},
            },
            text=[plain_label(call.text[:60]) for call in some],
            hovertemplate="%{y:.3g} · call %{x}<br>%{text}<extra></extra>",
        )
    ends = [search.spent] if path else []
    figure.add_scatter(
        x=[call.number for call in path] + ends,
        y=[call.score for call in path] + [path[-1].score] * len(ends),
        mode="lines",
        line={"shape": "hv", "width": 2.5, "color": BEST_COLOUR},
        name="best so far",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=[call.number for call in path],
        y=[call.score for call in path],
        mode="markers",
        marker={"size": 9, "color": BEST_COLOUR, "line": {"width": 1.5, "color": "white"}},
        showlegend=False,
        text=[plain_label(call.text[:60]) for call in path],
        hovertemplate="improved to %{y:.3g} · call %{x}<br>%{text}<extra></extra>",
    )
    figure.update_layout(
        height=330,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        uirevision="search",
    )
    figure.update_xaxes(
        title="calls of the score", range=[-0.015 * search.budget, 1.015 * search.budget]
    )
    figure.update_yaxes(title=plain_label(label), automargin=True, **_sight(calls, path))
    return figure


def _sight(calls: Sequence[Call], path: Sequence[Call]) -> dict[str, object]:
    """A range that keeps the path in sight where a few scores are far below it."""
    scores = sorted(call.score for call in calls)
    if not scores:
        return {}
    low, high = scores[len(scores) // 20], scores[-1]
    if path:
        low = min(low, path[0].score)
    room = max((high - low) * 0.06, 0.02 * max(abs(high), 1))
    return {"range": [low - room, high + room]}
