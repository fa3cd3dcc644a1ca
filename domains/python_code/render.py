"""A statement with its syntax highlighted, by Pygments: as SVG, HTML or coloured pieces.

Pygments is the library of this field; it knows every token of the language.
"""

from __future__ import annotations

from pygments import highlight
from pygments.formatters import HtmlFormatter, SvgFormatter
from pygments.lexers import PythonLexer
from pygments.styles import get_style_by_name

STYLE = "friendly"
_WIDTH, _HEIGHT, _SIZE = 8.5, 19, 14


def draw_svg(code: str) -> str:
    """An SVG drawing of highlighted code, as wide as its longest line."""
    formatter = SvgFormatter(
        nowrap=True, style=STYLE, fontsize=f"{_SIZE}px", xoffset=8, yoffset=20, ystep=_HEIGHT
    )
    body: str = highlight(code, PythonLexer(stripnl=False, ensurenl=False), formatter)
    lines = code.split("\n")
    width = round(max(map(len, lines)) * _WIDTH) + 16
    height = len(lines) * _HEIGHT + 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="monospace" font-size="{_SIZE}px">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{body}</svg>'
    )


def draw_html(code: str) -> str:
    """Highlighted code as HTML with inline styles, everything escaped."""
    drawn: str = highlight(
        code, PythonLexer(stripnl=False), HtmlFormatter(noclasses=True, nowrap=True, style=STYLE)
    )
    return drawn.rstrip("\n")


def draw_pieces(code: str) -> tuple[tuple[str, str], ...]:
    """Highlighted code as (text, CSS colour), the colour empty where it is the reader's own.

    The texts together are the code. For pages that set text and colours themselves.
    """
    style, pieces = get_style_by_name(STYLE), []
    for token, text in PythonLexer(stripnl=False, ensurenl=False).get_tokens(code):
        colour = style.style_for_token(token)["color"]
        pieces.append((text, f"#{colour}" if colour else ""))
    return tuple(pieces)
