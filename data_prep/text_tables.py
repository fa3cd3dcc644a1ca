"""Rows of a user's .csv, .tsv, .jsonl or .parquet file, also .gz, in bounded memory.

    table = open_table(Path("mine.csv.gz"))
    for row in table.rows(["headline", "label"]):
        ...

Lines are read as bytes, at most `MAX_LINE` of each, so that neither a line of gigabytes nor bytes
of another encoding stop a file: such rows come with a `problem`. What is not UTF-8 in a value comes
as lone surrogates (`surrogateescape`), which whoever takes the value refuses with the row.

A .tsv file is read without quotes, as its media type defines it, unless its header is quoted; a
.csv file with quotes (RFC 4180).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from data_prep.common import BAD_USAGE, PrepError

MAX_LINE = 1 << 20
"""Bytes of the longest line that is looked at."""
MAX_RECORD = 100
"""Lines of the longest row that goes over several lines, as quotes allow in .csv."""
KINDS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
_JSON_ROWS = 100


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its line (or row number) from 1, the values of the columns asked for, what is wrong.

    Where there is a problem, the values hold at most the beginning of the line.
    """

    line: int
    values: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    too_long: bool = False


class Table(ABC):
    """A file of rows with named columns; `total` and `done` count bytes, or rows: see `unit`."""

    names: list[str]
    total: int
    done = 0
    unit = "B"

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def rows(self, columns: Sequence[int]) -> Iterator[Row]:
        """The rows with the values of some columns, given by their places in `names`."""

    def column(self, name: str) -> int:
        """The place of a column; its name may be in other case if none is spelt just so.

        Raises:
            PrepError: there is none, or more than one; with the names there are.
        """
        found = [i for i, there in enumerate(self.names) if there == name]
        found = found or [i for i, t in enumerate(self.names) if t.lower() == name.lower()]
        if len(found) != 1:
            problem = "more than one" if found else "no"
            names = ", ".join(there[:40] for there in self.names[:30])
            raise PrepError(f"{self.path} has {problem} column {name!r}; it has: {names}", 2)
        return found[0]


def open_table(path: Path) -> Table:
    """Opens a file by its ending.

    Raises:
        PrepError: no such file, an unknown ending, an empty file, another encoding, or damage.
    """
    packed = path.suffix.lower() == ".gz"
    suffix = (path.with_suffix("") if packed else path).suffix.lower()
    if path.is_dir():
        raise PrepError(f"{path} is a folder, not a file", BAD_USAGE)
    if not path.is_file():
        raise PrepError(f"no such file: {path}", BAD_USAGE)
    if suffix not in KINDS:
        raise PrepError(f"{path} is none of {', '.join(KINDS)} (also .gz)", BAD_USAGE)
    if suffix == ".parquet":
        from data_prep.text_parquet import ParquetTable

        return ParquetTable(path, packed)
    if suffix in (".csv", ".tsv"):
        return DelimitedTable(path, packed, "\t" if suffix == ".tsv" else ",")
    return JsonTable(path, packed)


class _LineTable(Table):
    """What .csv, .tsv and .jsonl share."""

    def __init__(self, path: Path, packed: bool) -> None:
        super().__init__(path)
        self.packed = packed
        self.total = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(4)
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise PrepError(f"{path} is UTF-16; save it as UTF-8", BAD_USAGE)
        if not packed and start == b"PAR1":
            raise PrepError(f"{path} is a parquet file; name it .parquet", BAD_USAGE)

    def lines(self) -> Iterator[_Line]:
        """All lines with their ends; of one that is too long, its beginning.

        Raises:
            PrepError: a damaged gzip file.
        """
        with self.path.open("rb") as raw:
            file = gzip.GzipFile(fileobj=raw) if self.packed else raw
            try:
                yield from self._lines(file, raw)
            except (EOFError, OSError, ValueError, zlib.error) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise
                raise PrepError(f"{self.path} cannot be read: {error}") from error

    def _lines(
        self, file: gzip.GzipFile | io.BufferedReader, raw: io.BufferedReader
    ) -> Iterator[_Line]:
        number = 0
        while data := file.readline(MAX_LINE):
            number += 1
            self.done = raw.tell()
            if number == 1:
                data = data.removeprefix(b"\xef\xbb\xbf")
            too_long = len(data) >= MAX_LINE and not data.endswith(b"\n")
            text = (data[:1000] if too_long else data).decode("utf-8", "surrogateescape")
            while too_long and data and not data.endswith(b"\n"):
                data = file.readline(MAX_LINE)
            yield _Line(number, text, too_long)


