"""Rows of items and their values as the cells of a file."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

Row = Mapping[str, object]
"""An item: its text and whatever else there is to tell."""


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
