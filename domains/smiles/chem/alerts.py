"""Structural alerts: substructures that medicinal chemists avoid, by RDKit's filter catalogues.

    alerts_of(mol, ["pains", "brenk"])   # ["PAINS: catechol_A", "BRENK: catechol"]

PAINS: Baell and Holloway, J. Med. Chem. 53, 2719 (2010). BRENK: Brenk et al., ChemMedChem 3, 435
(2008). NIH: Jadhav et al., J. Med. Chem. 53, 37 (2010). ZINC: the ZINC database's filters. ChEMBL:
the rule sets collected in ChEMBL 23.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rdkit import Chem
from rdkit.Chem import FilterCatalog

from domains.smiles.chem.molecule import quiet, unknown_name
from domains.smiles.chem.pains_screen import PainsScreen

_KINDS = FilterCatalog.FilterCatalogParams.FilterCatalogs

CATALOGS: dict[str, str] = {
    "pains": "PAINS",
    "pains_a": "PAINS_A",
    "pains_b": "PAINS_B",
    "pains_c": "PAINS_C",
    "brenk": "BRENK",
    "nih": "NIH",
    "zinc": "ZINC",
    "chembl": "CHEMBL",
    "chembl_bms": "CHEMBL_BMS",
    "chembl_dundee": "CHEMBL_Dundee",
    "chembl_glaxo": "CHEMBL_Glaxo",
    "chembl_inpharmatica": "CHEMBL_Inpharmatica",
    "chembl_lint": "CHEMBL_LINT",
    "chembl_mlsmr": "CHEMBL_MLSMR",
    "chembl_surechembl": "CHEMBL_SureChEMBL",
}
"""Catalogue names as a user writes them, and RDKit's."""

_SCREENED = ("pains", "pains_c")
"""Catalogues with so many patterns that a screen pays."""

_ALL = ("pains", "brenk", "nih", "zinc", "chembl")


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert: its name with its catalogue, and the atoms of the molecule it matches."""

    name: str
    atoms: tuple[int, ...]


def resolve_catalogs(names: str | Sequence[str]) -> tuple[str, ...]:
    """The catalogues behind a user's choice: names, `all` or `none`, in any case.

    A string may list several, separated by commas.

    Raises:
        ValueError: a name is unknown (the nearest are named), or `none` comes with others.
    """
    parts = names.split(",") if isinstance(names, str) else list(names)
    wanted = [part.strip().lower().replace("-", "_") for part in parts if part.strip()]
    for name in wanted:
        if name not in CATALOGS and name not in ("all", "none"):
            raise unknown_name("alert catalogue", name, [*CATALOGS, "all", "none"])
    if "none" in wanted and len(wanted) > 1:
        raise ValueError("alert catalogue 'none' cannot be combined with others")
    chosen = [real for name in wanted for real in (_ALL if name == "all" else (name,))]
    return tuple(dict.fromkeys(name for name in chosen if name != "none"))


@functools.cache
def _catalog(name: str) -> FilterCatalog.FilterCatalog:
    params = FilterCatalog.FilterCatalogParams()
    params.AddCatalog(getattr(_KINDS, CATALOGS[name]))
    return FilterCatalog.FilterCatalog(params)


@functools.cache
def _screen(name: str) -> PainsScreen:
    catalog = _catalog(name)
    return PainsScreen([catalog.GetEntry(row) for row in range(catalog.GetNumEntries())])


def _matching(name: str, mol: Chem.Mol) -> list[Any]:
    """The entries of a catalogue that a molecule matches, in the catalogue's order."""
    if name in _SCREENED:
        return [entry for entry in _screen(name).candidates(mol) if entry.HasFilterMatch(mol)]
    return list(_catalog(name).GetMatches(mol))


def find_alerts(mol: Chem.Mol, catalogs: str | Sequence[str]) -> list[Alert]:
    """The alerts of a molecule with the atoms they match, catalogue by catalogue.

    Raises:
        ValueError: an unknown catalogue.
    """
    found: dict[str, set[int]] = {}
    for catalog in resolve_catalogs(catalogs):
        label = CATALOGS[catalog]
        with quiet():
            for entry in _matching(catalog, mol):
                # RDKit appends how many compounds a PAINS pattern was found in: "catechol_A(92)"
                pattern = re.sub(r"\(\d+\)$", "", entry.GetDescription())
                atoms = found.setdefault(f"{label}: {pattern}", set())
                for match in entry.GetFilterMatches(mol):
                    atoms.update(int(pair[1]) for pair in match.atomPairs)
    return [Alert(name, tuple(sorted(atoms))) for name, atoms in found.items()]


def catalog_of(alert: str) -> str:
    """The catalogue, by its user's name, that an alert's name begins with."""
    return alert.partition(":")[0].lower()


def alerts_of(mol: Chem.Mol, catalogs: str | Sequence[str]) -> list[str]:
    """The names of a molecule's alerts, such as `PAINS: catechol_A`; empty if it has none.

    Raises:
        ValueError: an unknown catalogue.
    """
    return [alert.name for alert in find_alerts(mol, catalogs)]
