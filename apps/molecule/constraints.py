"""The constraints that only a search for molecules has: no alerts, the scaffold of the start."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from apps.items.facts import Item
from apps.molecule.structure import CATALOG_NAMES, scaffold_of
from domains.smiles.objectives import terms_of
from tvae_core.search.objective import Term


def constrain(start: Item | None) -> dict[str, object]:
    """Draws both; gives the catalogues of alerts and the scaffold to keep, if there is one."""
    alerts = st.pills(
        "No alerts of",
        list(CATALOG_NAMES),
        selection_mode="multi",
        format_func=CATALOG_NAMES.__getitem__,
        key="optimise_alerts",
        help="Substructures that medicinal chemists avoid, by RDKit's catalogues.",
        persist_state="session",
    )
    found = "" if start is None else scaffold_of(start.form)
    keep = st.toggle(
        "Keep the scaffold",
        key="optimise_scaffold",
        disabled=not found,
        help="The Bemis-Murcko scaffold of the start stays a part of every molecule."
        if found
        else "There is no start molecule with rings.",
        persist_state="session",
    )
    return {"alerts": ",".join(alerts) or "none", "scaffold": found if keep and found else None}


def terms(more: Mapping[str, object]) -> list[Term]:
    """The constraints that `constrain` gave, as a search takes them."""
    scaffold = more["scaffold"]
    return terms_of(str(more["alerts"]), None if scaffold is None else str(scaffold), False, None)
