"""An evaluation as tables, for the terminal and for model cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tvae_core.evaluation.evaluate import Evaluation
from tvae_core.evaluation.geometry import RADII, SETTINGS
from tvae_core.support import table

COLUMNS = (
    ("fidelity", "fidelity"),
    ("sigma", "sigma"),
    ("reconstruction_exact", "recon."),
    ("cycle_r2", "cycle r2"),
    ("prior_valid", "prior valid"),
    ("prior_unique", "unique"),
    ("prior_novel", "novel"),
    ("interpolation_valid", "interp. valid"),
    ("interpolation_distinct", "distinct"),
    ("interpolation_worst_step", "worst step"),
    ("interpolation_near_similarity", "near sim."),
)
AROUND = (
    ("neighbour_valid", "valid"),
    ("neighbour_same", "same"),
    ("neighbour_distinct", "distinct"),
    ("neighbour_similarity", "similarity"),
)


def dial_table(result: Evaluation, markdown: bool = False) -> str:
    """The evaluation as text: the metrics, then a row for each setting of the dial."""
    columns = [c for c in COLUMNS if any(c[0] in row for row in result.dial)]
    heads = [title for _, title in columns]
    body = [[shown(row.get(key, float("nan"))) for key, _ in columns] for row in result.dial]
    return _below(result.metrics, [heads, *body], markdown)


def geometry_table(result: Evaluation, markdown: bool = False) -> str:
    """The codes' spectrum, then neighbourhoods: a row for each setting and radius.

    Empty for an evaluation without geometry.
    """
    if result.geometry is None:
        return ""
    metrics = result.geometry.metrics
    body = []
    for setting in SETTINGS:
        prefix = "" if setting is None else f"dial_{setting:.2f}_"
        label = "of radius" if setting is None else f"{setting:.2f}"
        for radius in RADII:
            found = [metrics.get(f"{prefix}{key}_r{radius:g}", float("nan")) for key, _ in AROUND]
            body.append([label, f"{radius:g}", *map(shown, found)])
    heads = ["neighbours at", "radius", *(title for _, title in AROUND)]
    alone = {key: value for key, value in metrics.items() if "neighbour" not in key}
    return _below(alone, [heads, *body], markdown)


def _below(metrics: Mapping[str, float], rows: Sequence[Sequence[str]], markdown: bool) -> str:
    """A table below metrics, a line each; in Markdown the table alone."""
    if markdown:
        return table.markdown_table(rows)
    names = table.text_table([(key, shown(value)) for key, value in metrics.items()], "<-")
    return f"{names}\n\n{table.text_table(rows, widths=0)}"


def shown(value: float) -> str:
    """A metric as tables print it; a dash for none."""
    return table.shown(float(value), ".3f", large=".0f")
