"""The fidelity dial as a slider that says what it does."""

from __future__ import annotations

import streamlit as st

from tvae_core.decoding.dial import sigma_of
from tvae_core.model.config import TVAEConfig

HELP = (
    "How closely the decoder follows the latent code. At 1 it trusts every number of the code: "
    "best to reproduce an item. Towards 0 it takes the code for a noisy one and leans on what it "
    "knows of valid items: best far from the data. Both are the same trained model."
)


def fidelity_dial(config: TVAEConfig, key: str, value: float, label: str = "Fidelity") -> float:
    """A slider from 0 (stay valid) to 1 (follow the code) with the noise level it stands for."""
    setting = st.slider(
        label, 0.0, 1.0, round(value, 2), 0.01, key=key, help=HELP, persist_state="session"
    )
    st.html(
        "<div class='dial-legend'><span>0 · stay valid</span>"
        f"<span>σ {float(sigma_of(config, setting)):.2f}</span>"
        "<span>follow the code · 1</span></div>"
    )
    return float(setting)
