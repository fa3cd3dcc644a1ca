"""The 2-D map of the latent space: places of molecules, and codes for places between them."""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go
import torch
from torch import Tensor

from apps.molecule_parts.facts import Facts
from apps.molecule_parts.view import LABELS, written
from tvae_core.latent_ops import Projection

GRID = 17
MARGIN = 0.06


@dataclass(frozen=True)
class Landscape:
    """Molecules with their codes and places on the map.

    Attributes:
        facts: distinct valid molecules.
        codes: `(n, n_latent, latent_size)`.
        places: `(n, 2)`.
        projection: codes to places and back.
    """

    facts: list[Facts]
    codes: Tensor
    places: Tensor
    projection: Projection

    @classmethod
    def of(cls, facts: list[Facts], codes: Tensor) -> Landscape:
        """Fits the map to codes.

        Raises:
            ValueError: for fewer than three molecules.
        """
        projection = Projection.fit(codes)
        return cls(facts, codes, projection.to_2d(codes), projection)

    def code_at(self, place: tuple[float, float]) -> Tensor:
        """A code that lies at a place: that of the nearest molecule, moved there in the plane.

        The plane's own codes lie near the middle of the space, where no molecule does; what the
        nearest molecule has outside the plane is kept instead.

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


def map_figure(land: Landscape, score: str, marks: dict[str, Tensor]) -> go.Figure:
    """The map: a faint grid of empty places, molecules coloured by a score, marked ones.

    Args:
        land: what to show.
        score: name of the score.
        marks: codes `(n, n_latent, latent_size)` of marked molecules by name; several are joined.
    """
    figure = go.Figure()
    grid = land.background()
    figure.add_scatter(
        x=grid[:, 0].tolist(),
        y=grid[:, 1].tolist(),
        mode="markers",
        marker={"size": 5, "color": "#80919a", "opacity": 0.28},
        name="empty places",
        unselected={"marker": {"opacity": 0.28}},
        selected={"marker": {"opacity": 1.0, "size": 10, "color": "#d9480f"}},
        hovertemplate="decode this place<extra></extra>",
        customdata=[["place", i] for i in range(len(grid))],
    )
    values = [item.scores[score] for item in land.facts]
    figure.add_scatter(
        x=land.places[:, 0].tolist(),
        y=land.places[:, 1].tolist(),
        mode="markers",
        marker={
            "size": 9,
            "color": values,
            "colorscale": "Viridis",
            "line": {"width": 0.6, "color": "white"},
            "colorbar": {"title": {"text": LABELS[score][0]}, "thickness": 12, "len": 0.85},
        },
        name="molecules",
        unselected={"marker": {"opacity": 0.5}},
        selected={"marker": {"opacity": 1.0, "size": 14}},
        text=[
            f"{LABELS[score][0]} {written(score, value)}<br>{item.smiles[:60]}"
            for item, value in zip(land.facts, values, strict=True)
        ],
        hovertemplate="%{text}<extra></extra>",
        customdata=[["molecule", i] for i in range(len(land.facts))],
    )
    for name, codes in marks.items():
        places = land.projection.to_2d(codes)
        figure.add_scatter(
            x=places[:, 0].tolist(),
            y=places[:, 1].tolist(),
            mode="lines+markers" if len(places) > 1 else "markers",
            marker={"symbol": "star", "size": 14 if len(places) == 1 else 10, "color": "#d9480f"},
            line={"color": "#d9480f", "width": 1.5},
            name=name,
            hovertemplate=f"{name}<extra></extra>",
            customdata=[["mark", i] for i in range(len(places))],
        )
    one, two = land.projection.share
    figure.update_layout(
        height=560,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        showlegend=bool(marks),
        legend={"orientation": "h", "y": -0.14, "x": 0},
        clickmode="event+select",
        dragmode="pan",
    )
    figure.update_xaxes(title=f"component 1 ({one:.0%} of the variance)", zeroline=False)
    figure.update_yaxes(title=f"component 2 ({two:.0%})", zeroline=False)
    return figure
