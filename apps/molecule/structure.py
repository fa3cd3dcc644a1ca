"""What a molecule's structure tells: its drawing, its alerts, what it lost or changed.

All of it follows from the canonical SMILES alone, so one cache serves every session.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence

import streamlit as st
from rdkit import Chem
from rdkit.Chem import rdFMCS

from apps.common.elements.cards import Chip
from apps.common.kept import MEGABYTE, Kept, kept
from apps.items.facts import Item
from apps.items.hooks import Choice
from apps.items.spec import Face
from domains.smiles import SmilesDomain
from domains.smiles.chem.alerts import Alert, find_alerts
from domains.smiles.chem.molecule import inchikey, parse, plain_smiles, quiet
from domains.smiles.chem.scores import scaffold
from domains.smiles.chem.syntax import Problem

SHOWN_ALERTS = ("pains", "brenk")
"""Catalogues whose alerts are on every card, whether they filter or not."""
CATALOG_NAMES = {
    "pains": "PAINS",
    "brenk": "BRENK",
    "nih": "NIH",
    "zinc": "ZINC",
    "chembl": "ChEMBL",
}
LARGE, USUAL, SMALL = (420, 240), (300, 200), (220, 130)
SMALLEST_MARKED = 150
"""Width below which nothing is marked."""
MCS_SECONDS = 1
_DOMAIN = SmilesDomain()


@functools.lru_cache(maxsize=20_000)
def key_of(smiles: str) -> str:
    """The InChIKey of a molecule, equal for all its spellings; empty for what is none."""
    mol = parse(smiles)
    return "" if isinstance(mol, Problem) else inchikey(mol)


@functools.lru_cache(maxsize=20_000)
def plain_of(smiles: str) -> str:
    """A molecule without its stereochemistry."""
    mol = parse(smiles)
    return "" if isinstance(mol, Problem) else plain_smiles(mol)


@functools.lru_cache(maxsize=20_000)
def scaffold_of(smiles: str) -> str:
    """The Bemis-Murcko scaffold, empty without rings."""
    mol = parse(smiles)
    return "" if isinstance(mol, Problem) else scaffold(mol)


@functools.lru_cache(maxsize=60_000)
def _alerts(smiles: str, catalog: str) -> tuple[Alert, ...]:
    mol = parse(smiles)
    return () if isinstance(mol, Problem) else tuple(find_alerts(mol, [catalog]))


def alerts_of(item: Item, catalogs: Sequence[str] = SHOWN_ALERTS) -> tuple[Alert, ...]:
    """The alerts of a molecule by these catalogues, with their atoms in its canonical form."""
    if not item.ok:
        return ()
    return tuple(alert for name in catalogs for alert in _alerts(item.form, name))


def alert_chips(item: Item) -> tuple[Chip, ...]:
    """A chip for each alert, and one that says so where there is none."""
    if not item.ok:
        return ()
    alerts = alerts_of(item)
    if not alerts:
        return (Chip("no alerts", "plain", "no PAINS or BRENK alert"),)
    return tuple(Chip(alert.name.replace("_", " "), "warn", "structural alert") for alert in alerts)


def alert_cells(item: Item) -> dict[str, str]:
    """The alerts in a column of a table."""
    return {"Alerts": ", ".join(alert.name.replace("_", " ") for alert in alerts_of(item))}


def alert_figures(items: Sequence[Item]) -> list[tuple[str, str, str]]:
    """The share of molecules without alerts, as a key figure."""
    clean = sum(not alerts_of(item) for item in items)
    share = f"{100 * clean / len(items):.1f} %" if items else "–"
    return [("without alerts", share, "of PAINS and BRENK")]


def choose_alerts(prefix: str) -> Choice:
    """Draws the choice of catalogues whose alerts are filtered out."""
    chosen = st.pills(
        "Drop molecules with alerts of",
        list(CATALOG_NAMES),
        selection_mode="multi",
        default=list(SHOWN_ALERTS),
        format_func=CATALOG_NAMES.__getitem__,
        key=f"{prefix}_alerts",
        help="Substructures that medicinal chemists avoid, by RDKit's catalogues. PAINS and BRENK "
        "alerts are shown on the cards whether they filter or not.",
        persist_state="session",
    )

    def loss(item: Item) -> str:
        return "; ".join(alert.name for alert in alerts_of(item, chosen))

    return Choice(loss, ", ".join(chosen) or "not looked for")


@kept(32 * MEGABYTE)
def drawing(smiles: str, highlight: tuple[int, ...] = (), size: tuple[int, int] = USUAL) -> str:
    """A molecule as SVG, without the classes that RDKit puts on every line: half the bytes.

    Raises:
        DomainError: `smiles` is no molecule.
    """
    svg = str(_DOMAIN.render(smiles, size=size, highlight=highlight).data)
    return re.sub(r" class='[^']*'", "", svg)


def face_of(item: Item, width: int, marked: Sequence[int] | None = None) -> Face:
    """The drawing at a width, with the atoms of alerts marked, or those given."""
    if width < SMALLEST_MARKED:
        return Face(picture=drawing(item.form, (), SMALL), alt=f"structure of {item.form}")
    size = LARGE if width > USUAL[0] else USUAL
    atoms = {atom for alert in alerts_of(item) for atom in alert.atoms}
    marks = tuple(sorted(atoms if marked is None else marked))
    return Face(picture=drawing(item.form, marks, size), alt=f"structure of {item.form}")


def changed_face(item: Item, start: Item, width: int) -> Face:
    """The drawing with the atoms marked that it does not share with the start."""
    return face_of(item, width, changed_atoms(start.form, item.form))


def chosen_face(item: Item) -> Face | None:
    """Draws the choice of an alert to mark, where there are several; the face that marks it."""
    alerts = {alert.name: alert for alert in alerts_of(item)}
    if len(alerts) < 2:
        return None
    chosen = st.pills("Mark in the drawing", list(alerts), key=f"molecule_alert_{item.key}")
    return face_of(item, LARGE[0], alerts[chosen].atoms) if chosen else None


def told_of(item: Item) -> Mapping[str, object]:
    """What files tell of a molecule."""
    return {
        "inchikey": item.key,
        **item.scores,
        "alerts": [alert.name for alert in alerts_of(item)],
        "scaffold": scaffold_of(item.form),
    }


def against(item: Item, other: Item) -> Mapping[str, float]:
    """Whether a molecule has the scaffold of another."""
    wanted = scaffold_of(other.form)
    same = float(scaffold_of(item.form) == wanted)
    return {"scaffold_match": same if item.ok and wanted else float("nan")}


def same_but(item: Item, back: Item) -> str:
    """What is lost where only stereochemistry is."""
    return "stereochemistry" if plain_of(item.form) == plain_of(back.form) else ""


_changed: Kept[tuple[str, str], tuple[int, ...]] = Kept(2_000, lambda key, atoms: 1)


def changed_atoms(start: str, smiles: str) -> tuple[int, ...]:
    """Atoms of a molecule, in the order of its SMILES, that it does not share with the start.

    What they share is their largest common substructure, whole rings only. It is kept for all
    sessions, unless the search for it ran out of time, as it may on a busy server.
    """
    found = _changed.get((start, smiles))
    if found is None:
        found, whole = _find_changed(start, smiles)
        if whole:
            _changed.put((start, smiles), found)
    return found


def _find_changed(start: str, smiles: str) -> tuple[tuple[int, ...], bool]:
    """The atoms, and whether the search for what is shared came to its end."""
    before, after = parse(start), parse(smiles)
    if isinstance(before, Problem) or isinstance(after, Problem):
        return (), True
    with quiet():
        try:
            shared = rdFMCS.FindMCS(
                [before, after],
                timeout=MCS_SECONDS,
                ringMatchesRingOnly=True,
                completeRingsOnly=True,
            )
            pattern = Chem.MolFromSmarts(shared.smartsString) if shared.numAtoms else None
            same = set() if pattern is None else set(after.GetSubstructMatch(pattern))
        except Exception:  # RDKit's C++ layer raises what it likes; nothing is marked then
            return (), True
    changed = (atom for atom in range(after.GetNumAtoms()) if atom not in same)
    return tuple(changed) if same else (), not shared.canceled
