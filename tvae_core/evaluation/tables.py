"""An evaluation as tables, for the terminal and for the model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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


def model_card(manifest: dict[str, Any], evaluation: Evaluation) -> str:
    """The README.md of a bundle in Markdown, from its manifest and evaluation alone."""
    name, settings, data = manifest["domain"], manifest["settings"], manifest["data"]
    metrics = evaluation.metrics
    shown = "\n".join(f"| `{key}` | {value:.4g} |" for key, value in metrics.items())
    flags, start = " ".join(manifest["presets"]), manifest.get("start")
    begun = f"\n| began with the weights of | the bundle `{start}` |" if start else ""
    flags += " --start BUNDLE" if start else ""
    return f"""# A {name} bundle

A Transformer-VAE of {manifest["parameters"] / 1e6:.2f} million parameters;
{settings.get("n_latent", "?")} x {settings.get("latent_size", "?")} numbers a code.

| | |
|---|---|
| data | {data.get("source")} |
| licence of the data | {data.get("licence")} |
| training | `python -m domains.{name}.train {flags}`, seed {manifest["seed"]} |{begun}
| steps | {manifest["steps"]:,} |
| items seen | {manifest["items_seen"]:,} |
| machine | {manifest["machine"]} |

`python -m domains.{name}.evaluate PATH` measures it again; the figures of the end of training, on
{metrics.get("n", 0):.0f} held-out items and {metrics.get("n_samples", 0):.0f} prior samples:

| metric | value |
|---|---|
{shown}

Along the fidelity dial (1: follow the code; 0: stay valid):

{dial_table(evaluation, markdown=True)}
"""
