"""A file from the user: its size is checked before anything reads it, packed or not."""

from __future__ import annotations

import hashlib
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TypeVar

T = TypeVar("T")

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Upload:
    """A file's name, without folders, and its content, unpacked."""

    name: str
    data: bytes

    @property
    def digest(self) -> str:
        """Tells contents apart."""
        return hashlib.sha256(self.data).hexdigest()[:16]

    def read(self, reader: Callable[[Path], T]) -> T:
        """What `reader` makes of the file; its errors speak of the file by the user's name.

        Raises:
            ValueError: as `reader` does.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"upload{PurePosixPath(self.name).suffix.lower()}"
            path.write_bytes(self.data)
            try:
                return reader(path)
            except ValueError as error:
                raise ValueError(str(error).replace(str(path), self.name)) from None


def open_upload(name: str, data: bytes, limit: int) -> Upload:
    """Checks an uploaded file and unpacks it, if it is packed by gzip.

    Args:
        name: as the browser gives it.
        data: the content.
        limit: most bytes, unpacked.

    Raises:
        ValueError: it is empty, too large, or no whole gzip file.
    """
    name = PureWindowsPath(PurePosixPath(name).name).name or "upload"
    if name.lower().endswith(".gz"):
        name, data = name[:-3], _unpack(name, data, limit)
    if not data.strip():
        raise ValueError(f"{name}: the file is empty")
    if len(data) > limit:
        raise ValueError(
            f"{name}: {len(data) / MEGABYTE:.1f} MB is more than the {limit / MEGABYTE:g} MB "
            "that this page takes"
        )
    return Upload(name, data)


def _unpack(name: str, data: bytes, limit: int) -> bytes:
    """Unpacks no more than a byte over `limit`, whatever the file claims to hold."""
    found, rest = bytearray(), data
    try:
        while rest and len(found) <= limit:
            stream = zlib.decompressobj(wbits=31)
            found += stream.decompress(rest, limit + 1 - len(found))
            if not stream.eof and len(found) <= limit:
                raise zlib.error("cut short")
            rest = stream.unused_data
    except zlib.error:
        raise ValueError(f"{name}: not a whole gzip file") from None
    if len(found) > limit:
        raise ValueError(
            f"{name}: unpacks to more than the {limit / MEGABYTE:g} MB that this page takes"
        )
    return bytes(found)
