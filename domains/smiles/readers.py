"""Molecules from a file of one's own: .smi, .csv, .tsv, .sdf, each also with .gz.

    texts, rejected = read_molecules("actives.csv", column="structure")

Lines that are no molecule are not fatal: they come back with their line number and the reason.
`read_rows` gives every row with its line and name, and `columns_of` a table's header.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from domains.smiles.chem import canonical, parse, parse_block, unknown_name
from domains.smiles.parallel import CHEAP, Progress, Workers
from domains.smiles.syntax import Problem

SMILES_COLUMNS = ("smiles", "canonical_smiles", "smi", "structure")
"""Column names recognised, in any case, when none is given."""

NAME_COLUMNS = ("name", "id", "title", "compound", "compound_name", "compound_id", "molecule_id")
"""Column names recognised, in any case, as what a molecule is called."""

MAX_BYTES = 2 << 30
"""Bytes of the largest file that is read, unpacked."""

_LINES = (".smi", ".smiles", ".txt")
_TABLES = (".csv", ".tsv")
_SDF = (".sdf", ".sd")


class RejectedLine(NamedTuple):
    """A row that is no molecule: its 1-based line in the file, its text, and why."""

    line: int
    text: str
    reason: str


class Row(NamedTuple):
    """A row of a file.

    Attributes:
        line: counted from 1.
        text: SMILES, canonical from an .sdf; the title of an .sdf record that is no molecule.
        name: what the file calls it; empty if nothing.
        reason: why it is no molecule; None for one that is.
    """

    line: int
    text: str
    name: str = ""
    reason: str | None = None


def read_molecules(
    path: str | Path,
    column: str | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> tuple[list[str], list[RejectedLine]]:
    """Reads the molecules of a file.

    Args:
        path: the format follows the ending. A .smi line is a SMILES and, after white space, a name;
            lines that begin with `#` and a header line `SMILES ...` are skipped.
        column: the column of a table that holds the SMILES; by default one of `SMILES_COLUMNS`, or
            the only one.
        jobs: processes for checking, used for many molecules.
        progress: called as `progress(done, total)` while checking.

    Returns:
        The SMILES that are molecules, as written in the file (canonical for .sdf), in its order;
        and the rows that are not.

    Raises:
        ValueError: the file cannot be read, is empty, has an unknown ending or not that column.
    """
    rows = read_rows(path, column, jobs, progress)
    rejected = [RejectedLine(r.line, r.text, r.reason) for r in rows if r.reason is not None]
    return [row.text for row in rows if row.reason is None], sorted(rejected)


def read_rows(
    path: str | Path,
    column: str | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> list[Row]:
    """Reads every row of a file, in its order; the arguments and errors of `read_molecules`."""
    ending = _ending(path)
    if column is not None and ending not in _TABLES:
        raise ValueError(f"{path}: only a table has columns; leave the column out for {ending}")
    text = _read_text(path)
    if not text.strip():
        raise ValueError(f"{path}: the file is empty")
    if ending in _SDF:
        found = list(_sdf_records(text))
    elif ending in _TABLES:
        found = list(_table_rows(path, text, ending, column))
    else:
        found = list(_smi_lines(text))
    if not found:
        raise ValueError(f"{path}: the file holds no molecules")
    looked = [i for i, row in enumerate(found) if row.reason is None]
    with Workers(jobs) as workers:
        reasons = workers.map(
            _refusals,
            [found[i].text for i in looked],
            chunk=2000,
            pays_from=CHEAP,
            progress=progress,
        )
    for i, reason in zip(looked, reasons, strict=True):
        found[i] = found[i]._replace(reason=reason)
    return found


def columns_of(path: str | Path) -> list[str]:
    """The column names of a table; none for a file that is no table.

    Raises:
        ValueError: the file cannot be read or has an unknown ending.
    """
    ending = _ending(path)
    if ending not in _TABLES:
        return []
    return next(_table(path, _read_text(path), ending), (0, list[str]()))[1]


def _refusals(texts: Sequence[str]) -> list[str | None]:
    found = (parse(text) for text in texts)
    return [str_problem(mol) if isinstance(mol, Problem) else None for mol in found]


def str_problem(problem: Problem) -> str:
    """A problem as one phrase, with its 1-based character where one is known."""
    where = f" (at character {problem.position + 1})" if problem.position >= 0 else ""
    return f"{problem.reason}{where}"


def _ending(path: str | Path) -> str:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    ending = suffixes[-1] if suffixes else ""
    known = (*_LINES, *_TABLES, *_SDF)
    if ending not in known:
        raise ValueError(f"{path}: unknown file ending; molecules are read from {', '.join(known)}")
    return ending


def _read_text(path: str | Path) -> str:
    try:
        packed = str(path).lower().endswith(".gz")
        with gzip.open(path) if packed else Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise ValueError(f"{path}: not a whole gzip file") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(raw) > MAX_BYTES:
        raise ValueError(f"{path}: larger than {MAX_BYTES >> 30} GB when unpacked")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace")
    return raw.decode("utf-8-sig", "replace")


def _smi_lines(text: str) -> Iterator[Row]:
    first = True
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if not (first and words[0].lower() in SMILES_COLUMNS):
            yield Row(number, words[0], words[1] if len(words) > 1 else "")
        first = False


def _table(path: str | Path, text: str, ending: str) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells of the rows that are not empty, the header first."""
    header_line = (text.lstrip("\r\n").splitlines() or [""])[0]
    delimiter = "\t" if ending == ".tsv" else ","
    if ending == ".csv" and "," not in header_line:
        delimiter = next((mark for mark in ";\t" if mark in header_line), ",")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in rows:
            if row:
                yield rows.line_num, [cell.strip() for cell in row]
    except csv.Error as error:
        raise ValueError(f"{path}: line {rows.line_num}: {error}") from None


