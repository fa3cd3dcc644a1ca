"""What a bench command measured: one `Record` a number, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tvae_core.support.files import json_text, write_whole
from tvae_core.support.table import text_table


@dataclass(frozen=True)
class Record:
    """One measured number.

    Attributes:
        name: what was measured, such as `train ours bf16`.
        value: the number, in `unit`.
        unit: such as `items/s`, `bytes`, `share`.
        baseline: the same quantity of what it is compared with, in the same unit.
        ratio: how much better than the baseline (above 1 is better).
        spread: lowest and highest of the ratio over repetitions, or of the value where there is
            no ratio.
    """

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    spread: tuple[float, float] | None = None


def write_records(path: Path, records: Sequence[Record]) -> None:
    """Writes the records as a JSON list; raises `OutputError` where the place cannot be written."""
    write_whole(path, json_text([asdict(record) for record in records]))


def record_table(records: Sequence[Record]) -> str:
    """The records as aligned text."""
    rows = [("", "value", "unit", "baseline", "ratio", "spread")]
    for record in records:
        spread = "" if record.spread is None else "..".join(number(v) for v in record.spread)
        ratio = "" if record.ratio is None else f"{record.ratio:.2f}x"
        baseline = "" if record.baseline is None else number(record.baseline)
        rows.append((record.name, number(record.value), record.unit, baseline, ratio, spread))
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as text: the first column to the left, the others to the right.

    Columns that are empty below their heads are left out.
    """
    used = [i for i in range(len(rows[0])) if any(row[i] for row in rows[1:])]
    return text_table([[row[i] for i in used] for row in rows], "<>" if 0 in used else ">")


def number(value: float) -> str:
    """A number for people: three or more digits that mean something."""
    if value != value:
        return "-"
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 0.01 or value == 0:
        return f"{value:.3g}"
    return f"{value:.1e}"
