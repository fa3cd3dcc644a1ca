"""Handwritten digits in a latent space: sample, walk, morph between four corners, map.

    make app APP=digits
    streamlit run apps/digits.py

It opens the bundle that ships with the domain; `TVAE_BUNDLE=/path/to/bundle` or the field under
"Bundle" names another one. Nothing is fetched from the network.
"""

from __future__ import annotations

from apps.common.shell import run_alone
from apps.registry import app_named

run_alone(app_named("digits"))
