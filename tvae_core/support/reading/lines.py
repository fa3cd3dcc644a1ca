"""Lines of a text file, whatever wrote it: encoding, line ends, gzip; in bounded memory.

    lines = TextLines(Path("mine.csv.gz"))
    for line in lines:
        print(line.number, line.text)
    print(lines.encoding)

UTF-8, UTF-16 and UTF-32 are told by their marks, UTF-16 also by its zeros. Bytes that are no UTF-8
are read as Windows-1252 where the whole file looks like it, and `encoding` then says so; in a file
that is UTF-8 elsewhere they are damage, and come as lone surrogates (`surrogateescape`), which
whoever takes the text refuses. A line ends with LF, CR LF or CR, as in every editor.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tvae_core.support.errors import BAD_USAGE, FAILED, CommandError

MAX_LINE = 16 << 20
"""Bytes of the longest line that is read whole."""
SHOWN = 1000
"""Bytes that are kept of a longer one."""
_BLOCK = 1 << 18
UTF8 = "UTF-8"
WINDOWS = "Windows-1252"
_MARKS = (
    (codecs.BOM_UTF8, UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "UTF-32 (little-endian)", "utf-32-le"),
    (codecs.BOM_UTF32_BE, "UTF-32 (big-endian)", "utf-32-be"),
    (codecs.BOM_UTF16_LE, "UTF-16 (little-endian)", "utf-16-le"),
    (codecs.BOM_UTF16_BE, "UTF-16 (big-endian)", "utf-16-be"),
)
_OTHER_KINDS = (
    (b"\x1f\x8b", "is packed by gzip; name it .gz"),
    (b"PAR1", "is a parquet file; name it .parquet"),
    (b"PK\x03\x04", "is a zip archive or an Excel workbook; save the table as text (.csv)"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel workbook; save the table as text (.csv)"),
)


class TableError(CommandError, ValueError):
    """A file that cannot be read, or not as asked; a page takes it as a `ValueError`."""

    def __init__(self, message: str, exit_code: int = BAD_USAGE) -> None:
        super().__init__(message, exit_code)


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end, numbered from 1; of one that is too long, its beginning."""

    number: int
    text: str
    too_long: bool = False


def check_file(path: Path) -> None:
    """Refuses what is no file.

    Raises:
        TableError: there is no such file, or it is a folder.
    """
    if path.is_dir():
        raise TableError(f"{path} is a folder, not a file")
    if not path.is_file():
        raise TableError(f"{path}: no such file")


