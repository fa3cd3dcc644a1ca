"""Python statements in a latent space: sample, walk from one to another, look around, map.

    make app APP=python_lines
    streamlit run apps/python_lines.py

It opens the bundle that ships with the domain; `TVAE_BUNDLE=/path/to/bundle` or the field under
"Bundle" names another one. Decoded lines are parsed and drawn, never run.
"""

from __future__ import annotations

from apps.common.shell import run_alone
from apps.registry import app_named

run_alone(app_named("python_lines"))