def _table_rows(path: str | Path, text: str, ending: str, column: str | None) -> Iterator[Row]:
    rows = _table(path, text, ending)
    _, header = next(rows)
    index = _column_index(path, header, column)
    lowered = [name.lower() for name in header]
    called = next((lowered.index(name) for name in NAME_COLUMNS if name in lowered), None)
    for line, row in rows:
        name = row[called] if called is not None and called < len(row) else ""
        yield Row(line, row[index] if index < len(row) else "", name)


def _column_index(path: str | Path, header: list[str], column: str | None) -> int:
    lowered = [name.lower() for name in header]
    listed = ", ".join(repr(name) for name in header)
    if column is not None:
        if column in header:
            return header.index(column)
        if column.lower() in lowered:
            return lowered.index(column.lower())
        raise ValueError(f"{path}: {unknown_name('column', column, header)} (columns: {listed})")
    for name in SMILES_COLUMNS:
        if name in lowered:
            return lowered.index(name)
    raise ValueError(f"{path}: which column holds the SMILES? There are: {listed}")


def _sdf_records(text: str) -> Iterator[Row]:
    start, record = 1, list[str]()
    lines = text.splitlines()
    for number, line in enumerate([*lines, "$$$$"], start=1):
        if not line.startswith("$$$$"):
            record.append(line)
            continue
        if any(part.strip() for part in record):
            smiles, reason = _sdf_molecule("\n".join(record) + "\n")
            title = record[0].strip()
            yield Row(start, smiles, title) if smiles else Row(start, title, title, reason)
        start, record = number + 1, []


def _sdf_molecule(block: str) -> tuple[str, str]:
    """The canonical SMILES of a record, or an empty one and the reason."""
    mol = parse_block(block)
    if isinstance(mol, Problem):
        return "", mol.reason
    try:
        return canonical(mol), ""
    except Exception:  # RDKit's C++ invariants surface as RuntimeError, among others
        return "", "RDKit cannot write this molecule as a SMILES"
