"""The 2-D map of a latent space: places of items, and codes for the places between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import plotly.graph_objects as go
import torch
from torch import Tensor

from apps.common.page import plain_label
from tvae_core.space.paths import Projection

GRID = 17
MARGIN = 0.06
PALETTE = (
    "#0d9488", "#d97706", "#4f6bd8", "#c2417c", "#65a30d", "#7c3aed",
    "#0891b2", "#b45309", "#be123c", "#475569", "#a3a000", "#9d174d",
)  # fmt: skip
OTHER = "#a9b4b8"

Item = TypeVar("Item")


@dataclass(frozen=True)
class Landscape(Generic[Item]):
    """Items with their codes and places on the map.

    Attributes:
        facts: what is known of each item, all of them distinct and valid.
        codes: `(n, n_latent, latent_size)`.
        places: `(n, 2)`.
        projection: codes to places and back.
    """

    facts: list[Item]
    codes: Tensor
    places: Tensor
    projection: Projection

    @classmethod
    def of(cls, facts: list[Item], codes: Tensor) -> Landscape[Item]:
        """Fits the map to codes.

        Raises:
            ValueError: for fewer than three items.
        """
        projection = Projection.fit(codes)
        return cls(facts, codes, projection.to_2d(codes), projection)

    def code_at(self, place: tuple[float, float]) -> Tensor:
        """A code that lies at a place: that of the nearest item, moved there in the plane.

        The plane's own codes lie near the middle of the space, where no item does; what the
        nearest item has outside the plane is kept instead.

        Returns:
            `(1, n_latent, latent_size)`.
        """
        wanted = torch.tensor([place])
        nearest = int((self.places - wanted).square().sum(1).argmin())
        step = (wanted - self.places[nearest]) @ self.projection.axes
        return self.codes[nearest : nearest + 1] + step.unflatten(1, self.projection.shape)

    def background(self) -> Tensor:
        """Places of a coarse grid over the map, `(GRID * GRID, 2)`."""
        low, high = self.places.min(0).values, self.places.max(0).values
        room = (high - low) * MARGIN
        low, high = low - room, high + room
        across = [torch.linspace(float(low[i]), float(high[i]), GRID) for i in (0, 1)]
        return torch.cartesian_prod(*across)


def base_figure(land: Landscape[Any], names: bool) -> go.Figure:
    """An empty map: a faint grid of places to click, axes, a legend if there are names."""
    figure = go.Figure()
    grid = land.background()
    figure.add_scatter(
        x=grid[:, 0].tolist(),
        y=grid[:, 1].tolist(),
        mode="markers",
        marker={"size": 5, "color": "#80919a", "opacity": 0.28},
        name="empty places",
        showlegend=False,
        unselected={"marker": {"opacity": 0.28}},
        selected={"marker": {"opacity": 1.0, "size": 10, "color": "#d9480f"}},
        hovertemplate="decode this place<extra></extra>",
        customdata=[["place", i] for i in range(len(grid))],
    )
    one, two = land.projection.share
    figure.update_layout(
        height=560,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        showlegend=names,
        legend={"orientation": "h", "y": -0.14, "x": 0},
        clickmode="event+select",
        dragmode="pan",
    )
    figure.update_xaxes(title=f"component 1 ({one:.0%} of the variance)", zeroline=False)
    figure.update_yaxes(title=f"component 2 ({two:.0%})", zeroline=False)
    return figure


def add_by_score(
    figure: go.Figure,
    land: Landscape[Any],
    values: Sequence[float],
    title: str,
    texts: Sequence[str],
    name: str,
) -> None:
    """The items, coloured by a number; `texts` is what is shown on hover, `name` what they are."""
    figure.add_scatter(
        x=land.places[:, 0].tolist(),
        y=land.places[:, 1].tolist(),
        mode="markers",
        marker={
            "size": 9,
            "color": list(values),
            "colorscale": "Viridis",
            "line": {"width": 0.6, "color": "white"},
            "colorbar": {"title": {"text": title}, "thickness": 12, "len": 0.85},
        },
        name=name,
        showlegend=False,
        unselected={"marker": {"opacity": 0.5}},
        selected={"marker": {"opacity": 1.0, "size": 14}},
        text=list(texts),
        hovertemplate="%{text}<extra></extra>",
        customdata=[["item", i] for i in range(len(land.facts))],
    )


def add_by_label(
    figure: go.Figure, land: Landscape[Any], labels: Sequence[str], texts: Sequence[str]
) -> None:
    """The items, a colour for each of the most frequent labels and grey for the others."""
    counts = {label: labels.count(label) for label in dict.fromkeys(labels)}
    frequent = sorted(filter(None, counts), key=lambda label: (-counts[label], label))
    named = sorted(frequent[: len(PALETTE)])
    colours = dict(zip(named, PALETTE, strict=False))
    for group in [*named, None]:
        rows = [
            i for i, label in enumerate(labels) if (label if label in colours else None) == group
        ]
        if not rows:
            continue
        figure.add_scatter(
            x=land.places[rows, 0].tolist(),
            y=land.places[rows, 1].tolist(),
            mode="markers",
            marker={
                "size": 9,
                "color": OTHER if group is None else colours[group],
                "line": {"width": 0.6, "color": "white"},
            },
            name="others" if group is None else plain_label(group),
            unselected={"marker": {"opacity": 0.5}},
            selected={"marker": {"opacity": 1.0, "size": 14}},
            text=[texts[i] for i in rows],
            hovertemplate="%{text}<extra></extra>",
            customdata=[["item", i] for i in rows],
        )


def add_marks(figure: go.Figure, land: Landscape[Any], marks: Mapping[str, Tensor]) -> None:
    """Marked codes `(n, n_latent, latent_size)` by name, as stars; several are joined."""
    for name, codes in marks.items():
        places = land.projection.to_2d(codes)
        figure.add_scatter(
            x=places[:, 0].tolist(),
            y=places[:, 1].tolist(),
            mode="lines+markers" if len(places) > 1 else "markers",
            marker={"symbol": "star", "size": 14 if len(places) == 1 else 10, "color": "#d9480f"},
            line={"color": "#d9480f", "width": 1.5},
            name=plain_label(name),
            hovertemplate="%{fullData.name}<extra></extra>",
            customdata=[["mark", i] for i in range(len(places))],
        )


def chosen_points(event: Any, land: Landscape[Any]) -> tuple[list[int], list[int]]:
    """Items and empty places that are selected, by number."""
    items: list[int] = []
    places: list[int] = []
    for point in event.selection.points if event is not None else []:
        kind, number = point.get("customdata") or (None, None)
        if kind == "item" and number < len(land.facts):
            items.append(int(number))
        elif kind == "place":
            places.append(int(number))
    return items, places
