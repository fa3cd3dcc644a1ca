"""Plots: the front along the dial, a page with the space's geometry, curves of a training."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tvae_core.evaluation.intervals import Estimate
from tvae_core.support.files import write_whole

if TYPE_CHECKING:
    from tvae_core.evaluation.evaluate import Evaluation
    from tvae_core.evaluation.geometry import Geometry

_LINES = (
    ("prior_valid", "valid prior samples", "tab:blue"),
    ("interpolation_valid", "valid interpolations", "tab:orange"),
)
MOST_POINTS = 1000
"""Points of a curve of a training that are drawn at most."""
_COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:red")


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
    from tvae_core.evaluation.evaluate import Evaluation

    front = Evaluation(evaluation.metrics, evaluation.dial)
    write_whole(path, page_bytes(front, plot_format(path)))


def draw_page(evaluation: Evaluation, path: Path, caption: str = "") -> None:
    """Draws one page: the front, neighbourhoods by radius, walks point by point, the spectrum.

    Args:
        evaluation: with its geometry; without it only the front is drawn, see `draw_front`.
        path: a .svg, .png or .pdf file; written whole.
        caption: a line below, such as the bundle and the seed.

    Raises:
        ValueError: for another ending.
    """
    write_whole(path, page_bytes(evaluation, plot_format(path), caption))


def page_bytes(evaluation: Evaluation, kind: str, caption: str = "") -> bytes:
    """The page of `draw_page` as a file of that kind; without geometry only the front."""
    from matplotlib.figure import Figure

    if evaluation.geometry is None:
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        _front(figure.subplots(), evaluation)
        return figure_bytes(figure, kind)
    figure = Figure(figsize=(12.8, 8.8), layout="constrained")
    axes = figure.subplots(2, 2)
    _front(axes[0, 0], evaluation)
    axes[0, 0].set_title("along the dial")
    _neighbours(axes[0, 1], evaluation.geometry)
    _walks(axes[1, 0], evaluation.geometry)
    _spectrum(axes[1, 1], evaluation.geometry)
    if caption:
        figure.supxlabel(caption, fontsize=8, color="dimgray")
    return figure_bytes(figure, kind)


def figure_bytes(figure: Any, kind: str) -> bytes:
    """A figure as a file of that kind (`svg`, `png` or `pdf`), the same bytes at every run."""
    from matplotlib import rc_context

    dated = {"svg": "Date", "pdf": "CreationDate"}
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "tvae"}):  # ids in the file that do not change by the run
        figure.savefig(buffer, format=kind, metadata={dated[kind]: None} if kind in dated else None)
    return buffer.getvalue()


def _errors(values: list[float]) -> Any:
    """Distances to the ends of the intervals, `(2, n)`; none where there is no interval."""
    ends = [
        (value - value.low, value.high - value) if isinstance(value, Estimate) else (0.0, 0.0)
        for value in values
    ]
    return np.clip(np.nan_to_num(np.array(ends).T), 0, None)


def _front(axes: Any, evaluation: Evaluation) -> None:
    settings = [row["fidelity"] for row in evaluation.dial]
    across = [row["reconstruction_exact"] for row in evaluation.dial]
    for key, title, colour in _LINES:
        up = [row[key] for row in evaluation.dial]
        axes.errorbar(
            across, up, yerr=_errors(up), marker="o", label=title, color=colour, elinewidth=0.8
        )
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


def _neighbours(axes: Any, geometry: Geometry) -> None:
    from tvae_core.evaluation.geometry import RADII, SETTINGS

    nan = math.nan
    for setting, colour in zip(SETTINGS, _COLOURS, strict=True):
        prefix = "" if setting is None else f"dial_{setting:.2f}_"
        title = "dial of the radius" if setting is None else f"dial {setting:g}"
        valid = [geometry.metrics.get(f"{prefix}neighbour_valid_r{r:g}", nan) for r in RADII]
        axes.errorbar(
            RADII, valid, yerr=_errors(valid), marker="o", color=colour, label=title, elinewidth=0.8
        )
        alike = [geometry.metrics.get(f"{prefix}neighbour_similarity_r{r:g}", nan) for r in RADII]
        axes.plot(RADII, alike, linestyle=":", color=colour)
    axes.set(
        title="around held-out items",
        xlabel="radius, in units of the codes' spread",
        ylabel="valid share (dotted: similarity to the item)",
        ylim=(0, 1.02),
        xlim=(0, None),
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")


def _walks(axes: Any, geometry: Geometry) -> None:
    names = (
        ("path_valid", "valid share", "tab:blue"),
        ("path_start_similarity", "similarity to the start", "tab:orange"),
        ("path_end_similarity", "similarity to the end", "tab:green"),
        ("path_step_similarity", "similarity to the next", "tab:red"),
    )
    for name, title, colour in names:
        for suffix, style in (("", "-"), ("_lerp", "--")):
            values = geometry.curves.get(name + suffix, [])
            shares = np.linspace(0, 1, len(values))
            label = title if not suffix else None
            axes.plot(shares, values, style, color=colour, label=label, marker=".")
    pair = geometry.metrics.get("interpolation_pair_similarity", math.nan)
    axes.axhline(pair, color="gray", linewidth=0.8, label="similarity of the two items")
    axes.set(
        title="along interpolations (dashed: straight)",
        xlabel="share of the way",
        ylabel="mean over paths",
        ylim=(0, 1.02),
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", fontsize=8)


def _spectrum(axes: Any, geometry: Geometry) -> None:
    for name, title, style in (
        ("spectrum", "codes of held-out items", "-"),
        ("spectrum_normal", "as many draws of N(0, I)", "--"),
    ):
        values = geometry.curves.get(name, [])
        axes.plot(range(1, len(values) + 1), values, style, label=title)
    rank = geometry.metrics.get("effective_rank", math.nan)
    active = geometry.metrics.get("active_dims", math.nan)
    axes.set(
        title=f"covariance spectrum: effective rank {rank:.1f}, {active:.0f} active dimensions",
        xlabel="eigenvalue, from the largest",
        ylabel="variance",
        ylim=(0, None),
    )
    axes.grid(alpha=0.3)
    axes.legend()


def read_log(path: Path) -> dict[str, list[tuple[float, float]]]:
    """The numbers of a run's `log.jsonl` over its steps: name -> `(step, value)` in order.

    A step that was logged twice, as by a run that was killed and went on, counts as it was last;
    lines that cannot be read are left out.
    """
    if not path.is_file():
        return {}
    found: dict[str, dict[float, float]] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            content = json.loads(line)
        except ValueError:
            continue
        step = content.get("step") if isinstance(content, dict) else None
        if not isinstance(step, int | float):
            continue
        for name, value in content.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                found.setdefault(name, {})[float(step)] = float(value)
    return {name: sorted(points.items()) for name, points in found.items() if name != "step"}


def curves_svg(log: Mapping[str, Sequence[tuple[float, float]]]) -> bytes | None:
    """Loss, reconstruction, MMD and the shares seen on the way (`eval_...`), over the steps.

    Returns:
        An SVG, or None where there is nothing to draw.
    """
    from matplotlib.figure import Figure

    shares = sorted(
        name
        for name, points in log.items()
        if name.startswith("eval_") and "dial_" not in name and all(0 <= v <= 1 for _, v in points)
    )
    panels = [
        ("loss", [n for n in ("loss", "reconstruction") if n in log]),
        ("MMD\u00b2", [n for n in ("mmd",) if n in log]),
        ("held-out items on the way", shares[:10]),
    ]
    panels = [(title, names) for title, names in panels if names]
    if not panels:
        return None
    figure = Figure(figsize=(4.4 * len(panels), 3.4), layout="constrained")
    for axes, (title, names) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels,
                                    strict=True):  # fmt: skip
        for name in names:
            points = list(log[name])
            every = max(1, len(points) // MOST_POINTS)
            steps, values = zip(*(points[::every] + points[-1:]), strict=True)
            label = name.removeprefix("eval_").replace("_", " ")
            axes.plot(steps, values, label=label, marker="." if len(points) < 30 else None)
        _finish_curves(axes, title, len(names))
    return figure_bytes(figure, "svg")


def _finish_curves(axes: Any, title: str, lines: int) -> None:
    axes.set(title=title, xlabel="step")
    if title.startswith("held-out"):
        axes.set_ylim(0, 1.02)
    axes.grid(alpha=0.3)
    if lines > 1:
        axes.legend(fontsize=7)
