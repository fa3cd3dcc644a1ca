"""The model card of a bundle, and the picture of its front along the dial."""

from __future__ import annotations

from typing import Any

from tvae_core.evaluate import Evaluation


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


_SIZE, _LEFT, _TOP, _SIDE = (640, 400), 60, 24, 320
_LINES = (
    ("prior_valid", "valid prior samples", "#1f77b4"),
    ("interpolation_valid", "valid interpolations", "#d95f02"),
)


def front_svg(evaluation: Evaluation) -> str:
    """The front (reconstruction, validity) over the dial as a drawing, each point a setting."""

    def place(x: float, y: float) -> tuple[float, float]:
        return _LEFT + x * (_SIDE + 180), _TOP + (1 - y) * _SIDE

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE[0]} {_SIZE[1]}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_SIZE[0]}" height="{_SIZE[1]}" fill="white"/>',
    ]
    for tick in (0, 0.2, 0.4, 0.6, 0.8, 1.0):
        (x, bottom), (left, y) = place(tick, 0), place(0, tick)
        parts.append(f'<line x1="{x}" y1="{_TOP}" x2="{x}" y2="{bottom}" stroke="#ddd"/>')
        parts.append(f'<line x1="{left}" y1="{y}" x2="{place(1, 0)[0]}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{tick:g}</text>')
    for index, (key, title, colour) in enumerate(_LINES):
        rows = [r for r in evaluation.dial if r.get(key, float("nan")) == r.get(key)]
        points = [place(r["reconstruction_exact"], r[key]) for r in rows]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, y), row in zip(points, rows, strict=True):
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
            if index == 0:
                parts.append(
                    f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle" font-size="10">'
                    f"{row['fidelity']:g}</text>"
                )
        y = _TOP + _SIDE - 34 + 18 * index
        parts.append(f'<circle cx="{_LEFT + 16}" cy="{y - 4}" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{_LEFT + 28}" y="{y}">{title}</text>')
    centre = place(0.5, 0)
    parts.append(
        f'<text x="{centre[0]}" y="{centre[1] + 38}" text-anchor="middle">'
        "exact reconstruction (numbers: setting of the dial)</text>"
    )
    parts.append("</svg>")
    return "\n".join(parts) + "\n"
