"""Not a test: trains a tiny model under `torchrun` and leaves its losses and weights.

torchrun --nproc-per-node 2 tests/core/train_across.py FOLDER OPTIMIZER
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import datasets
import torch
from safetensors.torch import save_file

from tvae_core import across
from tvae_core.config import TVAEConfig
from tvae_core.data import TokenRows
from tvae_core.files import json_text
from tvae_core.model import TransformerVAE
from tvae_core.set_up import make_trainer
from tvae_core.settings import TrainSettings


def main(folder: Path, optimizer: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(0)
    ids = [[rng.randrange(4, 14) for _ in range(rng.randrange(3, 9))] for _ in range(96)]
    rows = TokenRows(datasets.Dataset.from_dict({"text": [""] * 96, "input_ids": ids}))
    torch.manual_seed(3)
    config = TVAEConfig(
        vocab_size=14,
        max_length=12,
        d_model=32,
        n_heads=2,
        d_ff=48,
        encoder_blocks=(1, 1),
        decoder_layers=1,
        n_latent=2,
        latent_size=4,
        latent_norm="running",
        encoder_mask=0.2,
        decoder_mask=0.2,
        mmd_weight=1.0,
        mmd_moment=0.2,
        mmd_memory=20,
        mmd_scope="both",
        sigma_max=1.0,
    )
    settings = TrainSettings(
        max_steps=12,
        batch_size=8,
        gradient_accumulation_steps=2,
        learning_rate=5e-3 if optimizer == "adamw" else 1e-3,
        warmup_steps=2,
        mmd_warmup_steps=6,
        moment_start=3,
        moment_warmup=3,
        log_steps=1,
        save_steps=6,
        precision="fp32",
        optimizer=optimizer,
        threads=1,
    )
    model = TransformerVAE(config)
    trainer = make_trainer(model, settings, folder, rows)
    trainer.train()
    lines = [line for line in trainer.state.log_history if "reconstruction" in line]
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    if across.finish():
        save_file(weights, folder / "weights.safetensors")
        (folder / "lines.json").write_text(json_text(lines))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), sys.argv[2])