class TextLines:
    """The lines of a file; can be gone over again.

    Attributes:
        total: bytes of the file as it lies on the disk.
        done: how many of them have been read.
        encoding: in words; it may turn from UTF-8 to Windows-1252 while lines are read.
    """

    def __init__(self, path: Path) -> None:
        """Looks at the beginning of the file.

        Raises:
            TableError: no such file, a folder, damage, or a file of quite another kind.
        """
        check_file(path)
        self.path, self.done = path, 0
        self.total = path.stat().st_size
        self.packed = path.suffix.lower() == ".gz"
        start = next(self._raw(), b"")
        for mark, what in _OTHER_KINDS:
            if start.startswith(mark):
                raise TableError(f"{path} {what}")
        self.encoding, self._codec, self._mark = _encoding_of(start)
        self._windows: bool | None = None
        self._damaged = 0

    @property
    def notes(self) -> list[str]:
        """What there is to tell about the lines that have been read."""
        notes = [] if self.encoding == UTF8 else [f"read as {self.encoding}"]
        if self._damaged:
            what = "1 line holds" if self._damaged == 1 else f"{self._damaged:,} lines hold"
            notes.append(f"{what} bytes that are not UTF-8")
        return notes

    def __iter__(self) -> Iterator[Line]:
        """All lines.

        Raises:
            TableError: a damaged gzip file.
        """
        self._damaged = 0
        for number, (data, too_long) in enumerate(_split(self._bytes()), start=1):
            if too_long:
                yield Line(number, data.decode("utf-8", "replace"), True)
                continue
            try:
                yield Line(number, data.decode())
            except UnicodeDecodeError:
                yield Line(number, self._decode(data))

    def _raw(self, counted: bool = True) -> Iterator[bytes]:
        """The file in blocks, unpacked."""
        with self.path.open("rb") as raw:
            file: gzip.GzipFile | io.BufferedReader = raw
            if self.packed:
                file = gzip.GzipFile(fileobj=raw)
            try:
                while block := file.read(_BLOCK):
                    if counted:
                        self.done = raw.tell()
                    yield block
            except (EOFError, OSError, ValueError, zlib.error) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise
                what = f"{self.path} cannot be read: not a whole gzip file ({error})"
                raise TableError(what, FAILED) from error

    def _bytes(self, counted: bool = True) -> Iterator[bytes]:
        """The file in blocks without its mark, as UTF-8 if it was in wider units."""
        blocks = self._raw(counted)
        first = next(blocks, b"")[self._mark :]
        if self._codec == "utf-8":
            yield first
            yield from blocks
            return
        decoder = codecs.getincrementaldecoder(self._codec)("replace")
        yield decoder.decode(first).encode("utf-8", "replace")
        for block in blocks:
            yield decoder.decode(block).encode("utf-8", "replace")
        yield decoder.decode(b"", final=True).encode("utf-8", "replace")

    def _decode(self, data: bytes) -> str:
        """A line that is no UTF-8."""
        if self._windows is None:
            self._windows = self._is_windows()
        if self._windows:
            try:
                text = data.decode("cp1252")
            except UnicodeDecodeError:
                pass
            else:
                self.encoding = WINDOWS
                return text
        self._damaged += 1
        return data.decode("utf-8", "surrogateescape")

    def _is_windows(self) -> bool:
        """Whether more lines can only be Windows-1252 than are UTF-8 beyond ASCII, or neither."""
        utf8 = windows = neither = 0
        for data, cut in _split(self._bytes(counted=False)):
            if cut or data.isascii():
                continue
            if _decodes(data, "utf-8"):
                utf8 += 1
            elif _decodes(data, "cp1252"):
                windows += 1
            else:
                neither += 1
        return windows > utf8 and windows > neither


def _encoding_of(start: bytes) -> tuple[str, str, int]:
    """Name, codec and length of the mark of a file that begins so."""
    for mark, name, codec in _MARKS:
        if start.startswith(mark):
            return name, codec, len(mark)
    pairs = len(start[:4096]) // 2
    if pairs >= 4:
        even, odd = (start[:4096][place::2].count(0) for place in (0, 1))
        if odd > 0.6 * pairs and even < 0.1 * pairs:
            return "UTF-16 (little-endian, without a mark)", "utf-16-le", 0
        if even > 0.6 * pairs and odd < 0.1 * pairs:
            return "UTF-16 (big-endian, without a mark)", "utf-16-be", 0
    return UTF8, "utf-8", 0


def _decodes(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _split(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Lines without their ends, and whether each is too long and therefore cut."""
    rest, held, cut = b"", b"", False
    for block in blocks:
        data = held + block
        held = b"\r\r" if data.endswith(b"\r\r") else b"\r" if data.endswith(b"\r") else b""
        data = data[: len(data) - len(held)]
        first, *more = _one_end(data).split(b"\n")
        if not cut:
            rest += first
        if more:
            yield _bounded(rest, cut)
            for line in more[:-1]:
                yield _bounded(line, False)
            rest, cut = more[-1], False
        if len(rest) > MAX_LINE:
            rest, cut = rest[:SHOWN], True
    ends = _one_end(held).count(b"\n")
    if rest or ends:
        yield _bounded(rest, cut)
    for _ in range(ends - 1):
        yield b"", False


def _one_end(data: bytes) -> bytes:
    """The data with every kind of line end as LF; CR CR LF, of a file converted twice, is one."""
    if b"\r" not in data:
        return data
    data = data.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n")
    return data.replace(b"\r", b"\n")


def _bounded(line: bytes, cut: bool) -> tuple[bytes, bool]:
    return (line[:SHOWN], True) if cut or len(line) > MAX_LINE else (line, False)
