"""The model card of a bundle."""

from __future__ import annotations

from typing import Any

from tvae_core.evaluation.evaluate import Evaluation
from tvae_core.evaluation.tables import dial_table


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
