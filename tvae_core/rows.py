"""Rows of items to files, each with where they came from, and as tables on a terminal.

A row is a mapping with `text` and whatever else there is to tell. Where provenance goes:

- csv, tsv: columns `bundle` and `seed` on every row, and `provenance` (JSON) on the first;
- jsonl: the same, as keys;
- txt: a first line of `#` and the JSON, then a text a line;
- parquet: the JSON under `provenance` in the file's metadata; numbers at full precision.

Texts are written as they are (csv and tsv quote line breaks); only txt writes line breaks as
escapes, see `tvae_core.support.words.raw_line`. A domain's own endings go to its `write_items`.
"""

from __future__ import annotations

import csv
import json
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tvae_core.cells import Row, Written, cell, clean, columns, provenance
from tvae_core.cli.parser import CommandParser
from tvae_core.domain import FloatArray
from tvae_core.domain_commands import DomainCommands
from tvae_core.parquet import write_parquet
from tvae_core.support.errors import OutputError
from tvae_core.support.files import check_file, check_parent, write_whole
from tvae_core.support.words import raw_line

MOST_SHOWN = 20
FOLDER_TABLE = "verdicts.csv"
"""The table of a folder of items; the other files there have numbers for names."""
_ORIGIN = ("bundle", "seed")


def add_output_arguments(parser: CommandParser, commands: DomainCommands) -> None:
    """`-o FILE` and `--format`."""
    endings = ", ".join([*(f".{name}" for name in FORMATS), *commands.suffixes])
    folder = ", or a folder to fill: a name without an ending" if commands.folders else ""
    parser.add_argument(
        "-o", "--output", default=None, metavar="FILE", help=f"ends in one of {endings}{folder}"
    )
    parser.add_argument(
        "--format", choices=tuple(FORMATS), default=None, help="whatever the file's ending"
    )


def fills_folder(path: str | Path, commands: DomainCommands, format: str | None = None) -> bool:
    """Whether an output is a folder of files: a path without an ending, in a domain that can."""
    return commands.folders and format is None and not Path(path).suffix


def check_output(path: str | Path, commands: DomainCommands, format: str | None = None) -> None:
    """Refuses an output that could not be written, before any work is done for it.

    Raises:
        ValueError: an ending that is not known.
        OutputError: a place that cannot be written.
    """
    if fills_folder(path, commands, format):
        _check_folder(Path(path))
        return
    ending = Path(path).suffix.lower()
    if format is None and ending not in commands.suffixes and ending[1:] not in FORMATS:
        listed = ", ".join([*(f".{name}" for name in FORMATS), *commands.suffixes])
        raise ValueError(f"{path}: unknown file ending; {commands.unit}s are written to {listed}")
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
    origin: Mapping[str, Any],
    commands: DomainCommands,
    format: str | None = None,
) -> Written:
    """Writes rows with their provenance; whole or not at all.

    Args:
        path: the output file.
        rows: each with `text`. NaN and None are written as nothing.
        origin: `bundle`, `seed`, `command`, settings: anything JSON can hold.
        commands: the domain's, for its own formats.
        format: one of `FORMATS`; by default the file's ending.

    Returns:
        How many items the file holds, and what became of the other rows.

    Raises:
        ValueError: an ending that is not known.
        OutputError: a place that cannot be written.
    """
    check_output(path, commands, format)
    target = Path(path)
    ending = target.suffix.lower()
    own = ending in commands.suffixes or fills_folder(path, commands)
    if format is None and own and commands.write_items is not None:
        written = commands.write_items(target, [dict(row) for row in rows], dict(origin))
        return Written.of(rows) if written is None else written
    FORMATS[format or ending[1:]](target, rows, origin)
    return Written.of(rows)


