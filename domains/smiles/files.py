"""Molecules to files: csv, smi, sdf, json, each with where they came from.

    check_writable("out.sdf")                       # before any work
    write_molecules("out.sdf", rows, metadata={"bundle": "1a2b", "seed": 0, "command": "..."})

A row is a mapping with `smiles` and whatever else there is to tell. Where provenance goes:

- csv: columns `bundle` and `seed` on every row, and `provenance` (JSON) on the first;
- smi: SMILES, name, `bundle=...`, `seed=...`, separated by blanks, and the same JSON at the end of
  the first line. No header and no comment lines, because few readers of .smi skip them;
- sdf: properties of every record;
- json: the object `provenance` beside the list `molecules`.

Reading is in `readers`; `read_molecules` is re-exported here.
"""

from __future__ import annotations

import csv
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdDepictor

from domains.smiles.chem import parse, quiet, unknown_name
from domains.smiles.readers import RejectedLine, read_molecules
from domains.smiles.syntax import Problem

__all__ = [
    "FORMATS",
    "RejectedLine",
    "check_writable",
    "format_of",
    "read_molecules",
    "replacing",
    "write_molecules",
]

Row = Mapping[str, object]


def format_of(path: str | Path, format: str | None = None) -> str:
    """The output format: the one asked for, or the one of the file's ending.

    Raises:
        ValueError: neither is one of `FORMATS`.
    """
    if format is not None:
        if format.lower() not in FORMATS:
            raise unknown_name("file format", format, FORMATS)
        return format.lower()
    ending = Path(path).suffix.lower().lstrip(".")
    if ending not in FORMATS:
        listed = ", ".join(f".{name}" for name in FORMATS)
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
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
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


def _clean(value: object) -> object:
    """The value as JSON holds it: numpy scalars unpacked, not-a-number as None."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(item) for item in value]
    if value is None or isinstance(value, (str, int)):
        return value
    return str(value)


def _cell(value: object) -> str:
    """The value as one cell of text, without line breaks."""
    value = _clean(value)
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return "; ".join(_cell(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return " ".join(str(value).splitlines())


def _provenance(metadata: Mapping[str, object]) -> str:
    return json.dumps(_clean(metadata), ensure_ascii=False) if metadata else ""


def _title(row: Row, number: int) -> str:
    return _cell(row.get("name")) or f"molecule-{number}"


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(["smiles", *(key for row in rows for key in row)]))


def _write_csv(path: Path, rows: Sequence[Row], metadata: Mapping[str, object]) -> None:
    origin = {key: _cell(metadata[key]) for key in ("bundle", "seed") if key in metadata}
    columns = [c for c in _columns(rows) if c not in origin and c != "provenance"]
    header = [*columns, *origin] + (["provenance"] if metadata else [])
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for number, row in enumerate(rows):
            cells = [*(_cell(row.get(c)) for c in columns), *origin.values()]
            if metadata:
                cells.append("" if number else _provenance(metadata))
            writer.writerow(cells)


def _write_smi(path: Path, rows: Sequence[Row], metadata: Mapping[str, object]) -> None:
    origin = [f"{key}={_word(metadata[key])}" for key in ("bundle", "seed") if key in metadata]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for number, row in enumerate(rows, start=1):
            words = [_word(row["smiles"]), _word(_title(row, number)), *origin]
            if metadata and number == 1:
                words.append(_provenance(metadata))
            file.write(" ".join(words) + "\n")


def _word(value: object) -> str:
    """The value without blanks, which separate; `-`, which is no SMILES either, for nothing."""
    return "_".join(_cell(value).split()) or "-"


def _write_sdf(path: Path, rows: Sequence[Row], metadata: Mapping[str, object]) -> None:
    origin = {key: _cell(metadata[key]) for key in ("bundle", "seed") if key in metadata}
    if metadata:
        origin["provenance"] = _provenance(metadata)
    # RDKit's own writer reports a full disk only on its log: Python writes the text
    with quiet(), path.open("w", encoding="utf-8", newline="\n") as file:
        for number, row in enumerate(rows, start=1):
            mol = parse(row["smiles"])
            texts = {key: _cell(value) for key, value in {**row, **origin}.items() if key != "name"}
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


def _write_json(path: Path, rows: Sequence[Row], metadata: Mapping[str, object]) -> None:
    document = {"provenance": _clean(metadata), "molecules": [_clean(row) for row in rows]}
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


FORMATS: dict[str, Callable[[Path, Sequence[Row], Mapping[str, object]], None]] = {
    "csv": _write_csv,
    "smi": _write_smi,
    "sdf": _write_sdf,
    "json": _write_json,
}
"""The output formats, by the ending of their files."""
