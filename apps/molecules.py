"""Molecules in a latent space: sample, walk, map, search for a score, work on files of them.

    make app
    streamlit run apps/molecules.py

It opens the bundle that ships with the SMILES domain; `TVAE_BUNDLE=/path/to/bundle` or the field
under "Bundle" names another one. Nothing is fetched from the network.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

ICON = Path(__file__).parent / "common" / "molecules.png"

PAGES = {
    "sample": ("Sample", ":material/casino:"),
    "molecule": ("Molecule", ":material/hexagon:"),
    "walk": ("Walk", ":material/timeline:"),
    "map": ("Map", ":material/scatter_plot:"),
    "optimise": ("Optimise", ":material/trending_up:"),
    "batch": ("Batch", ":material/upload_file:"),
    "compare": ("Compare", ":material/bar_chart:"),
}


def main() -> None:
    """Runs the page that the address names."""
    st.set_page_config(page_title="Molecules", page_icon=ICON, layout="wide")
    pages = {
        name: st.Page(
            f"molecule_pages/{name}.py",
            title=title,
            icon=icon,
            url_path=name,
            default=name == "sample",
        )
        for name, (title, icon) in PAGES.items()
    }
    page = st.navigation(list(pages.values()), position="top")
    st.session_state["_pages"] = pages
    st.session_state["_turned"] = st.session_state.get("_page") != page.url_path
    st.session_state["_page"] = page.url_path
    if ready():
        page.run()


def ready() -> bool:
    """Loads the libraries and the bundle; says what is wrong and how to mend it, if it cannot."""
    # The first import takes seconds: inside the function, the page is there while it lasts.
    with st.spinner("Starting: loading torch, RDKit and the model ..."):
        from apps.common.bundle import bundle_field, explain_missing
        from apps.common.page import begin
        from apps.molecule_parts.workplace import workbench
        from domains.smiles.domain import BUNDLE
        from tvae_core.checkpoint import BundleError

        begin()
        try:
            workbench()
        except BundleError as error:
            problem = error
        else:
            return True
    st.title("Molecules", anchor=False)
    explain_missing(problem, "domains/smiles")
    bundle_field(BUNDLE)
    return False


main()
