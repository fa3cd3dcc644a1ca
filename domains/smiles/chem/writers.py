"""Molecules to files: csv, smi, sdf, json, parquet, each with where they came from.

    check_writable("out.sdf")                       # before any work
    write_molecules("out.sdf", rows, metadata={"bundle": "1a2b", "seed": 0, "command": "..."})

A row is a mapping with `smiles` and whatever else there is to tell. Where provenance goes:

- csv: columns `bundle` and `seed` on every row, and `provenance` (JSON) on the first;
- smi: SMILES, name, `bundle=...`, `seed=...`, separated by blanks, and the same JSON at the end of
  the first line. No header and no comment lines, because few readers of .smi skip them;
- sdf: properties of every record;
- json: the object `provenance` beside the list `molecules`;
- parquet: the JSON under `provenance` in the file's metadata; numbers at full precision.

csv, smi and sdf may end in .gz as well.

Reading is in `readers`; `read_molecules` is re-exported here.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

from rdkit import Chem
from rdkit.Chem import rdDepictor

from domains.smiles.chem.molecule import parse, quiet, unknown_name
from domains.smiles.chem.syntax import Problem
from domains.smiles.reading.readers import RejectedLine, read_molecules
from tvae_core.cells import Row, cell, clean, columns, provenance
from tvae_core.parquet import write_parquet

__all__ = [
    "FORMATS",
    "RejectedLine",
    "check_writable",
    "format_of",
    "read_molecules",
    "replacing",
    "write_molecules",
]


def format_of(path: str | Path, format: str | None = None) -> str:
    """The output format: the one asked for, or the one of the file's ending.

    Raises:
        ValueError: neither is one of `FORMATS`.
    """
    if format is not None:
        if format.lower() not in FORMATS:
            raise unknown_name("file format", format, FORMATS)
        return format.lower()
    suffixes = [suffix.lower().lstrip(".") for suffix in Path(path).suffixes] or [""]
    zipped = suffixes[-1] == "gz" and len(suffixes) > 1
    ending = suffixes[-2] if zipped else suffixes[-1]
    if ending not in FORMATS or (zipped and ending not in _LINES):
        listed = ", ".join(f".{name}" for name in FORMATS)
        listed += "; " + ", ".join(f".{name}.gz" for name in _LINES)
        raise ValueError(f"{path}: unknown file ending; molecules are written to {listed}")
    return ending


def check_writable(path: str | Path, format: str | None = None) -> str:
    """Refuses an output that could not be written, before any work is done for it.

    Returns:
        The format, one of `FORMATS`.

    Raises:
        ValueError: unknown ending, a folder, a missing or unwritable parent folder.
    """
    chosen = format_of(path, format)
    target = Path(path)
    if target.is_dir():
        raise ValueError(f"{path}: is a folder, not a file to write")
    if not target.parent.is_dir():
        raise ValueError(f"{path}: the folder {target.parent} does not exist")
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {error.strerror}") from None
    return chosen


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends without an error.

    Raises:
        ValueError: the file cannot be written; `path` is then as it was.
    """
    target = Path(path)
    temporary = target.with_name(f".tmp-{os.getpid()}-{target.name}")
    try:
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def write_molecules(
    path: str | Path,
    rows: Sequence[Row],
    format: str | None = None,
    metadata: Mapping[str, object] | None = None,
) -> None:
    """Writes molecules with their scores and their provenance; whole or not at all.

    Args:
        path: the output file.
        rows: each with `smiles`, which may be invalid (then .sdf has a record without atoms);
            `name` is used as the title where there is one. NaN and None are written as nothing.
        format: one of `FORMATS`; by default the file's ending.
        metadata: `bundle`, `seed`, `command`, settings: anything JSON can hold.

    Raises:
        ValueError: the output cannot be written or its ending is unknown.
    """
    chosen = check_writable(path, format)
    with replacing(path) as temporary:
        FORMATS[chosen](temporary, rows, dict(metadata or {}))


def _title(row: Row, number: int) -> str:
    return cell(row.get("name")) or f"molecule-{number}"


