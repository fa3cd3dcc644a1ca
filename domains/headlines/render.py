"""A headline as a card: `draw_svg("Rain Ends Long Drought", width=640)`."""

from __future__ import annotations

import textwrap
import unicodedata
from html import escape

from domains.headlines.text import words_of

DEFAULT_WIDTH = 640
MIN_WIDTH, MAX_WIDTH = 160, 4000
_FONT, _LINE, _MARGIN, _FOOT = 28, 38, 32, 30
_LETTER = 0.64
"""Mean width of a bold letter in a wide serif face (DejaVu Serif), of the font's size."""


def draw_svg(text: str, *, width: int = DEFAULT_WIDTH) -> str:
    """Draws a headline, wrapped, with a line of figures under it.

    Args:
        text: a valid headline in canonical form.
        width: of the card in pixels; the height follows the lines.

    Returns:
        An `<svg>` element without the XML header, ready for a page.

    Raises:
        ValueError: a width outside 160 to 4,000 pixels.
    """
    if not MIN_WIDTH <= width <= MAX_WIDTH:
        raise ValueError(f"a card is {MIN_WIDTH} to {MAX_WIDTH} pixels wide, not {width}")
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text) / len(text)
    letters = (width - 2 * _MARGIN) / (_FONT * (_LETTER + wide * (1 - _LETTER)))
    lines = textwrap.wrap(text, max(1, int(letters)))
    height = 2 * _MARGIN + _LINE * len(lines) + _FOOT
    spans = "".join(
        f'<tspan x="{_MARGIN}" y="{_MARGIN + _FONT + _LINE * row}">{escape(line)}</tspan>'
        for row, line in enumerate(lines)
    )
    count = len(words_of(text))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(text)}">'
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="6" '
        'fill="#fffdf8" stroke="#d8d2c4"/>'
        f'<rect x="{_MARGIN}" y="{_MARGIN // 2}" width="48" height="4" fill="#a3262a"/>'
        f'<text font-family="Georgia, serif" font-size="{_FONT}" font-weight="bold" '
        f'fill="#1c1b19">{spans}</text>'
        f'<text x="{_MARGIN}" y="{height - _MARGIN + 8}" font-family="sans-serif" '
        f'font-size="13" fill="#6d675b">{count} words, {len(text)} characters</text></svg>'
    )
