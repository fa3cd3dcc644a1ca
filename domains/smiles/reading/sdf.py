"""The records of an .sdf or .mol file, line by line.

A record ends with a line `$$$$` or with the file. Where that line is missing, the next molecule is
still found: by its counts line, three lines below its title, which stands after an empty line or an
`M  END`. Where the second molecule cannot be told from data, the record is refused, naming the line
of the second `M  END`. A mol block that is the value of a data field is data.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tvae_core.support.reading.lines import Line

MAX_BLOCK_LINES = 20_000
"""Lines of the longest mol block that is looked at."""
_END = re.compile(r"M  END\s*")
_COUNTS = re.compile(r"[ \d]{6}.*V[23]000\s*")


@dataclass(frozen=True, slots=True)
class Record:
    """A record: its first line in the file, its title, its mol block, what is wrong with it."""

    line: int
    title: str
    block: str
    problem: str = ""


class SdfRecords:
    """The records of a file; gone over once.

    Attributes:
        missing: the lines that a line `$$$$` is missing before.
        empty: records with nothing in them.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        self.missing: list[int] = []
        self.empty = 0
        self._lines = lines
        self._begin([])

    def __iter__(self) -> Iterator[Record]:
        """All records that hold anything."""
        for line in self._lines:
            if line.text.strip() == "$$$$":
                found = list(self._record())
                self.empty += not found
                yield from found
                self._begin([])
            elif not self._ended:
                self._take(line)
            elif _COUNTS.fullmatch(line.text) and self._follows_a_molecule():
                head = list(self._recent)[1:]
                yield from self._record()
                self.missing.append(head[0].number)
                self._begin([*head, line])
            else:
                self._look(line)
        if self._start:
            yield from self._record()

    def _begin(self, lines: list[Line]) -> None:
        self._start = 0
        self._block: list[str] = []
        self._problem = ""
        self._ended = self._is_data = False
        self._recent: deque[Line] = deque(maxlen=4)
        for line in lines:
            self._take(line)

    def _take(self, line: Line) -> None:
        """A line of the mol block."""
        self._start = self._start or line.number
        if len(self._block) < MAX_BLOCK_LINES:
            self._block.append(line.text)
            if len(self._block) > 4 and _COUNTS.fullmatch(line.text):
                self._problem = (
                    f"a second molecule in one record: its counts are in line {line.number}; "
                    "M  END and a line $$$$ are missing before it"
                )
        else:
            self._problem = f"a mol block of more than {MAX_BLOCK_LINES:,} lines"
        if _END.fullmatch(line.text):
            self._ended = True
            self._recent.append(line)

    def _follows_a_molecule(self) -> bool:
        """Whether a counts line here is a molecule's, and not a data field's."""
        before = self._recent[0].text
        self._is_data = len(self._recent) == 4 and before.startswith(">")
        return len(self._recent) == 4 and (not before.strip() or bool(_END.fullmatch(before)))

    def _look(self, line: Line) -> None:
        """A line of the data after a mol block."""
        if _END.fullmatch(line.text):
            if not self._is_data:
                self._problem = (
                    f"a second molecule in one record: its M  END is line {line.number}; "
                    "a line $$$$ is missing before it"
                )
            self._is_data = False
        self._recent.append(line)

    def _record(self) -> Iterator[Record]:
        if not any(text.strip() for text in self._block):
            return
        title = self._block[0].strip()
        if title.startswith("$RXN"):
            self._problem = "a reaction is not a molecule"
        yield Record(self._start, title, "\n".join(self._block) + "\n", self._problem)
