"""A molecule drawn in the JSME editor, for a field that it may be typed in as well."""

from __future__ import annotations

import streamlit as st

from apps.common.page import later

_guard = st.components.v2.component(
    "tvae_jsme_guard",
    html="<script type='application/json' src='#jsme-editor'>{}\n</script>",
    js="export default function () { window.jsmeOnLoad ||= () => {}\n}",
    isolate_styles=False,
)
"""JSME's wrapper fetches the editor from a CDN when the copy it carries is slow to start, unless
the page has a script of that name; this is one."""


def sketcher(key: str) -> None:
    """The editor behind a switch; *Apply* puts what is drawn into the text field `key`.

    The editor follows the text field, but not what came from the editor itself, so that a drawing
    stays as its author laid it out.
    """
    kept, current = f"_{key}_sketch", str(st.session_state.get(key) or "").strip()
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
