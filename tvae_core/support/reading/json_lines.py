"""Rows of a .jsonl file (an object a line), as `tvae_core.support.reading.tables` gives them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from tvae_core.support.reading.lines import MAX_LINE, SHOWN, Line, TableError, TextLines
from tvae_core.support.reading.rows import Row, Table

_JSON_ROWS = 100
"""Rows that tell which columns there are."""


class JsonTable(Table):
    """A .jsonl file: an object a line."""

    def __init__(self, path: Path) -> None:
        """Reads the names of the columns from the first rows.

        Raises:
            TableError: the file is empty, damaged, or holds no JSON objects.
        """
        super().__init__(path)
        self.lines = TextLines(path)
        self.total = self.lines.total
        names: dict[str, None] = {}
        empty = True
        for line in islice(self.lines, _JSON_ROWS):
            found = _read_object(line)
            empty = empty and not line.text.strip()
            if isinstance(found, dict):
                names.update(dict.fromkeys(found))
        if empty:
            raise TableError(f"{path} is empty")
        if not names:
            raise TableError(f"{path} holds no JSON objects, one on each line")
        self.names = list(names)

    @property
    def notes(self) -> list[str]:
        """See `Table.notes`."""
        return self.lines.notes

    def rows(self, columns: Sequence[int]) -> Iterator[Row]:
        """See `Table.rows`; numbers and true or false are taken as their JSON text."""
        keys = [self.names[place] for place in columns]
        self.empty = 0
        for line in self.lines:
            self.done = self.lines.done
            if not line.too_long and not line.text.strip():
                self.empty += 1
                continue
            found = _read_object(line)
            if isinstance(found, str):
                yield Row(line.number, (line.text[:SHOWN],), found)
                continue
            values = [found.get(key) for key in keys]
            if any(isinstance(value, dict | list) for value in values):
                yield Row(line.number, (line.text[:SHOWN],), "a list or object instead of text")
                continue
            yield Row(line.number, tuple(map(_text, values)))


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)


def _read_object(line: Line) -> dict[str, object] | str:
    """The object of a line, or what is wrong with it."""
    if line.too_long:
        return f"a line longer than {MAX_LINE // 1024:,} KB"
    try:
        found = json.loads(line.text)
    except (ValueError, RecursionError):
        return "not JSON"
    return found if isinstance(found, dict) else "not a JSON object"
