"""Bundles that say what they were trained on, for tests of `--bundle`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tvae_core.bundle import save_bundle
from tvae_core.data import known
from tvae_core.model.config import TVAEConfig
from tvae_core.model.prior import PriorSet
from tvae_core.model.vae import TransformerVAE


def bundle_of(folder: Path, domain: str, tokenizer: Any, known_set: known.KnownSet | None) -> Path:
    """An untrained bundle that says that it was trained on a set."""
    torch.manual_seed(0)
    config = TVAEConfig(
        vocab_size=len(tokenizer),
        d_model=16,
        n_heads=2,
        d_ff=24,
        encoder_blocks=(1,),
        decoder_layers=1,
        n_latent=1,
        latent_size=4,
    )
    extra = {}
    if known_set is not None:
        folder.parent.mkdir(exist_ok=True, parents=True)
        known_set.save(folder.parent / "known.bin")
        extra = {"known.bin": folder.parent / "known.bin"}
    priors = PriorSet(config.code_size, width=8, depth=1)
    manifest = {"domain": domain}
    return save_bundle(folder, TransformerVAE(config), tokenizer, priors, manifest, "card", extra)