def _separated(path: Path, rows: Sequence[Row], origin: Mapping[str, Any], mark: str) -> None:
    names, _ = columns(rows, "text")
    every = [key for key in _ORIGIN if key in origin]
    shown = [name for name in names if name not in every and name != "provenance"]
    lines = _Lines()
    writer = csv.writer(lines, delimiter=mark)
    writer.writerow([*shown, *every, "provenance"])
    for number, row in enumerate(rows):
        told = "" if number else provenance(origin)
        writer.writerow(
            [*(_cell(row.get(name)) for name in shown), *(cell(origin[k]) for k in every), told]
        )
    write_whole(path, "".join(lines.written))


class _Lines:
    """Rows of a csv writer, ended by a line feed alone.

    Only a writer that ends them by both signs quotes a carriage return within a cell.
    """

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, line: str) -> None:
        self.written.append(line.removesuffix("\r\n") + "\n")


def _cell(value: object) -> str:
    return value if isinstance(value, str) else cell(value)


def _write_csv(path: Path, rows: Sequence[Row], origin: Mapping[str, Any]) -> None:
    _separated(path, rows, origin, ",")


def _write_tsv(path: Path, rows: Sequence[Row], origin: Mapping[str, Any]) -> None:
    _separated(path, rows, origin, "\t")


def _write_jsonl(path: Path, rows: Sequence[Row], origin: Mapping[str, Any]) -> None:
    every = {key: origin[key] for key in _ORIGIN if key in origin}
    lines = []
    for number, row in enumerate(rows):
        told = {} if number else {"provenance": origin}
        lines.append(json.dumps(clean({**row, **every, **told}), allow_nan=False) + "\n")
    write_whole(path, "".join(lines))


def _write_txt(path: Path, rows: Sequence[Row], origin: Mapping[str, Any]) -> None:
    lines = [f"# {provenance(origin)}", *(raw_line(str(row["text"])) for row in rows)]
    write_whole(path, "".join(f"{line}\n" for line in lines))


def _write_parquet(path: Path, rows: Sequence[Row], origin: Mapping[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "rows.parquet"
        write_parquet(made, rows, origin)
        write_whole(path, made.read_bytes())


FORMATS: dict[str, Callable[[Path, Sequence[Row], Mapping[str, Any]], None]] = {
    "csv": _write_csv,
    "tsv": _write_tsv,
    "jsonl": _write_jsonl,
    "txt": _write_txt,
    "parquet": _write_parquet,
}
"""The output formats of every domain, by the ending of their files."""


def shown_columns(commands: DomainCommands, scores: Mapping[str, object]) -> list[str]:
    """The scores that tables show: the domain's choice, or its first four."""
    return [name for name in commands.columns if name in scores] or list(scores)[:4]


def ranked_columns(heads: Sequence[str], sort: str | None) -> list[str]:
    """The columns of a ranking's table: those given, and the score it ranks by, if another."""
    name = (sort or "").lstrip("+-")
    return [*heads, *([name] if name and name not in heads else [])]


def number(value: object, form: str = ".3g") -> str:
    """A number of a table; `-` for none."""
    if isinstance(value, bool | int):
        return str(value)
    return "-" if not isinstance(value, float) or math.isnan(value) else format(value, form)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns; the last one, the text, to the left."""
    wide = [max([len(head), *(len(row[i]) for row in rows)]) for i, head in enumerate(heads[:-1])]
    lines = [
        "  ".join([*(f"{cell:>{w}}" for cell, w in zip(row[:-1], wide, strict=True)), row[-1]])
        for row in (heads, *rows)
    ]
    return "\n".join(lines)


def item_rows(
    texts: Sequence[str], scores: Mapping[str, FloatArray], **more: Sequence[object]
) -> list[dict[str, Any]]:
    """Rows of items, each with its scores and what else is told of it."""
    rows: list[dict[str, Any]] = []
    for index, text in enumerate(texts):
        told = {name: float(values[index]) for name, values in scores.items()}
        rows.append({"text": text} | told | {name: part[index] for name, part in more.items()})
    return rows
