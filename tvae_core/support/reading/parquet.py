"""Rows of a .parquet file (also .parquet.gz) as `tvae_core.support.reading.tables` gives them."""

from __future__ import annotations

import gzip
import tempfile
import weakref
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from tvae_core.support.errors import FAILED
from tvae_core.support.reading.lines import MAX_LINE, TableError
from tvae_core.support.reading.rows import Row, Table

BATCH = 256
MAX_UNPACKED = 16 << 30
"""Bytes of the largest packed file, unpacked."""


class ParquetTable(Table):
    """A .parquet file; lines are row numbers from 1."""

    unit = "row"

    def __init__(self, path: Path, packed: bool) -> None:
        """Opens the file; a packed one is unpacked to a temporary file.

        Raises:
            TableError: it is no readable parquet file.
        """
        super().__init__(path)
        try:
            self.file = pq.ParquetFile(self._unpacked() if packed else path)
        except (pa.ArrowException, EOFError, OSError, ValueError, zlib.error) as error:
            reason = (str(error).splitlines() or [""])[0]
            raise TableError(f"{path} is not a readable parquet file: {reason}") from error
        self.names = list(self.file.schema_arrow.names)
        self.total = self.file.metadata.num_rows

    def _unpacked(self) -> IO[bytes]:
        unpacked = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the table is there)
        weakref.finalize(self, unpacked.close)
        with gzip.open(self.path) as packed:
            while block := packed.read(1 << 20):
                if unpacked.tell() > MAX_UNPACKED:
                    raise ValueError(f"larger than {MAX_UNPACKED >> 30} GB when unpacked")
                unpacked.write(block)
        unpacked.seek(0)
        return unpacked

    def holds_text(self, place: int) -> bool:
        """See `Table.holds_text`; whole numbers and true or false are written out."""
        kind = self.file.schema_arrow.field(place).type
        return bool(is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind))

    def rows(self, columns: Sequence[int]) -> Iterator[Row]:
        """See `Table.rows`.

        Raises:
            TableError: a column holds neither text nor (whole) numbers, or the file is damaged.
        """
        names = [self.names[place] for place in columns]
        for name in names:
            kind = self.file.schema_arrow.field(name).type
            if not self.holds_text(self.names.index(name)):
                raise TableError(f"{self.path}: column {name!r} holds {kind}, not text")
        if names and not is_text(self.file.schema_arrow.field(names[0]).type):
            kind = self.file.schema_arrow.field(names[0]).type
            raise TableError(f"{self.path}: column {names[0]!r} holds {kind}, not text")
        self.done = 0
        try:
            for batch in self.file.iter_batches(batch_size=BATCH, columns=names):
                for values in zip(*(text_values(batch.column(n)) for n in names), strict=True):
                    self.done += 1
                    yield row_of(self.done, values)
        except (pa.ArrowException, OSError) as error:
            reason = (str(error).splitlines() or [""])[0]
            raise TableError(f"{self.path} cannot be read: {reason}", FAILED) from error


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds texts, as such, as bytes or as a dictionary's entries."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    tests = ("is_string", "is_large_string", "is_string_view", "is_binary", "is_large_binary")
    return any(getattr(pa.types, test)(kind) for test in tests)


def text_values(column: pa.Array) -> list[bytes]:
    """A column as UTF-8 bytes, empty where there is nothing; numbers are written out."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not is_text(column.type):
        column = column.cast(pa.string())
    return [value or b"" for value in column.cast(pa.large_binary()).to_pylist()]


def row_of(number: int, values: Sequence[bytes]) -> Row:
    """A row of values; refused where one is longer than a line may be."""
    if max(map(len, values), default=0) > MAX_LINE:
        start = values[0][:1000].decode("utf-8", "surrogateescape")
        return Row(number, (start,), f"a text longer than {MAX_LINE // 1024:,} KB")
    return Row(number, tuple(value.decode("utf-8", "surrogateescape") for value in values))
