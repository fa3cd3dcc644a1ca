"""The way between two items: similarity to both ends as a plot, and what came of it in words."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import plotly.graph_objects as go

START_COLOUR, END_COLOUR, INVALID_COLOUR = "#0d9488", "#d97706", "#dc5a4b"


def similarity_figure(
    share: Sequence[float],
    to_start: Sequence[float | None],
    to_end: Sequence[float | None],
    measure: str = "similarity",
) -> go.Figure:
    """Similarity to both ends along the path; invalid steps are crosses at the foot.

    Args:
        share: of the way, 0..1, for each point.
        to_start: similarity to the first item; None where the point is invalid.
        to_end: similarity to the last item, likewise.
        measure: what the axis is called.
    """
    figure = go.Figure()
    for values, name, colour in (
        (to_start, "to the first", START_COLOUR),
        (to_end, "to the last", END_COLOUR),
    ):
        figure.add_scatter(
            x=list(share),
            y=list(values),
            name=name,
            mode="lines+markers",
            connectgaps=True,
            line={"color": colour, "width": 2.5},
            marker={"size": 8},
            hovertemplate="%{y:.2f}<extra>%{fullData.name}</extra>",
        )
    broken = [t for t, value in zip(share, to_start, strict=True) if value is None]
    figure.add_scatter(
        x=broken,
        y=[0] * len(broken),
        name="invalid",
        mode="markers",
        marker={"symbol": "x", "size": 9, "color": INVALID_COLOUR},
        hovertemplate="invalid<extra></extra>",
        visible=True if broken else "legendonly",
    )
    figure.update_layout(
        height=280,
        margin={"l": 10, "r": 10, "t": 34, "b": 10},
        legend={"orientation": "h", "y": 1.18, "x": 0},
        hovermode="x unified",
    )
    figure.update_xaxes(title="share of the way", range=[-0.03, 1.03], tickformat=".0%")
    figure.update_yaxes(title=measure, range=[-0.06, 1.06])
    return figure


def walk_summary(
    forms: Sequence[Hashable | None], start: Hashable, end: Hashable, noun: str
) -> str:
    """Validity and variety between the ends, in words.

    Args:
        forms: what tells items apart, for each point; None where it is invalid.
        start: that of the first item.
        end: that of the last item.
        noun: what items are called, in the plural.
    """
    inner = forms[1:-1]
    valid = [form for form in inner if form is not None]
    new = set(valid) - {start, end}
    ends = sum((forms[0] == start, forms[-1] == end))
    reached = {2: "both ends come back", 1: "one end comes back", 0: "neither end comes back"}
    return (
        f"**{len(valid)} of {len(inner)} steps between are valid**, {len(new)} distinct new "
        f"{noun}; {reached[ends]}."
    )
