"""Items as rows of a table: a drawing, scores in columns of their own, how columns are drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from apps.items.facts import Item
from apps.items.spec import ScoreView, Spec

PICTURES = ("Picture", "Comes back as", "Neighbour")


def score_cells(spec: Spec, item: Item, names: Sequence[str]) -> dict[str, object]:
    """Scores as cells, by the title of their columns."""
    return {
        spec.cards.scores[name].title: item.scores.get(name, math.nan)
        for name in names
        if name in item.scores or not item.ok
    }


def _number(view: ScoreView) -> Any:
    if view.form == "yes":
        return st.column_config.NumberColumn(format="%.0f", help=view.about)
    form = "percent" if view.form.endswith("%") else f"%{view.form}"
    return st.column_config.NumberColumn(format=form, help=view.about)


def column_config(spec: Spec, rows: Sequence[Mapping[str, object]]) -> dict[str, Any]:
    """How the columns of a table are drawn; those that are empty are left out."""
    near = spec.cards.similarity
    config: dict[str, Any] = {
        "Line": st.column_config.NumberColumn(width=50, pinned=True, help="of the file"),
        "Name": st.column_config.TextColumn(width=110),
        "Score": st.column_config.NumberColumn(format="%.3f"),
        "Similarity": st.column_config.NumberColumn(format="%.2f", help=near.about),
        "Outcome": st.column_config.TextColumn(width="medium"),
        "Novel": st.column_config.CheckboxColumn(help="not in the training set"),
        "Call": st.column_config.NumberColumn(help="when it was scored"),
    }
    config |= {name: st.column_config.ImageColumn(width=170) for name in PICTURES}
    config |= {view.title: _number(view) for view in spec.cards.scores.values()}
    for name in ("Name", "Novel", *PICTURES):
        if not any(row.get(name) not in (None, "") for row in rows):
            config[name] = None
    return config
