"""The front page: every app a card, and all their pages behind one address.

    make app
    streamlit run apps/home.py

torch, RDKit and the bundles are loaded when an app is opened, not before. `TVAE_BUNDLE` names a
bundle, or several separated as in `PATH`, each for the app of its domain.
"""

from __future__ import annotations

from base64 import b64encode
from html import escape
from typing import Any

import streamlit as st

from apps.common.page import heading
from apps.common.shell import run_together
from apps.registry import APPS, AppEntry

TITLE = "T-VAE toolkit"


def front(pages: dict[AppEntry, Any]) -> None:
    """Draws a card for each app, with a link to its first page."""
    heading(
        "Latent spaces you can walk in",
        "One Transformer-VAE, trained anew for each kind of text. Sample what it has learnt, walk "
        "between two items, look around one, see them all on a map.",
    )
    with st.container(horizontal=True, gap="medium", key="home_apps"):
        for entry, page in pages.items():
            with st.container(border=True, width=350, key=f"home_{entry.name}"):
                st.html(card_html(entry))
                st.page_link(page, label=f"Open {entry.title}", icon=":material/arrow_forward:")


def card_html(entry: AppEntry) -> str:
    """Picture, title and sentence of an app; whether its bundle is missing."""
    drawing = b64encode(entry.picture.read_bytes()).decode()
    note = (
        ""
        if entry.shipped
        else "<div class='app-note'>No bundle ships yet: the app says how to train one.</div>"
    )
    return (
        f"<img class='app-picture' alt='' src='data:image/svg+xml;base64,{drawing}'>"
        f"<div class='app-title'>{escape(entry.title)}</div>"
        f"<div class='app-about'>{escape(entry.sentence)}</div>{note}"
    )


run_together(TITLE, APPS, front)
