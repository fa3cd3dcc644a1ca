"""Files of molecules on the Batch page: tables, SMILES lines and mol blocks, with every change."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from apps.items.hooks import Format, Row
from domains.smiles.reading.readers import (
    ENDINGS,
    SMILES_COLUMNS,
    Account,
    MoleculeFile,
    columns_of,
)


def read(path: Path, column: str | None, most: int) -> tuple[list[Row], list[str]]:
    """The rows of a file, and how they add up; see `apps.items.hooks.FileReader`."""
    file = MoleculeFile(path, column)
    found = list(islice(file.rows(), most + 1))
    account = Account(notes=file.notes, skipped=file.skipped)
    for row in found:
        account.add(row.line, row.smiles, row.changes)
    rows = [
        Row(
            row.line,
            row.text,
            row.name,
            row.reason,
            row.smiles,
            tuple(change.kind for change in row.changes),
        )
        for row in found
    ]
    return rows, [account.summary(), *account.told()]


FORMAT = Format(
    read=read,
    columns=columns_of,
    endings=(*(ending.removeprefix(".") for ending in ENDINGS), "gz"),
    usual=SMILES_COLUMNS,
    column="Column of SMILES",
    pasted="pasted.smi",
    example="CC(=O)Nc1ccc(O)cc1 paracetamol",
    named=True,
)
