"""Pictures of digits as PNG: `digit_png(text)`, and `grid_png(texts, columns=9)` for many.

White ink on black, each pixel a square. The PNG is written here (https://www.w3.org/TR/png-3/), so
that the same digits always make the same bytes.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from domains.mnist.pictures.text import LEVELS, Levels, digit_or_none, text_to_array
from tvae_core.cells import Written, is_none
from tvae_core.support.files import json_text, write_whole

DEFAULT_SIZE = 280
MOST_CELLS = 10_000
MAX_SIDE = 4000
_LINE = 2
_GROUND, _MISSING = 96, 128

Grey = npt.NDArray[np.uint8]


def digit_png(text: str, *, size: int = DEFAULT_SIZE) -> bytes:
    """One digit, upright, in about `size` pixels a side.

    Raises:
        DomainError: the text is no digit.
        ValueError: a size outside 28 to 4,000.
    """
    return png(_enlarged(text_to_array(text), _checked(size)))


def grid_png(
    texts: Sequence[str],
    columns: int,
    *,
    size: int = 84,
    about: Mapping[str, Any] | None = None,
) -> bytes:
    """Many digits as a sheet, row by row; a text that is no digit is a crossed grey cell.

    Args:
        texts: at most 10,000.
        columns: digits in a row.
        size: about how many pixels a digit's side gets.
        about: provenance, written into the file as text.

    Raises:
        ValueError: no texts or too many, or an impossible number of columns or size.
    """
    if not 1 <= len(texts) <= MOST_CELLS:
        raise ValueError(f"a sheet has from 1 to {MOST_CELLS:,} digits, not {len(texts):,}")
    if columns < 1:
        raise ValueError(f"a sheet has at least 1 column, not {columns}")
    columns = min(columns, len(texts))
    side = _checked(size) // 28 * 28 or 28
    step = side + _LINE
    rows = -(-len(texts) // columns)
    sheet = np.full((rows * step + _LINE, columns * step + _LINE), _GROUND, dtype=np.uint8)
    for index, text in enumerate(texts):
        digit = digit_or_none(text)
        cell = _crossed(side) if digit is None else _fitted(digit, side)
        top, left = (_LINE + place * step for place in divmod(index, columns))
        sheet[top : top + side, left : left + side] = cell
    return png(sheet, about)


def write_sheet(
    path: Path, rows: Sequence[Mapping[str, Any]], origin: Mapping[str, Any]
) -> Written:
    """Writes the `text` of each row as a sheet, with its provenance inside; see `grid_png`.

    Returns:
        How many digits are on it, and what became of the other rows.
    """
    texts = [str(row["text"]) for row in rows]
    columns = len(texts) if len(texts) <= 12 else min(40, int(np.ceil(np.sqrt(len(texts)))))
    write_whole(path, grid_png(texts, columns, about=origin))
    bad = sum(digit_or_none(text) is None for text in texts)
    return Written(len(texts) - bad, f"crossed out {bad:,} that {is_none(bad)}" if bad else "")


def png(grey: Grey, about: Mapping[str, Any] | None = None) -> bytes:
    """Grey pixels `(height, width)` as a PNG, with `about` as JSON in a text chunk."""
    height, width = grey.shape
    lines = np.zeros((height, width + 1), dtype=np.uint8)
    lines[:, 1:] = grey
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))]
    if about:
        told = json.dumps(json.loads(json_text(dict(about))))  # ASCII, as a tEXt chunk needs
        chunks.append((b"tEXt", b"Description\0" + told.encode()))
    chunks += [(b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")]
    framed = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def _checked(size: int) -> int:
    if not 28 <= size <= MAX_SIDE:
        raise ValueError(f"a picture of {size} pixels: sides go from 28 to {MAX_SIDE}")
    return size


def _enlarged(digit: Levels, size: int) -> Grey:
    """Nearest neighbour by a whole factor, the largest that stays within `size`."""
    factor = max(1, size // len(digit))
    grey = (digit.astype(np.uint16) * 255 // (LEVELS - 1)).astype(np.uint8)
    return np.asarray(grey.repeat(factor, axis=0).repeat(factor, axis=1))


def _fitted(digit: Levels, side: int) -> Grey:
    """The digit in exactly `side` pixels: enlarged, in the middle of a black cell."""
    cell = np.zeros((side, side), dtype=np.uint8)
    grey = _enlarged(digit, side)
    edge = (side - len(grey)) // 2
    cell[edge : edge + len(grey), edge : edge + len(grey)] = grey
    return cell


def _crossed(side: int) -> Grey:
    cell = np.full((side, side), _MISSING, dtype=np.uint8)
    places = np.arange(side)
    cell[places, places] = cell[places, side - 1 - places] = 255
    return cell
