"""What `optimise` leaves: the table of the best items, its figures, every call as rows, plots."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tvae_core.evaluation.plots import plot_format
from tvae_core.search.types import Call
from tvae_core.support.files import write_whole
from tvae_core.support.table import shown, text_table
from tvae_core.support.words import one_line

if TYPE_CHECKING:
    from tvae_core.search.search import Search

HISTORY = "history.csv"
"""The table of all calls in a search's folder."""


def best_calls(search: Search, targets: Sequence[str]) -> list[Call]:
    """The feasible items, best first; with several targets, their Pareto front."""
    if len(targets) > 1:
        return search.pareto(targets)
    found = [call for call in search.calls if call.feasible and not math.isnan(call.score)]
    return sorted(found, key=lambda call: -call.score)


def table(
    calls: Sequence[Call],
    unit: str = "item",
    head: str | None = None,
    show: Callable[[str], str] = one_line,
    most: int = 20,
) -> str:
    """Items with the parts of their score.

    Args:
        calls: best first.
        unit: what an item is called.
        head: of the column of texts; by default the unit.
        show: a text on one line.
        most: lines, beside the heads.
    """
    if not calls:
        return f"no {unit} met the constraints and has a score"
    names = list(calls[0].values)
    if names != [*names[:1]] or not math.isclose(calls[0].score, calls[0].values[names[0]]):
        names = ["score", *names]
    rows = [["call", *names, head or unit]]
    for call in calls[:most]:
        parts = {"score": call.score} | call.values
        values = (shown(float(parts[name]), ".4g") for name in names)
        rows.append([str(call.number), *values, show(call.text)])
    lines = [text_table(rows, ">" * (1 + len(names)) + "-", widths=8)]
    if len(calls) > most:
        lines.append(f"... and {len(calls) - most:,} more; -o FILE writes them all")
    return "\n".join(lines)


def summary(search: Search, targets: Sequence[str], show: Callable[[str], str] = one_line) -> str:
    """The figures of a search in a line or two."""
    line = (
        f"{search.spent:,} calls of {search.budget:,}, {search.decoded:,} codes decoded, "
        f"{sum(call.feasible for call in search.calls):,} feasible"
    )
    if search.excluded:
        line += f"; {search.excluded:,} more excluded by constraints, not charged"
    best = search.best
    if best is None or len(targets) > 1:
        return line
    line += f"\nbest {best.score:.4f} at call {best.number}: {show(best.text)}"
    if search.start is not None and search.calls and not math.isnan(search.calls[0].score):
        first = search.calls[0].score
        line += f"\nstart {first:.4f}, improved by {best.score - first:.4f}"
    return line


def rows_of(calls: Sequence[Call]) -> list[dict[str, object]]:
    """Items as rows of a file."""
    return [
        {
            "text": call.text,
            "score": call.score,
            "feasible": call.feasible,
            "violation": call.violation,
            **call.values,
            "call": call.number,
            "generation": call.generation,
        }
        for call in calls
    ]


def history_rows(search: Search) -> list[dict[str, object]]:
    """Every call as a row, with the best score so far."""
    rows = rows_of(search.calls)
    for row, best in zip(rows, search.history_best().tolist(), strict=True):
        row["best_so_far"] = best
    return rows


def draw(search: Search, targets: Sequence[str], path: Path, origin: Mapping[str, Any]) -> None:
    """Draws the best score after each call and, for two targets, the Pareto front.

    Raises:
        ValueError: for an ending that is none of a plot's.
    """
    import matplotlib

    kind = plot_format(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    both = len(targets) == 2
    figure = Figure(figsize=(10 if both else 6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2 if both else 1, squeeze=False)[0]
    numbers = range(1, search.spent + 1)
    good = [call for call in search.calls if call.feasible]
    axes[0].plot([c.number for c in good], [c.score for c in good], ".", color="#b0bec5")
    axes[0].step(numbers, search.history_best(), where="post", color="#1565c0")
    axes[0].set(
        xlabel="calls of the score", ylabel="best so far" if not both else "sum, best so far"
    )
    if both:
        front = search.pareto(targets)
        for calls, style in ((good, {"color": "#b0bec5", "ls": ""}), (front, {"color": "#c62828"})):
            places = [[c.values[name] for c in calls] for name in targets]
            axes[1].plot(*places, marker=".", **style)
        axes[1].set(xlabel=targets[0], ylabel=targets[1], title=f"Pareto front of {len(front)}")
    figure.suptitle(search.objective.name[:90], fontsize=9)
    buffer = io.BytesIO()
    told = f"bundle {origin['bundle']}, seed {origin['seed']}, {origin['method']}"
    with matplotlib.rc_context({"svg.hashsalt": "optimise"}):
        meta = {"Title": told, "Date": None} if kind == "svg" else {"Title": told}
        figure.savefig(buffer, format=kind, dpi=150, metadata=meta)
    write_whole(path, buffer.getvalue())
