"""A small model that knows the example tunes by heart."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from domains.midi.domain import MidiDomain
from domains.midi.tokenizer import build_tokenizer
from tvae_core.bundle import save_bundle
from tvae_core.data.batches import pad_rows
from tvae_core.model.config import TVAEConfig
from tvae_core.model.prior import PriorSet
from tvae_core.model.vae import TransformerVAE
from tvae_core.space import LatentSpace


@pytest.fixture(scope="session")
def midi_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose codes decode to the examples, with a Gaussian prior and an unfitted flow."""
    domain = MidiDomain()
    tokenizer = build_tokenizer(2 * domain.examples(), 700)  # twice: whole bars become tokens
    rows = tokenizer(domain.examples(), add_special_tokens=False)["input_ids"]
    ids = pad_rows([torch.tensor(row) for row in rows])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = TransformerVAE(
            TVAEConfig(
                vocab_size=len(tokenizer),
                max_length=96,
                d_model=48,
                n_heads=2,
                d_ff=64,
                encoder_blocks=[1],
                decoder_layers=1,
                n_latent=2,
                latent_size=8,
                sigma_min=0.05,
                sigma_max=0.3,
                mmd_weight=0.1,
            )
        )
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, 1e-2, total_steps=160, pct_start=0.2
        )
        model.train()
        for _ in range(160):
            loss = model(ids).loss
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        priors = PriorSet(model.config.code_size, width=16, depth=1).eval()
    model.eval()
    space = LatentSpace(model, tokenizer, priors, domain)
    priors.gaussian.fit(space.encode(domain.examples()).flatten(1))
    folder = tmp_path_factory.mktemp("midi") / "bundle"
    manifest = {"domain": "midi", "defaults": {"sample_fidelity": 0.5}}
    return save_bundle(folder, model, tokenizer, priors, manifest, "# Examples\n")


@pytest.fixture(scope="session")
def midi_space(midi_bundle: Path) -> LatentSpace:
    return LatentSpace.load(midi_bundle, MidiDomain(midi_bundle))
