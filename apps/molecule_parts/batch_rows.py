"""What became of the rows of a file: the account, rows left out, rows that were changed."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from apps.common.bundle import Workbench
from apps.common.downloads import download_bar
from apps.common.page import literal
from apps.molecule_parts.batch import BatchFile
from apps.molecule_parts.workplace import provenance, write
from domains.smiles.reading.readers import Row

SHOWN_ROWS = 200


def draw_account(bench: Workbench, found: BatchFile) -> None:
    """How the rows of the file add up, and what was changed in them."""
    told = [found.account.summary(), *found.account.told()]
    st.caption("  \n".join(literal(line) for line in told))
    if found.changed:
        rows = [(row, "; ".join(change.kind for change in row.changes)) for row in found.changed]
        _draw(bench, rows, found.name, "changed", "was changed", "were changed", "Change")


def draw_refused(bench: Workbench, refused: Sequence[Row], name: str) -> None:
    """Rows that are left out, each with its line and the reason."""
    if refused:
        rows = [(row, row.reason or "") for row in refused]
        _draw(bench, rows, name, "left out", "is left out", "are left out", "Reason")


def _draw(
    bench: Workbench,
    rows: Sequence[tuple[Row, str]],
    file: str,
    what: str,
    one: str,
    several: str,
    column: str,
) -> None:
    """Rows with a line and a word about each, folded away; and a file of them all."""
    key = "batch_refused" if what == "left out" else f"batch_{what}"
    count = f"{len(rows):,} {'row ' + one if len(rows) == 1 else 'rows ' + several}"
    icon = ":material/warning:" if what == "left out" else ":material/info:"
    with st.expander(f"{count}: line and {column.lower()}", icon=icon, key=key):
        st.dataframe(
            [{"Line": r.line, column: word, "Text": r.text} for r, word in rows[:SHOWN_ROWS]],
            key=f"{key}_table",
            hide_index=True,
            alt=f"rows that {several}",
            column_config={
                "Line": st.column_config.NumberColumn(width=60),
                column: st.column_config.TextColumn(width="large"),
            },
        )
        if len(rows) > SHOWN_ROWS:
            st.caption(f"The first {SHOWN_ROWS}; the file below has them all.")
        download_bar(
            f"{file.rsplit('.', 1)[0]}-{what.replace(' ', '-')}",
            lambda: [
                {"smiles": r.text, "line": r.line, "name": r.name, column.lower(): word}
                for r, word in rows
            ],
            provenance(bench, "Batch", {"file": file}),
            write,
            formats=("csv",),
            key=f"batch_{what.replace(' ', '_')}",
        )
