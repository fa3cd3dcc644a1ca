"""Rows of items to files, each with where they came from: every writer once, for every domain.

A row is a mapping with `text` and whatever else there is to tell; a domain may name that column
otherwise in its files (`DomainCommands.text_column`). Where provenance goes:

- csv, tsv: columns `bundle` and `seed` on every row, and `provenance` (JSON) on the first;
- jsonl: the same, as keys;
- txt: a first line of `#` and the JSON, then a text a line;
- json: the object `provenance` beside the list of items;
- parquet: the JSON under `provenance` in the file's metadata; numbers at full precision.

Texts are written as they are (csv and tsv quote line breaks); only txt writes line breaks as
escapes, see `tvae_core.support.words.raw_line`. Formats of lines may be gzipped: `.csv.gz`. A
domain adds writers of lines (`writers`) and of whole files or folders (`write_items`).
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from tvae_core.cells import Row, Written, cell, clean, columns, provenance
from tvae_core.domain import FloatArray
from tvae_core.support.errors import OutputError
from tvae_core.support.files import check_file, check_parent, replacing
from tvae_core.support.words import raw_line

if TYPE_CHECKING:
    import argparse

    import pyarrow as pa

    from tvae_core.domain_commands import DomainCommands

MOST_SHOWN = 20
FOLDER_TABLE = "verdicts.csv"
"""The table of a folder of items; the other files there have numbers for names."""
_ORIGIN = ("bundle", "seed")

Origin = Mapping[str, Any]
LineWriter = Callable[[TextIO, Iterable[Row], Origin, str], None]
"""`write(file, rows, origin, first)`: the text of each row is under `first`."""


def _separated(mark: str) -> LineWriter:
    def write(file: TextIO, rows: Iterable[Row], origin: Origin, first: str) -> None:
        names, rows = columns(rows, first)
        every = [key for key in _ORIGIN if key in origin]
        shown = [name for name in names if name not in every and name != "provenance"]
        writer = csv.writer(_Lines(file), delimiter=mark)
        writer.writerow([*shown, *every, *(["provenance"] if origin else [])])
        for number, row in enumerate(rows):
            cells = [*(_text(row.get(name)) for name in shown), *(cell(origin[k]) for k in every)]
            if origin:
                cells.append("" if number else provenance(origin))
            writer.writerow(cells)

    return write


class _Lines:
    """Rows of a csv writer, ended by a line feed alone.

    Only a writer that ends them by both signs quotes a carriage return within a cell.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, line: str) -> None:
        self._file.write(line.removesuffix("\r\n") + "\n")


def _text(value: object) -> str:
    return value if isinstance(value, str) else cell(value)


def _write_jsonl(file: TextIO, rows: Iterable[Row], origin: Origin, first: str) -> None:
    every = {key: origin[key] for key in _ORIGIN if key in origin}
    for number, row in enumerate(rows):
        told = {} if number or not origin else {"provenance": origin}
        file.write(json.dumps(clean({**row, **every, **told}), allow_nan=False) + "\n")


def _write_txt(file: TextIO, rows: Iterable[Row], origin: Origin, first: str) -> None:
    file.write(f"# {provenance(origin)}\n")
    file.writelines(f"{raw_line(str(row[first]))}\n" for row in rows)


LINES: dict[str, LineWriter] = {
    "csv": _separated(","),
    "tsv": _separated("\t"),
    "jsonl": _write_jsonl,
    "txt": _write_txt,
}
"""The formats of lines, which every domain has; rows may be a stream, and files gzipped."""

WHOLE = ("json", "parquet")
"""The other formats that every domain has."""


def formats_of(commands: DomainCommands) -> tuple[str, ...]:
    """The output formats of a domain by name, those of every domain first."""
    return (*LINES, *WHOLE, *commands.writers)


def line_writers(commands: DomainCommands) -> dict[str, LineWriter]:
    """The writers of lines that a domain has, by format."""
    return {**LINES, **commands.writers}


