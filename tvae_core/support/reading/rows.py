"""What a reader of tables gives: a `Table` of `Row`s."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tvae_core.support.reading.lines import TableError


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its line (or row number) from 1, the values of the columns asked for, what is wrong.

    Where there is a problem, the values hold at most the beginning of the line.
    """

    line: int
    values: tuple[str, ...]
    problem: str = ""


class Table(ABC):
    """A file of rows with named columns; `total` and `done` count bytes, or rows: see `unit`.

    Attributes:
        names: of the columns.
        header: the line of the column names; 0 where there is none.
        empty: lines without anything on them, of those that `rows` has gone over.
    """

    names: list[str]
    total: int
    done = 0
    header = 0
    empty = 0
    unit = "B"

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def rows(self, columns: Sequence[int]) -> Iterator[Row]:
        """The rows with the values of some columns, given by their places in `names`."""

    @property
    def notes(self) -> list[str]:
        """What there is to tell about how the file was read; complete after the last row."""
        return []

    def holds_text(self, place: int) -> bool:
        """Whether a column's values can be taken as text."""
        return 0 <= place < len(self.names)

    def column(self, name: str) -> int:
        """The place of a column; its name may be in other case if none is spelt just so.

        Raises:
            TableError: there is none, or more than one; with the names there are.
        """
        found = [i for i, there in enumerate(self.names) if there == name]
        found = found or [i for i, t in enumerate(self.names) if t.lower() == name.lower()]
        if len(found) != 1:
            problem = "more than one" if found else "no"
            raise TableError(f"{self.path} has {problem} column {name!r}; it has: {self.listed()}")
        return found[0]

    def listed(self) -> str:
        """The names of the columns, for a message."""
        return ", ".join(there[:40] for there in self.names[:30])
