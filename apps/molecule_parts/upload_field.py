"""The field for a file of molecules, limited in kind and size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from apps.common.access import note_limit, read_only, switched_off
from apps.common.upload import MEGABYTE
from apps.molecule_parts.batch import ROWS, SIZE
from domains.smiles.reading.readers import SMILES_COLUMNS

READ_ONLY_ROWS = 50
"""Most molecules that are pasted in read-only mode."""


def molecule_file(changed: Callable[[], None]) -> Any:
    """The uploaded file, None for none; in read-only mode it says that there is no upload.

    Args:
        changed: called when another file is chosen.
    """
    if read_only():
        switched_off("Uploads are")
        note_limit(READ_ONLY_ROWS, "molecules")
        return None
    return st.file_uploader(
        "A file of molecules: csv, tsv, jsonl, smi, sdf or mol, also packed (.gz), of at most "
        f"{ROWS:,} rows",
        type=["csv", "tsv", "jsonl", "smi", "smiles", "txt", "sdf", "sd", "mol", "gz"],
        key="batch_upload",
        max_upload_size=int(SIZE / MEGABYTE),
        on_change=changed,
        help="A table needs a column of SMILES, named "
        + ", ".join(SMILES_COLUMNS)
        + " or chosen below; a column such as name or id is kept beside the results. "
        "Molecules stay on this machine.",
    )