def add_output_arguments(parser: argparse.ArgumentParser, commands: DomainCommands) -> None:
    """`-o FILE` and `--format`."""
    formats = formats_of(commands)
    endings = ", ".join([*(f".{name}" for name in formats), *commands.suffixes])
    folder = ", or a folder to fill: a name without an ending" if commands.folders else ""
    parser.add_argument(
        "-o", "--output", default=None, metavar="FILE", help=f"ends in one of {endings}{folder}"
    )
    parser.add_argument(
        "--format", choices=formats, default=None, help="whatever the file's ending"
    )


def fills_folder(path: str | Path, commands: DomainCommands, format: str | None = None) -> bool:
    """Whether an output is a folder of files: a path without an ending, in a domain that can."""
    return commands.folders and format is None and not Path(path).suffix


def format_of(path: str | Path, commands: DomainCommands, format: str | None = None) -> str:
    """The format of an output: the one asked for, or the one of the file's ending.

    Returns:
        One of `formats_of`, or one of the domain's `suffixes`.

    Raises:
        ValueError: an ending that is not known.
    """
    if format is not None:
        return format
    *_, before, ending = ["", "", *(suffix.lower() for suffix in Path(path).suffixes)]
    if ending in commands.suffixes:
        return ending
    zipped = ending == ".gz"
    known = line_writers(commands) if zipped else formats_of(commands)
    name = (before if zipped else ending).removeprefix(".")
    if name not in known:
        listed = ", ".join([*(f".{name}" for name in formats_of(commands)), *commands.suffixes])
        lines = ", ".join(f".{name}.gz" for name in line_writers(commands))
        raise ValueError(
            f"{path}: unknown file ending; {commands.unit}s are written to {listed}; {lines}"
        )
    return name


def check_output(path: str | Path, commands: DomainCommands, format: str | None = None) -> None:
    """Refuses an output that could not be written, before any work is done for it.

    Raises:
        ValueError: an ending that is not known.
        OutputError: a place that cannot be written.
    """
    if fills_folder(path, commands, format):
        _check_folder(Path(path))
        return
    format_of(path, commands, format)
    commands.check_place(Path(path))
    check_file(Path(path))


def _check_folder(target: Path) -> None:
    """Refuses a folder that cannot be made, or holds anything but such an output of before."""
    check_parent(target)
    if target.exists() and not target.is_dir():
        raise OutputError(f"cannot write {target}: it is a file, not a folder")
    if target.resolve() in (Path.cwd(), *Path.cwd().parents):
        raise OutputError(f"cannot write {target}: the command runs in it; name a new folder")
    found = list(target.iterdir()) if target.exists() else []
    own = [p for p in found if p.is_file() and (p.name == FOLDER_TABLE or _numbered(p))]
    if len(own) < len(found):
        raise OutputError(f"cannot write {target}: other files are in it; name a new folder")


def _numbered(path: Path) -> bool:
    return path.stem.isascii() and path.stem.isdigit()


def write_rows(
    path: str | Path,
    rows: Sequence[Row],
    origin: Origin,
    commands: DomainCommands,
    format: str | None = None,
) -> Written:
    """Writes rows with their provenance; whole or not at all.

    Args:
        path: the output file.
        rows: each with `text`. NaN and None are written as nothing.
        origin: `bundle`, `seed`, `command`, settings: anything JSON can hold.
        commands: the domain's, for its own formats.
        format: one of `formats_of`; by default the file's ending.

    Returns:
        How many items the file holds, and what became of the other rows.

    Raises:
        ValueError: an ending that is not known.
        OutputError: a place that cannot be written.
    """
    check_output(path, commands, format)
    target = Path(path)
    own = fills_folder(path, commands, format)
    chosen = "" if own else format_of(path, commands, format)
    if (own or chosen in commands.suffixes) and commands.write_items is not None:
        written = commands.write_items(target, [dict(row) for row in rows], dict(origin))
        return Written.of(rows) if written is None else written
    with replacing(target) as temporary:
        write_to(temporary, rows, origin, commands, chosen, target.suffix.lower() == ".gz")
    return Written.of(rows)


