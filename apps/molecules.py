"""Molecules in a latent space: sample, walk, map, search for a score, work on files of them.

    make app APP=molecules
    streamlit run apps/molecules.py

It opens the bundle that ships with the SMILES domain; `TVAE_BUNDLE=/path/to/bundle` or the field
under "Bundle" names another one. Nothing is fetched from the network.
"""

from __future__ import annotations

from apps.common.shell import run_alone
from apps.registry import app_named

run_alone(app_named("molecules"))
