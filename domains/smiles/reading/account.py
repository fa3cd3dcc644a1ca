"""What became of the rows of a file: kept, rejected, repeated, changed; it adds up.

account = Account(Path("mine.csv"))
for row in molecules.rows():
    account.add(row)
print(account.summary())
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from domains.smiles.reading.texts import Change

WILDCARDS, FRAGMENTS = "wildcards (*)", "several fragments (salts, mixtures)"


@dataclass(slots=True)
class Account:
    """Counts of rows; those of the file that are none (header, comments, empty lines) aside.

    Attributes:
        kept: distinct molecules.
        rejected: rows that are no molecule.
        duplicates: rows with a molecule that an earlier row had.
        changes: rows with each change; `times`: how often it was made in them.
        holds: kept or repeated rows that hold something worth telling.
        first: the line of the first row of each.
        skipped: lines that are no rows, by kind.
        notes: how the file was read.
    """

    kept: int = 0
    rejected: int = 0
    duplicates: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    times: Counter[str] = field(default_factory=Counter)
    holds: Counter[str] = field(default_factory=Counter)
    first: dict[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _seen: dict[str, None] = field(default_factory=dict)

    def molecules(self) -> list[str]:
        """The distinct molecules, in the order of their first rows."""
        return list(self._seen)

    @property
    def rows(self) -> int:
        """Rows of the file."""
        return self.kept + self.rejected + self.duplicates

    def add(self, line: int, smiles: str, changes: Iterable[Change] = ()) -> bool:
        """Counts a row; `smiles` is its canonical form, empty for one that is rejected.

        Returns:
            Whether the row is a molecule that no earlier one was.
        """
        if not smiles:
            self.rejected += 1
            return False
        for change in changes:
            self._count(self.changes, change.kind, line)
            self.times[change.kind] += change.times
        if "*" in smiles:
            self._count(self.holds, WILDCARDS, line)
        if "." in smiles:
            self._count(self.holds, FRAGMENTS, line)
        if smiles in self._seen:
            self.duplicates += 1
            return False
        self._seen[smiles] = None
        self.kept += 1
        return True

    def _count(self, counts: Counter[str], kind: str, line: int) -> None:
        counts[kind] += 1
        self.first.setdefault(kind, line)

    def summary(self) -> str:
        """All rows in one phrase."""
        others = [
            f"{count:,} {what.removesuffix('s') if count == 1 else what}"
            for what, count in self.skipped.items()
            if count
        ]
        beside = f" (beside {', '.join(others)})" if others else ""
        return (
            f"{_rows(self.rows)}{beside}: {self.kept:,} kept, {self.rejected:,} rejected, "
            f"{self.duplicates:,} {'duplicate' if self.duplicates == 1 else 'duplicates'}"
        )

    def told(self) -> list[str]:
        """What else there is to tell, a phrase each."""
        found = list(self.notes)
        for kind, rows in self.changes.items():
            times = f", {self.times[kind]:,} times" if self.times[kind] != rows else ""
            found.append(f"{_rows(rows)}: {kind}{times} (first in line {self.first[kind]})")
        for kind, rows in self.holds.items():
            hold = "holds" if rows == 1 else "hold"
            found.append(f"{_rows(rows)} {hold} {kind} (first in line {self.first[kind]})")
        return found

    def to_dict(self) -> dict[str, Any]:
        """The counts, for a manifest."""
        return {
            "rows": self.rows,
            "kept": self.kept,
            "skipped": {what: count for what, count in self.skipped.items() if count},
            "changed": dict(self.changes),
            "holding": dict(self.holds),
            "read_as": list(self.notes),
        }


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
