"""The printer of tables: sides, widths, Markdown, numbers."""

from __future__ import annotations

import math

import pytest

from tvae_core.support.table import markdown_table, shown, text_table

ROWS = [("name", "n", "text"), ("a", "1,000", "x "), ("b", "2", "")]


@pytest.mark.parametrize(
    ("sides", "widths", "lines"),
    [
        ("<>-", None, ["name      n  text", "a     1,000  x ", "b         2  "]),
        (">", None, ["name      n  text", "   a  1,000    x ", "   b      2      "]),
        # as wide as the heads, whatever is below them; longer cells push what follows
        ("<>-", 0, ["name  n  text", "a     1,000  x ", "b     2  "]),
        ("<>-", 5, ["name       n  text", "a      1,000  x ", "b          2  "]),
        ("<>-", (2, 6), ["name       n  text", "a    1,000  x ", "b        2  "]),
    ],
)
def test_cells_stand_in_columns(
    sides: str, widths: int | tuple[int, ...] | None, lines: list[str]
) -> None:
    assert text_table(ROWS, sides, widths).split("\n") == lines


def test_another_gap_and_no_rows() -> None:
    assert text_table([("a", "b")], gap=" | ") == "a | b"
    assert text_table([]) == ""
    assert text_table([[], []]) == "\n"


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        text_table([("a", "b"), ("c",)], widths=3)


def test_markdown_has_its_rule_below_the_heads() -> None:
    assert markdown_table(ROWS[:2]) == "| name | n | text |\n|---|---|---|\n| a | 1,000 | x  |"


def test_numbers_are_short_and_what_is_none_is_a_dash() -> None:
    assert [shown(v) for v in (1234.5, 0.12345, 7, True, math.nan, None, "x")] == [
        *("1.23e+03", "0.123", "7", "True", "-", "-", "-")
    ]
    assert [shown(v, ".3f", large=",.0f") for v in (-1234.5, 99.5)] == ["-1,234", "99.500"]
