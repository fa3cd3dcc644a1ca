"""The model card of a bundle, and the picture of its front along the dial."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from tvae_core.evaluate import Evaluation
from tvae_core.files import write_whole


def model_card(manifest: dict[str, Any], evaluation: Evaluation) -> str:
    """The README.md of a bundle in Markdown, from its manifest and evaluation alone."""
    from tvae_core.commands import dial_table

    name, settings, data = manifest["domain"], manifest["settings"], manifest["data"]
    metrics = evaluation.metrics
    shown = "\n".join(f"| `{key}` | {value:.4g} |" for key, value in metrics.items())
    flags = " ".join(manifest["presets"])
    return f"""# A {name} bundle

A Transformer-VAE of {manifest["parameters"] / 1e6:.2f} million parameters;
{settings.get("n_latent", "?")} x {settings.get("latent_size", "?")} numbers a code.

| | |
|---|---|
| data | {data.get("source")} |
| licence of the data | {data.get("licence")} |
| training | `python -m domains.{name}.train {flags}`, seed {manifest["seed"]} |
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


_LINES = (
    ("prior_valid", "valid prior samples", "tab:blue"),
    ("interpolation_valid", "valid interpolations", "tab:orange"),
)


def plot_format(path: Path) -> str:
    """The format of a plot's file by its ending; raises `ValueError` for another one."""
    kind = path.suffix.lower().lstrip(".")
    if kind not in ("svg", "png", "pdf"):
        raise ValueError(f"{path}: a plot is written as .svg, .png or .pdf")
    return kind


def draw_front(evaluation: Evaluation, path: Path) -> None:
    """Draws the front (reconstruction, validity) over the dial, each point a setting.

    Args:
        evaluation: with its dial measured.
        path: a .svg, .png or .pdf file; written whole.

    Raises:
        ValueError: for another ending.
    """
    from matplotlib.figure import Figure

    kind = plot_format(path)
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    settings = [row["fidelity"] for row in evaluation.dial]
    across = [row["reconstruction_exact"] for row in evaluation.dial]
    for key, title, colour in _LINES:
        up = [row[key] for row in evaluation.dial]
        axes.plot(across, up, marker="o", label=title, color=colour)
    last: float | None = None
    for x, row, setting in zip(across, evaluation.dial, settings, strict=True):
        if last is None or abs(row["prior_valid"] - last) > 0.04:
            spot = (x, row["prior_valid"])
            axes.annotate(
                f"{setting:g}", spot, textcoords="offset points", xytext=(6, 6), fontsize=8
            )
            last = row["prior_valid"]
    axes.set(
        xlim=(0, 1),
        ylim=(0, 1.02),
        xlabel="exact reconstruction (numbers: setting of the dial)",
        ylabel="valid share",
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, metadata={"Date": None} if kind == "svg" else None)
    write_whole(path, buffer.getvalue())
