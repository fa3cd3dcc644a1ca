"""A molecule from the user: typed, picked from well-known drugs, or drawn in the JSME editor."""

from __future__ import annotations

import streamlit as st

from apps.common.page import later
from domains.smiles.chem.molecule import MAX_LENGTH
from domains.smiles.domain import EXAMPLES

NAMES = {smiles: name for name, smiles in EXAMPLES.items()}

_guard = st.components.v2.component(
    "tvae_jsme_guard",
    html="<script type='application/json' src='#jsme-editor'>{}\n</script>",
    js="export default function () { window.jsmeOnLoad ||= () => {}\n}",
    isolate_styles=False,
)
"""JSME's wrapper fetches the editor from a CDN when the copy it carries is slow to start, unless
the page has a script of that name; this is one."""


def smiles_input(label: str, key: str, default: str) -> str:
    """A text field for a SMILES beside a menu of well-known drugs; the field is in the address.

    Args:
        label: of the field.
        key: of the field, in the session and in the address.
        default: SMILES at first.
    """
    left, right = st.columns([5, 2], vertical_alignment="bottom")
    if st.session_state.get(f"{key}_drug"):
        st.session_state[key] = EXAMPLES[st.session_state.pop(f"{key}_drug")]
    elif key not in st.session_state and key not in st.query_params:
        st.session_state[key] = default
    typed = left.text_input(
        label, key=key, bind="query-params", placeholder="SMILES", max_chars=MAX_LENGTH
    )
    right.selectbox(
        "Well-known drugs",
        list(EXAMPLES),
        index=None,
        placeholder="Examples",
        label_visibility="collapsed",
        key=f"{key}_drug",
        format_func=str.title,
    )
    return (typed or "").strip()


def sketcher(key: str, current: str) -> None:
    """The editor behind a switch; *Apply* puts what is drawn into the text field `key`.

    The editor follows the text field, but not what came from the editor itself, so that a drawing
    stays as its author laid it out.
    """
    kept = f"_{key}_sketch"
    shown = st.toggle("Draw it", key=f"{key}_draw", persist_state="session")
    if st.session_state.get("_turned") or not shown:
        st.session_state.pop(kept, None)
    if not shown:
        return
    from streamlit_jsme import st_jsme

    state = st.session_state.setdefault(kept, {"shown": current, "applied": ""})
    if current not in (state["applied"], state["shown"]):
        state.update(shown=current)
    with st.container(width=820):
        _guard(key=f"{key}_guard")
        drawn = st_jsme(state["shown"], height=360, key=f"{key}_jsme")
    if not drawn and state["applied"]:
        state.update(shown="", applied="")
    elif drawn and drawn != state["applied"]:
        state.update(applied=drawn)
        later(**{key: drawn})
        st.rerun()
