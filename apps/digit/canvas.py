"""A canvas to draw a digit on; it comes with the app and loads nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from domains.mnist.pictures.images import SIDE, Pixels, read_image
from domains.mnist.pictures.render import png
from domains.mnist.pictures.text import array_to_text
from tvae_core.domain import DomainError

_HERE = Path(__file__).parent
_MARGIN = 1
_BROKEN = "the drawing has not arrived whole: draw it again"
_draw = st.components.v2.component(
    "tvae_digit_canvas",
    css=(_HERE / "canvas.css").read_text(encoding="utf-8"),
    js=(_HERE / "canvas.js").read_text(encoding="utf-8"),
)


def digit_canvas(key: str, side: int) -> str | None:
    """Draws the canvas; gives the text of what is drawn, None for nothing.

    Args:
        key: of the component.
        side: pixels a side of the digit: 9, 14 or 28.

    Raises:
        DomainError: what is drawn is no digit, such as a single dot.
    """
    found: Any = _draw(key=key, default={"levels": ""}, on_levels_change=lambda: None)
    drawn = str(getattr(found, "levels", "") or "")
    return text_of(drawn, side) if drawn else None


def text_of(drawn: str, side: int) -> str:
    """The digit of 28 x 28 grey levels in hexadecimal, cropped and centred as MNIST's are.

    Raises:
        DomainError: they are none, or draw nothing.
    """
    if len(drawn) != 2 * SIDE * SIDE:
        raise DomainError(_BROKEN)
    try:
        levels = np.frombuffer(bytes.fromhex(drawn), dtype=np.uint8)
        pixels: Pixels = levels.reshape(SIDE, SIDE)
    except ValueError:
        raise DomainError(_BROKEN) from None
    # One row and column more than MNIST's size, or the reader would take it as it is.
    wide = np.pad(pixels, _MARGIN)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drawing.png"
        path.write_bytes(png(wide))
        try:
            return array_to_text(read_image(path, side))
        except DomainError as error:
            raise DomainError(str(error).replace(str(path), "the drawing")) from None
