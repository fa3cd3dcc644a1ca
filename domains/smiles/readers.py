"""Molecules from a file of one's own: .smi, .csv, .tsv, .sdf, each also with .gz.

    texts, rejected = read_molecules("actives.csv", column="structure")

Lines that are no molecule are not fatal: they come back with their line number and the reason.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rdkit import Chem

from domains.smiles.chem import canonical, parse, quiet, refusal, unknown_name
from domains.smiles.parallel import CHEAP, Progress, Workers
from domains.smiles.syntax import Problem

SMILES_COLUMNS = ("smiles", "canonical_smiles", "smi", "structure")
"""Column names recognised, in any case, when none is given."""

_LINES = (".smi", ".smiles", ".txt")
_TABLES = (".csv", ".tsv")
_SDF = (".sdf", ".sd")


class RejectedLine(NamedTuple):
    """A row that is no molecule: its 1-based line in the file, its text, and why."""

    line: int
    text: str
    reason: str


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
    ending = _ending(path)
    if column is not None and ending not in _TABLES:
        raise ValueError(f"{path}: only a table has columns; leave the column out for {ending}")
    text = _read_text(path)
    if not text.strip():
        raise ValueError(f"{path}: the file is empty")
    rejected: list[RejectedLine] = []
    if ending in _SDF:
        found = list(_sdf_records(text, rejected))
    elif ending in _TABLES:
        found = list(_table_rows(path, text, ending, column))
    else:
        found = list(_smi_lines(text))
    if not found and not rejected:
        raise ValueError(f"{path}: the file holds no molecules")
    with Workers(jobs) as workers:
        reasons = workers.map(
            _refusals,
            [smiles for _, smiles in found],
            chunk=2000,
            pays_from=CHEAP,
            progress=progress,
        )
    texts: list[str] = []
    for (line, smiles), reason in zip(found, reasons, strict=True):
        if reason is None:
            texts.append(smiles)
        else:
            rejected.append(RejectedLine(line, smiles, reason))
    return texts, sorted(rejected)


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
        raw = Path(path).read_bytes()
        if str(path).lower().endswith(".gz"):
            raw = gzip.decompress(raw)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise ValueError(f"{path}: not a whole gzip file") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace")
    return raw.decode("utf-8-sig", "replace")


def _smi_lines(text: str) -> Iterator[tuple[int, str]]:
    first = True
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if not (first and words[0].lower() in SMILES_COLUMNS):
            yield number, words[0]
        first = False


def _table_rows(
    path: str | Path, text: str, ending: str, column: str | None
) -> Iterator[tuple[int, str]]:
    header_line = text.lstrip("\r\n").splitlines()[0]
    delimiter = "\t" if ending == ".tsv" else ","
    if ending == ".csv" and "," not in header_line:
        delimiter = next((mark for mark in ";\t" if mark in header_line), ",")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header: list[str] = []
        while not header:
            header = [name.strip() for name in next(rows)]
        index = _column_index(path, header, column)
        for row in rows:
            if row:
                yield rows.line_num, row[index].strip() if index < len(row) else ""
    except csv.Error as error:
        raise ValueError(f"{path}: line {rows.line_num}: {error}") from None


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


def _sdf_records(text: str, rejected: list[RejectedLine]) -> Iterator[tuple[int, str]]:
    start, record = 1, list[str]()
    lines = text.splitlines()
    for number, line in enumerate([*lines, "$$$$"], start=1):
        if not line.startswith("$$$$"):
            record.append(line)
            continue
        if any(part.strip() for part in record):
            smiles, reason = _sdf_molecule("\n".join(record) + "\n")
            if smiles:
                yield start, smiles
            else:
                rejected.append(RejectedLine(start, record[0].strip(), reason))
        start, record = number + 1, []


def _sdf_molecule(block: str) -> tuple[str, str]:
    """The canonical SMILES of a record, or an empty one and the reason."""
    with quiet():
        try:
            mol = Chem.MolFromMolBlock(block)
            if mol is not None:
                return canonical(mol), "a molecule without atoms"
            loose = Chem.MolFromMolBlock(block, sanitize=False, removeHs=False)
            reason = None if loose is None else refusal(loose)
        except Exception:  # RDKit's C++ invariants surface as RuntimeError, among others
            reason = None
    return "", reason[0] if reason else "not a readable MDL mol block"
