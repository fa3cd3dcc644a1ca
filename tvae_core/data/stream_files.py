"""Texts of many shards, through `datasets` in its streaming mode: local files, or the hub's."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

BUILDERS = {
    ".parquet": "parquet",
    ".jsonl": "json",
    ".json": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "text",
    ".smi": "text",
}
HUB = "hub:"
_ROWS = 4096


class StreamError(ValueError):
    """A stream that cannot be read, with the reason."""


class Source:
    """The texts of one column, a shard (a file) at a time.

    Args:
        name: paths with `*`, comma-separated, or `hub:NAME` of a set on the hub.
        column: of the texts; by default `text`, or the only one there is.
        split: of a set on the hub.

    Raises:
        StreamError: no such files, unknown endings, no such column.
    """

    def __init__(self, name: str, column: str = "", split: str = "train") -> None:
        import datasets
        import pandas as pd

        self.name = name
        columns: list[str] = []
        try:
            if name.startswith(HUB):
                self._set: Any = datasets.load_dataset(
                    name.removeprefix(HUB), split=split, streaming=True
                )
            else:
                files = _files(name)
                builder = _builder(files)
                options = {"delimiter": "\t"} if _ending(files[0]) == ".tsv" else {}
                self._set = datasets.load_dataset(
                    builder, data_files=files, split="train", streaming=True, **options
                )
                if builder == "csv":  # pandas leaves the file open when only a row is asked for
                    columns = list(pd.read_csv(files[0], nrows=0, **options).columns)
            columns = columns or self._set.column_names or list(next(iter(self._set), {}))
        except StreamError:
            raise
        except Exception as error:  # of pyarrow, pandas, fsspec, the hub's client
            raise StreamError(f"cannot stream {name}: {_reason(error)}") from error
        self.n_shards = int(self._set.num_shards)
        wanted = column or ("text" if "text" in columns or len(columns) != 1 else columns[0])
        if wanted not in columns:
            raise StreamError(
                f"{name} has no column {wanted!r}; --stream-column chooses one of "
                + ", ".join(columns)
            )
        self.column = wanted

    def texts(self, shard: int, skip: int) -> Iterator[list[str | None]]:
        """The texts of a shard from the `skip`-th on, some thousand at a time.

        Raises:
            StreamError: it cannot be read, or its column holds no texts.
        """
        try:
            part = self._set.shard(num_shards=self.n_shards, index=shard)
            for table in part.select_columns([self.column]).with_format("arrow").iter(_ROWS):
                if skip >= table.num_rows:
                    skip -= table.num_rows
                    continue
                found = table.column(self.column).slice(skip)
                skip = 0
                if not pa.types.is_string(found.type) and not pa.types.is_large_string(found.type):
                    raise StreamError(
                        f"column {self.column!r} of {self.name} holds {found.type}, not text"
                    )
                yield found.to_pylist()
        except StreamError:
            raise
        except Exception as error:
            raise StreamError(
                f"cannot read shard {shard} of {self.name}: {_reason(error)}"
            ) from error


def _files(name: str) -> list[str]:
    files = sorted({f for part in name.split(",") for f in glob.glob(part.strip(), recursive=True)})
    found = [file for file in files if Path(file).is_file()]
    if not found:
        raise StreamError(f"there are no files {name}")
    return found


def _ending(file: str) -> str:
    path = Path(file.lower())
    return Path(path.stem).suffix if path.suffix in (".gz", ".zst", ".bz2", ".xz") else path.suffix


def _builder(files: list[str]) -> str:
    endings = sorted({_ending(file) for file in files})
    if len(endings) > 1:
        raise StreamError(f"files of one kind are streamed together, not {' and '.join(endings)}")
    if endings[0] not in BUILDERS:
        raise StreamError(f"cannot stream {files[0]}; endings are {', '.join(BUILDERS)}")
    return BUILDERS[endings[0]]


def _reason(error: Exception) -> str:
    while error.__cause__ is not None and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
