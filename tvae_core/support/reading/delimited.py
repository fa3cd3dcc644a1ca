"""Rows of a .csv or .tsv file, as `tvae_core.support.reading.tables` gives them.

The header tells what separates (comma, semicolon or tab; Excel's `sep=;` before it is obeyed). A
table of commas or semicolons has quotes (RFC 4180); one of tabs has none, as its media type defines
it, unless its header is quoted. A quotation mark that is not closed, or is closed only where rows
went by, rejects its own line, and the lines after it are read.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from tvae_core.support.reading.lines import MAX_LINE, Line, TableError, TextLines
from tvae_core.support.reading.rows import Row, Table

MAX_RECORD = 1000
"""Lines of the longest row that goes over several lines, as quotes allow."""
_OPEN = "a quotation mark that is never closed"
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)


class DelimitedTable(Table):
    """A .csv or .tsv file."""

    def __init__(self, path: Path, kind: str) -> None:
        """Reads the header.

        Args:
            path: the file.
            kind: `.csv` or `.tsv`, which says what separates where the header does not.

        Raises:
            TableError: the file is empty, damaged, or its header cannot be read.
        """
        super().__init__(path)
        self.lines = TextLines(path)
        self.total = self.lines.total
        usual = "\t" if kind == ".tsv" else ","
        filled = (line for line in self.lines if line.text.strip())
        first = next(filled, None)
        named = _SEPARATOR.fullmatch(first.text.strip('" ')) if first else None
        if named:
            first = next(filled, None)
        if first is None:
            raise TableError(f"{path} is empty")
        if first.too_long:
            raise TableError(f"the header of {path} is longer than {MAX_LINE} bytes")
        self.header = first.number
        self.delimiter = named[1] if named else _delimiter_of(first.text, usual)
        self._form: list[str] = []
        if self.delimiter != usual:
            what = _NAMES.get(self.delimiter, repr(self.delimiter))
            self._form = [f"separated by {what}"]
        self.quoted = self.delimiter != "\t" or first.text.lstrip().startswith('"')
        self.spaced = f'{self.delimiter} "' in first.text
        self._last_of_header = 0
        self.names = self._header()

    @property
    def notes(self) -> list[str]:
        """See `Table.notes`."""
        return self.lines.notes + self._form

    def _header(self) -> list[str]:
        row = next(self._records(self._header_lines(), 0))
        if row.problem:
            raise TableError(f"the header of {self.path} cannot be read: {row.problem}")
        text = [value.encode("utf-8", "surrogateescape") for value in row.values]
        return [" ".join(value.decode("utf-8", "replace").split()) for value in text]

    def _header_lines(self) -> Iterator[Line]:
        for line in islice(self.lines, self.header - 1, None):
            self._last_of_header = line.number
            yield line

    def rows(self, columns: Sequence[int]) -> Iterator[Row]:
        """See `Table.rows`; a row of fewer fields than the header, or more that hold something."""
        width = len(self.names)
        self.empty = 0
        for row in self._records(islice(self.lines, self._last_of_header, None), width):
            self.done = self.lines.done
            values = row.values
            problem = row.problem or _ragged(values, width)
            if problem:
                yield Row(row.line, (self.delimiter.join(values),), problem)
            else:
                yield Row(row.line, tuple(values[place] for place in columns))

    def _records(self, lines: Iterator[Line], width: int) -> Iterator[Row]:
        """Rows of all fields; lines that an unclosed quote took in are read again.

        Args:
            lines: where they stand.
            width: fields of a row; 0 for the header, of which this is not known.
        """
        waiting: deque[Line] = deque()
        while (line := waiting.popleft() if waiting else next(lines, None)) is not None:
            if line.too_long:
                yield Row(line.number, (line.text,), f"a line longer than {MAX_LINE >> 10:,} KB")
            elif not line.text.strip():
                self.empty += 1
            elif not self.quoted or '"' not in line.text:
                yield Row(line.number, tuple(line.text.split(self.delimiter)))
            else:
                yield self._quoted(line, lines, waiting, width)

    def _quoted(self, line: Line, lines: Iterator[Line], waiting: deque[Line], width: int) -> Row:
        """A row with quotes; lines it takes in without being one row go back to `waiting`."""
        record = _Record(self.delimiter, self.spaced)
        problem = record.add(line.text)
        taken: list[Line] = []
        size = len(line.text)
        while problem == _OPEN:
            more = waiting.popleft() if waiting else next(lines, None)
            if more is not None:
                taken.append(more)
                size += len(more.text)
            if more is None or more.too_long or len(taken) >= MAX_RECORD or size > MAX_LINE:
                break
            problem = record.add(f"\n{more.text}")
        if taken and width and not problem:
            problem = _ragged(record.fields, width)
            if problem:
                problem += f" (over lines {line.number} to {taken[-1].number})"
            elif self._rows_went_by(record, taken, width):
                problem = _OPEN
        if problem:
            waiting.extendleft(reversed(taken))
            return Row(line.number, (line.text,), problem)
        return Row(line.number, tuple(record.fields))

    def _rows_went_by(self, record: _Record, taken: Sequence[Line], width: int) -> bool:
        """Whether all the lines that a row of several lines took in look like rows themselves.

        They do where they have as many fields and no space after what separates, as sentences have.
        The last line of a row that opens with a quotation mark is no sign: it closes the text and
        has all fields that follow.
        """
        if record.opened == 0:
            taken = taken[:-1]
        filled = [line.text for line in taken if line.text.strip()]
        spaced = f"{self.delimiter} "
        return (
            width > 1
            and bool(filled)
            and all(
                text.count(self.delimiter) == width - 1 and (self.spaced or spaced not in text)
                for text in filled
            )
        )


class _Record:
    """The fields of one row, line by line.

    Attributes:
        fields: those that are complete.
        opened: the place of the field that a line's end was last in; -1 for none.
    """

    def __init__(self, delimiter: str, spaced: bool) -> None:
        self.fields: list[str] = []
        self.opened = -1
        self._delimiter, self._spaced = delimiter, spaced
        self._parts: list[str] | None = None

    def add(self, text: str) -> str:
        """Takes a line; what is wrong with the row so far, `_OPEN` where it goes on."""
        at = 0
        while True:
            if self._parts is None:
                start = at
                while self._spaced and text.startswith(" ", start):
                    start += 1
                if not text.startswith('"', start):
                    end = text.find(self._delimiter, at)
                    self.fields.append(text[at:] if end < 0 else text[at:end])
                    if end < 0:
                        return ""
                    at = end + 1
                    continue
                self._parts, at = [], start + 1
            end = text.find('"', at)
            if end < 0:
                self._parts.append(text[at:])
                self.opened = len(self.fields)
                return _OPEN
            if text.startswith('"', end + 1):
                self._parts.append(text[at : end + 1])
                at = end + 2
                continue
            self.fields.append("".join([*self._parts, text[at:end]]))
            self._parts = None
            at = end + 1
            while text.startswith(" ", at):
                at += 1
            if at == len(text):
                return ""
            if not text.startswith(self._delimiter, at):
                return "not well quoted: text after a closing quotation mark"
            at += 1


def _delimiter_of(header: str, usual: str) -> str:
    """What separates the names of a header: what is there most often outside of quotes."""
    bare = re.sub(r'"[^"]*"', "", header)
    if usual == "\t" and usual in bare:
        return usual
    counts = {mark: bare.count(mark) for mark in (usual, ",", ";", "\t")}
    return max(counts, key=lambda mark: counts[mark])


def _ragged(values: Sequence[str], width: int) -> str:
    """What is wrong with the number of fields; empty ones beyond the header are nothing."""
    if len(values) >= width and not any(map(str.strip, values[width:])):
        return ""
    only = "only " if len(values) < width else ""
    fields = "1 field" if len(values) == 1 else f"{len(values):,} fields"
    return f"{only}{fields}, the header has {width:,}"
