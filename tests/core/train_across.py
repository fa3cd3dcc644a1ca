"""Not a test: trains a tiny model under `torchrun` and leaves its losses and weights.

torchrun --nproc-per-node 2 tests/core/train_across.py FOLDER OPTIMIZER SHARDING KILL_AT STREAM

The last three may be left out. It goes on from the folder's last checkpoint; at step KILL_AT (0:
never) the processes kill themselves.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import datasets
import torch
import torch.optim._muon
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from transformers import PreTrainedTokenizerFast, TrainerCallback, TrainerState

from tests.fp64 import in_fp64
from tvae_core.data.prepared import TokenRows
from tvae_core.data.stream import Source, Stream
from tvae_core.model.config import TVAEConfig
from tvae_core.model.vae import TransformerVAE
from tvae_core.support import collectives
from tvae_core.support.files import json_text
from tvae_core.training.run_folder import last_checkpoint
from tvae_core.training.set_up import make_trainer
from tvae_core.training.settings import TrainSettings


class Kill(TrainerCallback):
    """SIGKILL at a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


@in_fp64()  # in fp32 the last bits of sums grow step by step
def main(
    folder: Path,
    optimizer: str,
    sharding: str = "none",
    kill_at: str = "0",
    stream: str = "",
) -> None:
    if optimizer == "muon_wide":
        torch.optim._muon._zeropower_via_newtonschulz = newton_schulz
        optimizer = "muon"
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
        sharding=sharding,
    )
    model = TransformerVAE(config)
    items = None
    if stream:
        items = Stream(Source(stream), tokenizer(), batch_size=8, max_length=12, buffer=40)
    trainer = make_trainer(model, settings, folder, rows, items)
    trainer.add_callback(Kill(int(kill_at)))
    checkpoint = last_checkpoint(folder)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    trainer.gather()
    model = trainer.accelerator.unwrap_model(trainer.model)
    lines = [line for line in trainer.state.log_history if "reconstruction" in line]
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    if collectives.finish():
        save_file(weights, folder / "weights.safetensors")
        (folder / "lines.json").write_text(json_text(lines))


def newton_schulz(
    grad: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """Muon's orthogonalisation (Jordan 2024) as `torch.optim.Muon` has it, in fp64 for bf16."""
    a, b, c = coefficients
    turned = grad.size(0) > grad.size(1)
    x = (grad.T if turned else grad).double()
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if turned else x).to(grad.dtype)


def tokenizer() -> PreTrainedTokenizerFast:
    """One token a digit, from 4 on."""
    names = ["<pad>", "<bos>", "<eos>", "<mask>", *"0123456789"]
    backend = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, "<mask>"))
    backend.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=backend)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), *sys.argv[2:])
