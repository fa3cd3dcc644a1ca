"""Flags of the smallest architecture that the bench takes."""

from __future__ import annotations

import pytest

SETTINGS = {
    "d_model": "16",
    "n_heads": "2",
    "d_ff": "24",
    "encoder_blocks": "1_1",
    "decoder_layers": "1",
    "n_latent": "2",
    "latent_size": "4",
    "mmd_memory": "8",
}


@pytest.fixture(scope="session")
def tiny_flags() -> list[str]:
    """An architecture, a vocabulary and threads, as a command line gives them."""
    flags = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
    return [*flags, "--vocab-size", "40", "--threads", "1", "--device", "cpu"]