def write_to(
    path: Path,
    rows: Iterable[Row],
    origin: Origin,
    commands: DomainCommands,
    format: str,
    zipped: bool = False,
) -> None:
    """Writes rows to a file in place; formats of lines take a stream in bounded memory.

    Args:
        path: the file.
        rows: each with `text`, a sequence or a stream.
        origin: where they are from.
        commands: the domain's.
        format: one of `formats_of`.
        zipped: whether lines are gzipped.
    """
    first = commands.text_column
    if first != "text":
        rows = _renamed(rows, first) if not isinstance(rows, Sequence) else [*_renamed(rows, first)]
    if format == "parquet":
        write_parquet(path, rows, origin, first)
    elif format == "json":
        found = {"provenance": clean(origin), f"{commands.unit}s": [clean(row) for row in rows]}
        text = json.dumps(found, ensure_ascii=False, indent=1, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")
    else:
        with _lines(path, zipped) as file:
            line_writers(commands)[format](file, rows, origin, first)


def _renamed(rows: Iterable[Row], first: str) -> Iterator[Row]:
    for row in rows:
        yield {first if key == "text" else key: value for key, value in row.items()}


@contextmanager
def _lines(path: Path, zipped: bool) -> Iterator[TextIO]:
    """The file to write lines of text to, gzipped or not (without the time)."""
    with path.open("wb") as file:
        raw = gzip.GzipFile("", "wb", 6, file, mtime=0) if zipped else file
        with io.TextIOWrapper(raw, encoding="utf-8", newline="") as text:
            yield text


def write_parquet(path: Path, rows: Iterable[Row], origin: Origin, first: str = "text") -> None:
    """Writes rows as one table; its columns are those of all rows, `first` before the others."""
    import pyarrow as pa

    listed = list(rows)
    names, _ = columns(listed, first)
    table = pa.table({name: pa.array([_exact(row.get(name)) for row in listed]) for name in names})
    write_tables(path, [table], origin)


def _exact(value: object) -> object:
    """The value as Arrow takes it: not rounded, not-a-number as nothing."""
    import math

    import numpy as np

    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, float) and math.isfinite(value) else clean(value)


def write_tables(path: Path, tables: Iterable[pa.Table], origin: Origin) -> None:
    """Writes tables of the same columns, at least one, one after the other as one file."""
    import pyarrow.parquet as pq

    stream = iter(tables)
    first = next(stream)
    schema = first.schema.with_metadata({b"provenance": provenance(origin).encode()})
    # Python opens the file, whose errors say what the system said
    with path.open("wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for table in itertools.chain([first], stream):
            if len(table):
                writer.write_table(table.replace_schema_metadata(schema.metadata))


def shown_columns(commands: DomainCommands, scores: Mapping[str, object]) -> list[str]:
    """The scores that tables show: the domain's choice, or its first four."""
    return [name for name in commands.columns if name in scores] or list(scores)[:4]


def ranked_columns(heads: Sequence[str], sort: str | None) -> list[str]:
    """The columns of a ranking's table: those given, and the score it ranks by, if another."""
    name = (sort or "").lstrip("+-")
    return [*heads, *([name] if name and name not in heads else [])]


def item_rows(
    texts: Sequence[str], scores: Mapping[str, FloatArray], **more: Sequence[object]
) -> list[dict[str, Any]]:
    """Rows of items, each with its scores and what else is told of it."""
    rows: list[dict[str, Any]] = []
    for index, text in enumerate(texts):
        told = {name: float(values[index]) for name, values in scores.items()}
        rows.append({"text": text} | told | {name: part[index] for name, part in more.items()})
    return rows
