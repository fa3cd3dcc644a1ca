"""The map of molecules, coloured by a score; see `apps.common.elements.landscape`."""

from __future__ import annotations

import plotly.graph_objects as go
from torch import Tensor

from apps.common.elements.landscape import Landscape, add_by_score, add_marks, base_figure
from apps.molecule.facts import Facts
from apps.molecule.view import LABELS, written


def map_figure(land: Landscape[Facts], score: str, marks: dict[str, Tensor]) -> go.Figure:
    """The map: a faint grid of empty places, molecules coloured by a score, marked ones.

    Args:
        land: what to show.
        score: name of the score.
        marks: codes `(n, n_latent, latent_size)` of marked molecules by name; several are joined.
    """
    figure = base_figure(land, names=bool(marks))
    values = [item.scores[score] for item in land.facts]
    title = LABELS[score][0]
    texts = [
        f"{title} {written(score, value)}<br>{item.smiles[:60]}"
        for item, value in zip(land.facts, values, strict=True)
    ]
    add_by_score(figure, land, values, title, texts, "molecules")
    add_marks(figure, land, marks)
    return figure
