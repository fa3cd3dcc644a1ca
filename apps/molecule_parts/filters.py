"""The filters of the Sample page: widgets in, a `Wanted` out."""

from __future__ import annotations

import streamlit as st

from apps.common.page import problem
from apps.common.windows import Range, window
from apps.molecule_parts.sieve import Wanted
from apps.molecule_parts.view import LABELS, meaning
from domains.smiles.chem.molecule import MAX_LENGTH
from domains.smiles.chem.scores import SCORES
from domains.smiles.funnel_types import FunnelOptions

RANGES = {
    "qed": Range(0.0, 1.0, 0.05),
    "sa": Range(1.0, 10.0, 0.5),
    "logp": Range(-4.0, 8.0, 0.5),
    "weight": Range(100.0, 700.0, 10.0),
    "tpsa": Range(0.0, 200.0, 5.0),
    "lipinski": Range(0.0, 4.0, 1.0),
    "heavy_atoms": Range(5.0, 60.0, 1.0),
    "rings": Range(0.0, 10.0, 1.0),
}
FIRST_RANGES = ("qed", "sa", "logp", "weight")

CATALOG_NAMES = {
    "pains": "PAINS",
    "brenk": "BRENK",
    "nih": "NIH",
    "zinc": "ZINC",
    "chembl": "ChEMBL",
}

SORTS = {
    "QED, best first": "qed",
    "SA, easiest first": "sa",
    "logP, low first": "-logp",
    "logP, high first": "+logp",
    "Weight, light first": "-weight",
    "Weight, heavy first": "+weight",
    "TPSA, low first": "-tpsa",
    "Similarity to the reference": "similarity",
    "As they came": None,
}


def filter_controls(can_tell_novel: bool) -> Wanted | None:
    """Draws the filters; None, with the reason shown, when they contradict themselves.

    Args:
        can_tell_novel: the bundle has a set of known molecules.
    """
    st.subheader("Filter", anchor=False)
    alerts = st.pills(
        "Drop molecules with alerts of",
        list(CATALOG_NAMES),
        selection_mode="multi",
        default=["pains", "brenk"],
        format_func=CATALOG_NAMES.__getitem__,
        key="sample_alerts",
        help="Substructures that medicinal chemists avoid, by RDKit's catalogues. PAINS and BRENK "
        "alerts are shown on the cards whether they filter or not.",
        persist_state="session",
    )
    minimum: dict[str, float] = {}
    maximum: dict[str, float] = {}
    for name in FIRST_RANGES:
        property_window(name, minimum, maximum, "sample")
    with st.expander("More properties"):
        for name in RANGES:
            if name not in FIRST_RANGES:
                property_window(name, minimum, maximum, "sample")
    unique = st.toggle(
        "Unique",
        True,
        key="sample_unique",
        help="Keep one of each molecule, by InChIKey.",
        persist_state="session",
    )
    novel = st.toggle(
        "Novel only",
        False,
        key="sample_novel",
        help="Drop molecules that the training set has."
        if can_tell_novel
        else "This bundle does not say what the training set has.",
        disabled=not can_tell_novel,
        persist_state="session",
    )
    reference = st.text_input(
        "Reference molecule",
        key="sample_reference",
        placeholder="SMILES to compare with",
        max_chars=MAX_LENGTH,
        help="Adds Tanimoto similarity (Morgan, radius 2) to every card.",
        persist_state="session",
    )
    sort = st.selectbox("Sort by", list(SORTS), key="sample_sort", persist_state="session")
    try:
        options = FunnelOptions(
            alerts=alerts or "none",
            minimum=minimum,
            maximum=maximum,
            novel_only=novel and can_tell_novel,
            sort=SORTS[sort],
        )
    except ValueError as error:
        problem(error)
        return None
    return Wanted(options, unique, (reference or "").strip())


def property_window(
    name: str, minimum: dict[str, float], maximum: dict[str, float], page: str
) -> None:
    """Draws the slider of a property on a page and notes the limits that it sets."""
    unit = SCORES[name].unit
    label = LABELS[name][0] + (f" ({unit})" if unit in ("g/mol", "Å²") else "")
    key = f"{page}_window_{name}"
    window(name, label, meaning(name), RANGES[name], minimum, maximum, key)
