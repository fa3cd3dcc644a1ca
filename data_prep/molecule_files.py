"""Canonical molecules out of a user's own .smi, .csv, .tsv or .sdf file, and its bad rows."""

from __future__ import annotations

import csv
import gzip
import io
import logging
import multiprocessing
import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rdkit import Chem, rdBase
from tqdm import tqdm

from data_prep.common import BAD_USAGE, PrepError
from domains.smiles.chem import canonical, parse, parse_block
from domains.smiles.syntax import Problem

SHOWN_REJECTED = 10
LONG = 200
"""Characters from which a SMILES is checked for its size before it is read."""
_FORMATS = {".smi": "smi", ".smiles": "smi", ".csv": "csv", ".tsv": "tsv", ".sdf": "sdf"}
_HEADER_WORDS = {"smiles", "canonical_smiles", "isomeric_smiles", "smi"}
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is no molecule: its line in the file (from 1), its text and the reason."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    text: str
    is_mol_block: bool = False


def read_molecules(path: Path, column: str, jobs: int) -> tuple[list[str], list[Rejected], int]:
    """The distinct canonical SMILES of a file in its order.

    Args:
        path: .smi, .csv, .tsv or .sdf, also with .gz.
        column: the column with the SMILES, for tables; in any case if none is spelt just so.
        jobs: processes that parse.

    Returns:
        The SMILES, the rejected rows, and how many rows repeated a molecule.

    Raises:
        PrepError: no such file, an unknown kind of file, no such column, or no rows.
    """
    rows = _read_rows(path, column)
    if not rows:
        raise PrepError(f"{path} holds no molecules", BAD_USAGE)
    seen: dict[str, None] = {}
    rejected: list[Rejected] = []
    duplicates = 0
    results = _canonical(rows, jobs)
    bar = tqdm(results, total=len(rows), desc="reading molecules", unit="row", unit_scale=True)
    for row, (smiles, reason) in zip(rows, bar, strict=True):
        if smiles is None:
            text = row.text.partition("\n")[0] if row.is_mol_block else row.text
            rejected.append(Rejected(row.line, text, reason))
        elif smiles in seen:
            duplicates += 1
        else:
            seen[smiles] = None
    _report(path, rejected)
    return list(seen), rejected, duplicates


def _report(path: Path, rejected: list[Rejected]) -> None:
    for row in rejected[:SHOWN_REJECTED]:
        print(f"{path}:{row.line}: rejected {row.text[:80]!r}: {row.reason}", file=sys.stderr)
    if len(rejected) > SHOWN_REJECTED:
        more = len(rejected) - SHOWN_REJECTED
        print(f"{path}: {more:,} more rejected, all in rejected.csv", file=sys.stderr)


def _read_rows(path: Path, column: str) -> list[_Row]:
    packed = path.suffix.lower() == ".gz"
    suffix = (path.with_suffix("") if packed else path).suffix.lower()
    if suffix not in _FORMATS:
        kinds = ", ".join(_FORMATS)
        raise PrepError(f"{path} is none of {kinds} (also .gz)", BAD_USAGE)
    if not path.is_file():
        raise PrepError(f"no such file: {path}", BAD_USAGE)
    try:
        opener = gzip.open if packed else Path.open
        with (
            opener(path, "rb") as raw,
            io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="") as file,
        ):
            kind = _FORMATS[suffix]
            if kind == "sdf":
                return list(_sdf_rows(file))
            if kind == "smi":
                return list(_smi_rows(file))
            return list(_table_rows(file, path, column, "\t" if kind == "tsv" else ","))
    except (EOFError, OSError, csv.Error, zlib.error) as error:
        raise PrepError(f"{path} cannot be read: {error}") from error


def _smi_rows(file: TextIO) -> Iterator[_Row]:
    for line, content in enumerate(file, start=1):
        words = content.split()
        if (
            not words
            or words[0].startswith("#")
            or (line == 1 and words[0].lower() in _HEADER_WORDS)
        ):
            continue
        yield _Row(line, words[0])


def _table_rows(file: TextIO, path: Path, column: str, delimiter: str) -> Iterator[_Row]:
    reader = csv.reader(file, delimiter=delimiter)
    header = next(reader, None)
    if header is None:
        raise PrepError(f"{path} is empty", BAD_USAGE)
    names = [name.strip() for name in header]
    matches = [i for i, name in enumerate(names) if name == column]
    matches = matches or [i for i, name in enumerate(names) if name.lower() == column.lower()]
    if len(matches) != 1:
        problem = "no" if not matches else "more than one"
        listed = ", ".join(names)
        raise PrepError(f"{path} has {problem} column {column!r}; it has: {listed}", BAD_USAGE)
    while True:
        line = reader.line_num + 1
        row = next(reader, None)
        if row is None:
            return
        if row:
            yield _Row(line, row[matches[0]].strip() if matches[0] < len(row) else "")


def _sdf_rows(file: TextIO) -> Iterator[_Row]:
    block: list[str] = []
    start = 1
    for line, content in enumerate(file, start=1):
        if content.startswith("$$$$"):
            yield _Row(start, "".join(block), is_mol_block=True)
            block, start = [], line + 1
        else:
            block.append(content.rstrip("\r\n") + "\n")
    if "".join(block).strip():
        yield _Row(start, "".join(block), is_mol_block=True)


def _canonical(rows: list[_Row], jobs: int) -> Iterator[tuple[str | None, str]]:
    if jobs == 1 or len(rows) <= 4 * _CHUNK:
        yield from map(_parse, rows)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(_parse, rows, chunksize=_CHUNK)


class _Messages(logging.Handler):
    """Keeps what RDKit logs."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _parse(row: _Row) -> tuple[str | None, str]:
    """The canonical SMILES, or None and the reason."""
    if not row.text.strip():
        return None, "empty"
    logger = logging.getLogger("rdkit")
    messages = _Messages()
    handlers, propagate = logger.handlers[:], logger.propagate
    logger.handlers, logger.propagate = [messages], False
    rdBase.LogToPythonLogger()
    try:
        if row.is_mol_block:
            found = parse_block(row.text)
            return (None, found.reason) if isinstance(found, Problem) else (canonical(found), "")
        large = parse(row.text) if len(row.text) > LONG else None
        if isinstance(large, Problem):
            return None, large.reason
        molecule = Chem.MolFromSmiles(row.text)
        if molecule is not None and molecule.GetNumAtoms() > 0:
            return Chem.MolToSmiles(molecule), ""
    except Exception as error:  # RDKit's C++ layer raises whatever it likes
        return None, (str(error).splitlines() or [type(error).__name__])[0][:200]
    finally:
        rdBase.LogToCppStreams()
        logger.handlers, logger.propagate = handlers, propagate
    return None, _reason(messages.lines)


def _reason(lines: Iterable[str]) -> str:
    """The first of RDKit's messages that says something, without its time stamp and repetition."""
    log = "\n".join(lines)
    position = re.search(r"around position (\d+)", log)
    where = f" (at character {position[1]})" if position else ""
    for line in log.splitlines():
        text = line.strip()
        if text.startswith("[") and "]" in text:
            text = text.partition("]")[2].strip()
        text = text.removeprefix("SMILES Parse Error: ").partition(" for input:")[0].strip()
        if text and not set(text) <= set("~^ "):
            return text.rstrip(":") + where
    return "no atoms"
