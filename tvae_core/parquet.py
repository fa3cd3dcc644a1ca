"""Rows to Parquet, all at once or table by table in bounded memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tvae_core.cells import Row, clean, columns, provenance

if TYPE_CHECKING:
    import pyarrow as pa


def write_parquet(
    path: Path, rows: Iterable[Row], metadata: Mapping[str, object], first: str = "text"
) -> None:
    """Writes rows as one table; its columns are those of all rows, `first` before the others."""
    import pyarrow as pa

    listed = list(rows)
    names, _ = columns(listed, first)
    table = pa.table({name: pa.array([_exact(row.get(name)) for row in listed]) for name in names})
    write_tables(path, [table], metadata)


def _exact(value: object) -> object:
    """The value as Arrow takes it: not rounded, not-a-number as nothing."""
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, float) and math.isfinite(value) else clean(value)


def write_tables(path: Path, tables: Iterable[pa.Table], metadata: Mapping[str, object]) -> None:
    """Writes tables of the same columns, at least one, one after the other as one file."""
    import pyarrow.parquet as pq

    stream = iter(tables)
    first = next(stream)
    schema = first.schema.with_metadata({b"provenance": provenance(metadata).encode()})
    # Python opens the file, whose errors say what the system said
    with path.open("wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for table in itertools.chain([first], stream):
            if len(table):
                writer.write_table(table.replace_schema_metadata(schema.metadata))
