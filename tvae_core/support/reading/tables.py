"""Rows of a user's .csv, .tsv, .jsonl or .parquet file, also .gz, in bounded memory.

    table = open_table(Path("mine.csv.gz"))
    for row in table.rows([table.column("headline"), table.column("label")]):
        ...

The one reader of tables, for commands and pages. A row comes with the number of its first line in
the file; what cannot be taken comes as a row with a `problem`, so that no row is lost unsaid. What
was found out about the file (its encoding, its delimiter) is in `notes`.
"""

from __future__ import annotations

from pathlib import Path

from tvae_core.support.reading.lines import TableError, check_file
from tvae_core.support.reading.rows import Table

READER = "tables 2"
"""What a prepared set's manifest says about the reader of its rows."""
KINDS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")


def kind_of(path: Path) -> str:
    """The ending of a file, in small letters, .gz aside."""
    packed = path.suffix.lower() == ".gz"
    return (path.with_suffix("") if packed else path).suffix.lower()


def open_table(path: Path) -> Table:
    """Opens a file by its ending.

    Raises:
        TableError: no such file, an unknown ending, an empty file, or damage.
    """
    check_file(path)
    kind = kind_of(path)
    if kind not in KINDS:
        raise TableError(f"{path} is none of {', '.join(KINDS)} (also .gz)")
    if kind == ".parquet":
        from tvae_core.support.reading.parquet import ParquetTable

        return ParquetTable(path, packed=path.suffix.lower() == ".gz")
    if kind in (".csv", ".tsv"):
        from tvae_core.support.reading.delimited import DelimitedTable

        return DelimitedTable(path, kind)
    from tvae_core.support.reading.json_lines import JsonTable

    return JsonTable(path)
