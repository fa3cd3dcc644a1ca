"""Tunes in a latent space: listen, blend, shape, and bring your own.

    make app APP=music
    streamlit run apps/music.py

It opens the bundle that ships with the domain; `TVAE_BUNDLE=/path/to/bundle` or the field under
"Bundle" names another one. Sound is rendered here: nothing is fetched from the network.
"""

from __future__ import annotations

from apps.common.shell import run_alone
from apps.registry import app_named

run_alone(app_named("music"))
