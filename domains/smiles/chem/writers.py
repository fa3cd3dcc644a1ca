"""The formats that only molecules have, smi and sdf, beside those of `tvae_core.rows`.

A row has its SMILES and whatever else there is to tell; `name` is used as the title where there is
one. Where provenance goes:

- smi: SMILES, name, `bundle=...`, `seed=...`, separated by blanks, and all of it as JSON at the end
  of the first line. No header and no comment lines, because few readers of .smi skip them;
- sdf: properties of every record; a SMILES that is no molecule has a record without atoms.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from domains.smiles.chem.syntax import Problem
from tvae_core.cells import Row, cell, provenance

if TYPE_CHECKING:
    from rdkit import Chem

Origin = Mapping[str, Any]


def check_place(path: Path) -> None:
    """Refuses a file in a folder that is not there, or not to be written to.

    Raises:
        ValueError: naming the file and what is in the way.
    """
    if path.is_dir():
        raise ValueError(f"{path}: is a folder, not a file to write")
    if not path.parent.is_dir():
        raise ValueError(f"{path}: the folder {path.parent} does not exist")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {error.strerror}") from None


def _title(row: Row, number: int) -> str:
    return cell(row.get("name")) or f"molecule-{number}"


def write_smi(file: TextIO, rows: Iterable[Row], origin: Origin, first: str) -> None:
    """SMILES, name and origin in columns separated by blanks."""
    told = [f"{key}={_word(origin[key])}" for key in ("bundle", "seed") if key in origin]
    for number, row in enumerate(rows, start=1):
        words = [_word(row[first]), _word(_title(row, number)), *told]
        if origin and number == 1:
            words.append(provenance(origin))
        file.write(" ".join(words) + "\n")


def _word(value: object) -> str:
    """The value without blanks, which separate; `-`, which is no SMILES either, for nothing."""
    return "_".join(cell(value).split()) or "-"


def write_sdf(file: TextIO, rows: Iterable[Row], origin: Origin, first: str) -> None:
    """A record each, with coordinates and all that is told as properties."""
    from domains.smiles.chem.molecule import parse, quiet

    told = {key: cell(origin[key]) for key in ("bundle", "seed") if key in origin}
    if origin:
        told["provenance"] = provenance(origin)
    # RDKit's own writer reports a full disk only on its log: Python writes the text
    with quiet():
        for number, row in enumerate(rows, start=1):
            mol = parse(row[first])
            texts = {key: cell(value) for key, value in {**row, **told}.items() if key != "name"}
            texts["_Name"] = _title(row, number)
            file.write(_record(None if isinstance(mol, Problem) else mol, texts, number))


def _record(mol: Chem.Mol | None, texts: Mapping[str, str], number: int) -> str:
    """One record; without atoms where RDKit cannot write them (the SMILES is a property still)."""
    from rdkit import Chem
    from rdkit.Chem import rdDepictor

    for kekulize in (True, False) if mol is not None else ():
        try:
            drawn = Chem.Mol(mol)
            rdDepictor.Compute2DCoords(drawn)
            return _sd_text(drawn, texts, number, kekulize)
        except Exception:  # an odd aromatic system, a charged wildcard: RDKit raises what it likes
            continue
    return _sd_text(Chem.Mol(), texts, number, True)


def _sd_text(mol: Chem.Mol, texts: Mapping[str, str], number: int, kekulize: bool) -> str:
    from rdkit import Chem

    for key, text in texts.items():
        mol.SetProp(key, text)
    return str(Chem.SDWriter.GetText(mol, kekulize=kekulize, molid=number - 1))


WRITERS = {"smi": write_smi, "sdf": write_sdf}
"""By the ending of their files."""
