"""Digits as text, in the format of the mnist-text data sets, and back.

A pixel is one of 64 characters, `!` (empty) to a backquote (full ink). A row is its two-digit
number, the word `down` or `up`, and its pixels, all separated by single spaces; a digit is 9, 14 or
28 such rows of as many pixels. `down` lists the rows from the top, `up` the same rows from the
bottom, so the first row of an upturned small digit is number 13.

    00 down ! ! ! ! % % C L a ^ ! ! ! !
    01 down ! ! - ` ` ` ` ` Y ` Q ! ! !

Format: https://huggingface.co/datasets/Fraser/mnist-text-small (and -default); the code is our own.
"""

from __future__ import annotations

import re
from typing import Literal, NoReturn, get_args

import numpy as np
import numpy.typing as npt

from tvae_core.domain import DomainError

Levels = npt.NDArray[np.uint8]
"""A digit, `(side, side)`, 0 (empty) to 63 (full ink)."""

Orientation = Literal["down", "up"]
ORIENTATIONS: tuple[Orientation, ...] = get_args(Orientation)
SIZES = {"tiny": 9, "small": 14, "default": 28}
"""Rows, and pixels a row, of each size."""
SIDES = tuple(SIZES.values())
LEVELS = 64
BLANK = ord("!")
LIT = 16
"""The level from which a pixel counts as ink."""
LEAST_LIT = 3
"""A digit with fewer lit pixels is blank."""
LONGEST = 28 * len("00 down") + 28 * 28 * 2 + 27
"""Characters of the longest digit there can be."""

_PIXEL = "[!-`]"
_LABEL = re.compile(r"([0-9]{2}) (down|up)(?= |\n|$)")
_WHOLE = {
    side: re.compile(rf"(?:[0-9]{{2}} (?:down|up)(?: {_PIXEL}){{{side}}}\n){{{side}}}")
    for side in SIDES
}


def array_to_text(array: npt.ArrayLike, orientation: Orientation = "down") -> str:
    """The text of a digit; `text_to_array` gives exactly the array again.

    Args:
        array: `(side, side)` whole numbers 0 to 63, side 9, 14 or 28, upright.
        orientation: list the rows from the top (`down`) or from the bottom (`up`).

    Raises:
        DomainError: another shape or level, or an unknown orientation.
    """
    levels = checked_levels(array)
    if orientation not in ORIENTATIONS:
        raise DomainError(f"an orientation is down or up, not {orientation!r}")
    rows = [
        f"{row:02d} {orientation} {' '.join(bytes(pixels).decode())}"
        for row, pixels in enumerate(levels + np.uint8(BLANK))
    ]
    return "\n".join(rows if orientation == "down" else rows[::-1])


def checked_levels(array: npt.ArrayLike) -> Levels:
    """The array as levels; raises `DomainError` for another shape, type or range."""
    found = np.asarray(array)
    if found.ndim != 2 or found.shape[0] != found.shape[1] or found.shape[0] not in SIDES:
        raise DomainError(f"a digit has 9 x 9, 14 x 14 or 28 x 28 pixels, not shape {found.shape}")
    if found.dtype.kind not in "iu":
        raise DomainError(f"pixels are whole numbers 0 to {LEVELS - 1}, not {found.dtype}")
    if found.min() < 0 or found.max() >= LEVELS:
        raise DomainError(
            f"pixels go from 0 to {LEVELS - 1}, not from {found.min()} to {found.max()}"
        )
    return found.astype(np.uint8)


def orientation_of(text: str) -> Orientation:
    """`down` or `up`, by the first row of a valid text."""
    return "up" if text.startswith("up", 3) else "down"


def text_to_array(text: str) -> Levels:
    """The digit of a text, upright whatever its orientation.

    Raises:
        DomainError: it is no digit, or a blank one; with the reason and the first character at
            fault.
    """
    if not isinstance(text, str):
        raise DomainError(f"a digit is a text, not {type(text).__name__}")
    if not text:
        raise DomainError("the text is empty", 0)
    if len(text) > LONGEST:
        raise DomainError(
            f"the text has {len(text):,} characters; a digit has at most {LONGEST:,}", LONGEST
        )
    side = text.count("\n") + 1
    if side not in SIDES or not _WHOLE[side].fullmatch(text + "\n"):
        _explain(text)
    rows = text.split("\n")
    orientation = orientation_of(text)
    order = range(side) if orientation == "down" else range(side - 1, -1, -1)
    if any(
        not row.startswith(f"{n:02d} {orientation} ") for n, row in zip(order, rows, strict=True)
    ):
        _explain(text)
    first = len(f"00 {orientation} ")
    pixels = "".join(row[first::2] for row in rows).encode()
    levels = np.frombuffer(pixels, dtype=np.uint8).reshape(side, side) - np.uint8(BLANK)
    if np.count_nonzero(levels >= LIT) < LEAST_LIT:
        raise DomainError(f"a blank image: fewer than {LEAST_LIT} pixels have ink")
    return levels if orientation == "down" else levels[::-1].copy()


def _explain(text: str) -> NoReturn:
    """Raises for the first character at fault of a text that does not match the format."""
    rows = text.split("\n")
    head = _LABEL.match(rows[0])
    if not head:
        raise DomainError("a digit starts with a row label such as '00 down'", 0)
    orientation, side = head[2], _side(rows, len(head[0]))
    start = 0
    for index, row in enumerate(rows[:side]):
        number = index if orientation == "down" else side - 1 - index
        found = _LABEL.match(row)
        if not found:
            raise DomainError(f"row {index + 1} starts with no label such as '03 down'", start)
        if found[2] != orientation:
            raise DomainError(
                f"mixed orientations: row {index + 1} says {found[2]}, the first {orientation}",
                start + 3,
            )
        if int(found[1]) != number:
            raise DomainError(f"row {index + 1} is numbered {found[1]}, not {number:02d}", start)
        _explain_pixels(row, len(found[0]), side, number, start)
        start += len(row) + 1
    if len(rows) > side:
        raise DomainError(f"{len(rows)} rows, where a digit of this width has {side}", start - 1)
    raise DomainError(f"{len(rows)} rows, where a digit of this width has {side}", len(text))


def _side(rows: list[str], label: int) -> int:
    """The size that a text means: its first row's width, or else its number of rows."""
    width = (len(rows[0]) - label) // 2
    if width in SIDES:
        return width
    if len(rows) in SIDES:
        return len(rows)
    raise DomainError(
        f"{len(rows)} rows, the first of {width} pixels: digits have 9 x 9, 14 x 14 or 28 x 28",
        len(rows[0]) if width not in SIDES else None,
    )


def _explain_pixels(row: str, label: int, side: int, number: int, start: int) -> None:
    """Raises if the pixels of a row, after the `label` characters of its label, are wrong."""
    for place in range(label, len(row), 2):
        pixel = row[place + 1 : place + 2]
        if (place - label) // 2 >= side:
            raise DomainError(f"row {number:02d} has more than {side} pixels", start + place)
        if row[place] != " ":
            raise DomainError(f"{row[place]!r} where a space goes before a pixel", start + place)
        if pixel and not re.fullmatch(_PIXEL, pixel):
            raise DomainError(f"{pixel!r} is no pixel: they go from '!' to '`'", start + place + 1)
        if not pixel:
            break
    count = (len(row) - label) // 2
    if count != side or (len(row) - label) % 2:
        raise DomainError(f"row {number:02d} has {count} pixels, not {side}", start + len(row))


def digit_or_none(text: str) -> Levels | None:
    """The array of a text, None if it is no digit."""
    try:
        return text_to_array(text)
    except DomainError:
        return None
