"""Rows of items and their values as the cells of a file."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tvae_core.support.words import counted

Row = Mapping[str, object]
"""An item: its text and whatever else there is to tell."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a file holds after its rows were written.

    Attributes:
        held: items that are whole in it.
        rest: what became of the other rows, in words, such as `left out 1 that is none`.
    """

    held: int
    rest: str = ""

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Written:
        """What a table holds, whose invalid rows (`valid` is false) stand among the others."""
        bad = sum(row.get("valid", True) is False for row in rows)
        return cls(len(rows) - bad, f"and {bad:,} that {is_none(bad)}" if bad else "")

    def line(self, unit: str, path: str | Path) -> str:
        """What a command says of the file: `wrote 2 tunes to w.mid, left out 1 that is none`."""
        return f"wrote {counted(self.held, unit)} to {path}" + (
            f", {self.rest}" if self.rest else ""
        )


def is_none(n: int) -> str:
    """`is none` or `are none`: of rows that are no items."""
    return "is none" if n == 1 else "are none"


def clean(value: object) -> object:
    """The value as JSON holds it: numpy scalars unpacked, not-a-number as None."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [clean(item) for item in value]
    if value is None or isinstance(value, (str, int)):
        return value
    return str(value)


def cell(value: object) -> str:
    """The value as one cell of text, without line breaks."""
    value = clean(value)
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return "; ".join(cell(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return " ".join(str(value).splitlines())


def provenance(metadata: Mapping[str, object]) -> str:
    """Where items are from as JSON on one line; empty if nothing is told."""
    return json.dumps(clean(metadata), ensure_ascii=False) if metadata else ""


def columns(rows: Iterable[Row], first: str) -> tuple[list[str], Iterable[Row]]:
    """The columns of rows, and the rows; those of a stream are the columns of its first row.

    Args:
        rows: a sequence or a stream.
        first: the column that stands first, and is there without any row.
    """
    looked: Iterable[Row]
    if isinstance(rows, Sequence):
        looked = rows
    else:
        stream = iter(rows)
        looked = list(itertools.islice(stream, 1))
        rows = itertools.chain(looked, stream)
    return list(dict.fromkeys([first, *(key for row in looked for key in row)])), rows
