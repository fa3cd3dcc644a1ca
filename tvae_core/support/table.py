"""Tables as text, the only printer of them: for a terminal in columns, for a page as Markdown.

    text_table([("score", "item"), ("0.1", "a"), ("12", "b")], ">-")

Numbers are made text by who prints them; `shown` does so where the usual rules are enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Cells = Sequence[str]


def text_table(
    rows: Sequence[Cells],
    sides: str = ">",
    widths: Sequence[int] | int | None = None,
    gap: str = "  ",
) -> str:
    """Rows of cells in columns, a line each.

    Args:
        rows: of equally many cells; the heads, if there are any, are the first of them.
        sides: where the cells of each column stand: `<` left, `>` right, `-` as they are, without
            blanks beside them. The last sign goes for the columns that remain.
        widths: of each column; those left out at the end are 0. By default its widest cell's; a
            number: that of its head, at least so much, whatever the cells below it. Longer cells
            are never cut.
        gap: between columns.
    """
    if not rows:
        return ""
    count = len(rows[0])
    signs = (sides + sides[-1] * count)[:count]
    if widths is None:
        wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    elif isinstance(widths, int):
        wide = [max(len(head), widths) for head in rows[0]]
    else:
        wide = [*widths, *[0] * (count - len(widths))]
    forms = [
        "" if sign == "-" else f"{sign}{width}" for sign, width in zip(signs, wide, strict=True)
    ]
    return "\n".join(
        gap.join(format(cell, form) for cell, form in zip(row, forms, strict=True)) for row in rows
    )


def markdown_table(rows: Sequence[Cells]) -> str:
    """Rows as a Markdown table, the first of them its heads; cells are written as they are."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def shown(value: object, form: str = ".3g", large: str | None = None) -> str:
    """A number as tables print it.

    Args:
        value: whole numbers and truth values are written as they are, `-` stands for NaN and for
            what is no number.
        form: format of a fraction.
        large: format of a fraction of 100 or more, on either side of 0, if it is another.
    """
    if isinstance(value, bool | int):
        return str(value)
    if not isinstance(value, float) or math.isnan(value):
        return "-"
    return format(value, large if large is not None and abs(value) >= 100 else form)
