"""What became of the rows of a file: the account, rows left out, rows that were changed."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from apps.common.bundle import Workbench
from apps.common.page import literal
from apps.items.batch.files import BatchFile
from apps.items.hooks import Row
from apps.items.spec import Spec
from apps.items.workplace import downloads

SHOWN_ROWS = 200


def draw_account(spec: Spec, bench: Workbench, found: BatchFile) -> None:
    """How the rows of the file add up, and what was changed in them."""
    st.caption("  \n".join(literal(line) for line in found.told))
    if found.changed:
        rows = [(row, "; ".join(row.changes)) for row in found.changed]
        _draw(spec, bench, rows, found.name, ("changed", "was changed", "were changed", "Change"))


def draw_refused(spec: Spec, bench: Workbench, refused: Sequence[Row], name: str) -> None:
    """Rows that are left out, each with its line and the reason."""
    if refused:
        rows = [(row, row.reason or "") for row in refused]
        words = ("left out", "is left out", "are left out", "Reason")
        _draw(spec, bench, rows, name, words)


def _draw(
    spec: Spec,
    bench: Workbench,
    rows: Sequence[tuple[Row, str]],
    file: str,
    words: tuple[str, str, str, str],
) -> None:
    """Rows with a line and a word about each, folded away; and a file of them all.

    `words` are what they are, the same of one and of several, and the column of the words.
    """
    what, one, several, column = words
    key = f"batch_{what.replace(' ', '_')}"
    count = f"{len(rows):,} {'row ' + one if len(rows) == 1 else 'rows ' + several}"
    icon = ":material/warning:" if what == "left out" else ":material/info:"
    with st.expander(f"{count}: line and {column.lower()}", icon=icon, key=f"{spec.prefix}{key}"):
        st.dataframe(
            [{"Line": r.line, column: word, "Text": r.text} for r, word in rows[:SHOWN_ROWS]],
            key=f"{spec.prefix}{key}_table",
            hide_index=True,
            alt=f"rows that {several}",
            column_config={
                "Line": st.column_config.NumberColumn(width=60),
                column: st.column_config.TextColumn(width="large"),
            },
        )
        if len(rows) > SHOWN_ROWS:
            st.caption(f"The first {SHOWN_ROWS}; the file below has them all.")
        downloads(
            spec,
            bench,
            "Batch",
            f"{file.rsplit('.', 1)[0]}-{what.replace(' ', '-')}",
            lambda: [
                {"text": r.text, "line": r.line, "name": r.name, column.lower(): word}
                for r, word in rows
            ],
            {"file": file},
            f"{key}_file",
            formats=("csv",),
        )
