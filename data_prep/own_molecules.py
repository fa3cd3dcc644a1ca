"""A user's own file of molecules for `data_prep.smiles`: distinct molecules, and what became of it.

What is told on stderr: how the file was read, the first rejected rows, and each kind of change with
the line where it is first. `rejected.csv` and `changed.csv` have every such row.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from data_prep.prepared import SHOWN_REJECTED, Rejected, tell_rejected
from domains.smiles.reading.readers import READER, TABLES, Account, MoleculeFile
from tvae_core.support.progress import Bar
from tvae_core.support.reading.tables import kind_of


class Changed(NamedTuple):
    """A row that was changed: its line in the file, its text, the molecule that it is now, how."""

    line: int
    text: str
    smiles: str
    change: str


@dataclass(slots=True)
class OwnMolecules:
    """The distinct molecules of a file in its order, and the rows that were left out or changed."""

    account: Account = field(default_factory=Account)
    rejected: list[Rejected] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """Canonical SMILES."""
        return self.account.molecules()

    def details(self) -> dict[str, object]:
        """What the manifest tells."""
        return {"reader": READER, "input": self.account.to_dict()}


def read_own(path: Path, column: str | None, jobs: int) -> OwnMolecules:
    """Reads a file of molecules and tells what became of its rows.

    Args:
        path: of any ending that `domains.smiles.reading.readers` knows.
        column: the column with the SMILES, for tables; by default one of the usual names.
        jobs: processes that parse.

    Raises:
        TableError: (a `PrepError`) the file cannot be read, has no such column, or no rows.
    """
    ending = kind_of(path)
    if column is not None and ending not in TABLES:
        print(f"{path}: --column is for tables; a {ending} file has none", file=sys.stderr)
        column = None
    file, found = MoleculeFile(path, column), OwnMolecules()
    bar = Bar("reading molecules", "row" if ending == ".parquet" else "B")
    for row in file.rows(jobs, bar):
        found.account.add(row.line, row.smiles, row.changes)
        if row.reason is not None:
            found.rejected.append(Rejected(row.line, row.text, row.reason))
        elif row.changes:
            change = "; ".join(change.kind for change in row.changes)
            found.changed.append(Changed(row.line, row.text, row.smiles, change))
    bar.close()
    found.account.notes, found.account.skipped = file.notes, file.skipped
    _report(path, found)
    return found


def _report(path: Path, found: OwnMolecules) -> None:
    tell_rejected(path, found.rejected)
    if len(found.rejected) > SHOWN_REJECTED:
        more = len(found.rejected) - SHOWN_REJECTED
        print(f"{path}: {more:,} more rejected, all in rejected.csv", file=sys.stderr)
    for line in found.account.told():
        print(f"{path}: {line}", file=sys.stderr)


def why_so_few(found: OwnMolecules) -> str:
    """What may explain that a file gave few molecules, for a message; empty for nothing."""
    told = list(found.account.notes)
    if found.rejected:
        reason, times = Counter(row.reason for row in found.rejected).most_common(1)[0]
        rows = "row was" if times == 1 else "rows were"
        told.append(f"{times:,} {rows} rejected for this: {reason}")
    return "".join(f"; {part}" for part in told)