def _too_long(line: _Line) -> Row:
    return Row(line.number, (line.text,), f"a line longer than {MAX_LINE // 1024:,} KB")


class DelimitedTable(_LineTable):
    """A .csv or .tsv file."""

    def __init__(self, path: Path, packed: bool, delimiter: str) -> None:
        super().__init__(path, packed)
        self.delimiter = delimiter
        first = next((line for line in self.lines() if line.text.strip()), None)
        if first is None:
            raise PrepError(f"{path} is empty", BAD_USAGE)
        if first.too_long:
            raise PrepError(f"the header of {path} is longer than {MAX_LINE} bytes", BAD_USAGE)
        self.header = first.number
        self.quoted = delimiter == "," or first.text.startswith('"')
        row = next(self._records(iter([first])))
        text = [value.encode("utf-8", "surrogateescape") for value in row.values]
        self.names = [value.decode("utf-8", "replace").strip() for value in text]

    def rows(self, columns: Sequence[int]) -> Iterator[Row]:
        """See `Table.rows`; a row with another number of fields than the header is refused."""
        width = len(self.names)
        for row in self._records(islice(self.lines(), self.header, None)):
            if row.problem:
                yield row
            elif len(row.values) != width:
                problem = "another number of fields than the header"
                yield Row(row.line, (self.delimiter.join(row.values),), problem)
            else:
                yield Row(row.line, tuple(row.values[place] for place in columns))

    def _records(self, lines: Iterator[_Line]) -> Iterator[Row]:
        """Rows of all fields; lines that an unclosed quote took in are read again."""
        waiting: deque[_Line] = deque()
        while (line := waiting.popleft() if waiting else next(lines, None)) is not None:
            if line.too_long:
                yield _too_long(line)
                continue
            text = line.text.rstrip("\r\n")
            if not text.strip():
                continue
            if not self.quoted or '"' not in text:
                yield Row(line.number, tuple(text.split(self.delimiter)))
                continue
            taken = [line]
            fields = self._parse(taken)
            while isinstance(fields, str) and fields.startswith("unexpected end"):
                more = waiting.popleft() if waiting else next(lines, None)
                if more is None or more.too_long or len(taken) == MAX_RECORD:
                    waiting.extendleft([more] if more is not None else [])
                    fields = "a quotation mark that is never closed"
                    break
                taken.append(more)
                if '"' in more.text:
                    fields = self._parse(taken)
            if isinstance(fields, str):
                waiting.extendleft(reversed(taken[1:]))
                yield Row(line.number, (text,), fields)
            else:
                yield Row(line.number, tuple(fields))

    def _parse(self, lines: Sequence[_Line]) -> list[str] | str:
        """The fields, or what is wrong."""
        texts = (line.text for line in lines)
        try:
            return next(csv.reader(texts, delimiter=self.delimiter, strict=True))
        except csv.Error as error:
            text = str(error)
            return text if text.startswith("unexpected end") else f"not well quoted: {text}"


class JsonTable(_LineTable):
    """A .jsonl file: an object a line."""

    def __init__(self, path: Path, packed: bool) -> None:
        super().__init__(path, packed)
        names: dict[str, None] = {}
        empty = True
        for line in islice(self.lines(), _JSON_ROWS):
            found = _read_object(line)
            empty = empty and not line.text.strip()
            if isinstance(found, dict):
                names.update(dict.fromkeys(found))
        if empty:
            raise PrepError(f"{path} is empty", BAD_USAGE)
        if not names:
            raise PrepError(f"{path} holds no JSON objects, one on each line", BAD_USAGE)
        self.names = list(names)

    def rows(self, columns: Sequence[int]) -> Iterator[Row]:
        """See `Table.rows`; numbers and true or false are taken as their JSON text."""
        keys = [self.names[place] for place in columns]
        for line in self.lines():
            if not line.too_long and not line.text.strip():
                continue
            found = _read_object(line)
            if isinstance(found, str):
                yield Row(line.number, (line.text[:1000],), found)
                continue
            values = [found.get(key) for key in keys]
            if any(isinstance(value, dict | list) for value in values):
                yield Row(line.number, (line.text[:1000],), "a list or object instead of text")
                continue
            yield Row(
                line.number,
                tuple(
                    value if isinstance(value, str) else "" if value is None else json.dumps(value)
                    for value in values
                ),
            )


def _read_object(line: _Line) -> dict[str, object] | str:
    """The object of a line, or what is wrong with it."""
    if line.too_long:
        return _too_long(line).problem
    try:
        found = json.loads(line.text)
    except (ValueError, RecursionError):
        return "not JSON"
    return found if isinstance(found, dict) else "not a JSON object"
