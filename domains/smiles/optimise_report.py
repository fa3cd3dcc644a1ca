"""What `optimise` leaves of molecules: the table of the best, the history of calls, plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from domains.smiles.chem.writers import write_molecules
from tvae_core.cli import search_report as report
from tvae_core.cli.search_report import HISTORY
from tvae_core.cli.search_report import best_calls as best_calls
from tvae_core.cli.search_report import draw as draw
from tvae_core.cli.search_report import summary as summary
from tvae_core.search.search import Search
from tvae_core.search.types import Call

table = partial(report.table, unit="molecule", head="smiles")


def rows_of(calls: Sequence[Call]) -> list[dict[str, object]]:
    """Molecules as rows of a file."""
    return report.rows_of(calls, "smiles")


def write_history(search: Search, folder: Path, origin: Mapping[str, object]) -> None:
    """Saves the search for `--resume`, and every call as a table."""
    search.save(folder)
    write_molecules(folder / HISTORY, report.history_rows(search, "smiles"), "csv", origin)
