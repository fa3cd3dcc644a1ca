"""Headlines in a latent space: sample by topic, blend two, move towards a topic, map.

    make app APP=headlines
    streamlit run apps/headlines.py

It opens the bundle that ships with the domain; `TVAE_BUNDLE=/path/to/bundle` or the field under
"Bundle" names another one. Nothing is fetched from the network.
"""

from __future__ import annotations

from apps.common.shell import run_alone
from apps.registry import app_named

run_alone(app_named("headlines"))