@contextmanager
def _text_file(path: Path) -> Iterator[TextIO]:
    """The file to write lines of text to, gzipped if its name says so (without the time)."""
    with path.open("wb") as file:
        if path.suffix.lower() == ".gz":
            with gzip.GzipFile("", "wb", 6, file, mtime=0) as zipped:
                yield from _lines_to(zipped)
        else:
            yield from _lines_to(file)


def _lines_to(file: io.BufferedIOBase | gzip.GzipFile) -> Iterator[TextIO]:
    with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:  # type: ignore[type-var]
        yield text


def _write_csv(path: Path, rows: Iterable[Row], metadata: Mapping[str, object]) -> None:
    names, rows = columns(rows, "smiles")
    origin = {key: cell(metadata[key]) for key in ("bundle", "seed") if key in metadata}
    shown = [c for c in names if c not in origin and c != "provenance"]
    header = [*shown, *origin] + (["provenance"] if metadata else [])
    with _text_file(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for number, row in enumerate(rows):
            cells = [*(cell(row.get(c)) for c in shown), *origin.values()]
            if metadata:
                cells.append("" if number else provenance(metadata))
            writer.writerow(cells)


def _write_smi(path: Path, rows: Iterable[Row], metadata: Mapping[str, object]) -> None:
    origin = [f"{key}={_word(metadata[key])}" for key in ("bundle", "seed") if key in metadata]
    with _text_file(path) as file:
        for number, row in enumerate(rows, start=1):
            words = [_word(row["smiles"]), _word(_title(row, number)), *origin]
            if metadata and number == 1:
                words.append(provenance(metadata))
            file.write(" ".join(words) + "\n")


def _word(value: object) -> str:
    """The value without blanks, which separate; `-`, which is no SMILES either, for nothing."""
    return "_".join(cell(value).split()) or "-"


def _write_sdf(path: Path, rows: Iterable[Row], metadata: Mapping[str, object]) -> None:
    origin = {key: cell(metadata[key]) for key in ("bundle", "seed") if key in metadata}
    if metadata:
        origin["provenance"] = provenance(metadata)
    # RDKit's own writer reports a full disk only on its log: Python writes the text
    with quiet(), _text_file(path) as file:
        for number, row in enumerate(rows, start=1):
            mol = parse(row["smiles"])
            texts = {key: cell(value) for key, value in {**row, **origin}.items() if key != "name"}
            texts["_Name"] = _title(row, number)
            file.write(_record(Chem.Mol() if isinstance(mol, Problem) else mol, texts, number))


def _record(mol: Chem.Mol, texts: Mapping[str, str], number: int) -> str:
    """One record; without atoms where RDKit cannot write them (the SMILES is a property still)."""
    for kekulize in (True, False):
        try:
            drawn = Chem.Mol(mol)
            rdDepictor.Compute2DCoords(drawn)
            return _sd_text(drawn, texts, number, kekulize)
        except Exception:  # an odd aromatic system, a charged wildcard: RDKit raises what it likes
            continue
    return _sd_text(Chem.Mol(), texts, number, True)


def _sd_text(mol: Chem.Mol, texts: Mapping[str, str], number: int, kekulize: bool) -> str:
    for key, text in texts.items():
        mol.SetProp(key, text)
    return str(Chem.SDWriter.GetText(mol, kekulize=kekulize, molid=number - 1))


def _write_json(path: Path, rows: Iterable[Row], metadata: Mapping[str, object]) -> None:
    document = {"provenance": clean(metadata), "molecules": [clean(row) for row in rows]}
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


_LINES = ("csv", "smi", "sdf")
"""Formats that may be gzipped."""

FORMATS: dict[str, Callable[[Path, Iterable[Row], Mapping[str, object]], None]] = {
    "csv": _write_csv,
    "smi": _write_smi,
    "sdf": _write_sdf,
    "json": _write_json,
    "parquet": partial(write_parquet, first="smiles"),
}
"""The output formats, by the ending of their files."""
