"""The trainer of runs that outgrow one machine: sharded weights, streamed items.

What it adds to a checkpoint is `sharded/` (see `sharded`) in place of weights and optimiser state
in one piece, and `stream.json`, the place in the stream.
"""

from __future__ import annotations

import json
import random
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers.trainer_pt_utils import safe_globals

from tvae_core.data.stream import Stream, StreamError
from tvae_core.model.vae import TransformerVAE
from tvae_core.support import collectives
from tvae_core.support.files import json_text
from tvae_core.training import fsdp
from tvae_core.training.fsdp import ShardedCheckpointError
from tvae_core.training.loop import TVAETrainer, collate_share

STREAM = "stream.json"


class DistributedTrainer(TVAETrainer):
    """`TVAETrainer` for models that `fsdp.shard` has spread, and for checkpoints of either kind.

    A run may go on in another number of processes than it began with: weights and optimiser state
    are read by name, and the state of the random numbers is the same in all processes.

    Args:
        stream: where training items come from instead of `train_dataset`.
        **kwargs: as for `TVAETrainer`.
    """

    def __init__(self, *, stream: Stream | None = None, **kwargs: Any) -> None:
        self.stream = stream
        super().__init__(**kwargs)
        self.args.ignore_data_skip = stream is not None  # it knows its place itself
        if fsdp.is_sharded(self._core):
            # its forward still gets autocast, but no DDP around it: gradients are averaged already
            prepare = partial(_prepare, prepare=self.accelerator.prepare_model)
            self.accelerator.prepare_model = prepare

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Batches of the stream where there is one, else those of `TVAETrainer`."""
        if self.stream is None:
            return super().get_train_dataloader()
        own = torch.Generator()  # a loader draws a number, which the model's must not miss
        return DataLoader(self.stream, batch_size=None, collate_fn=collate_share, generator=own)

    def gather(self) -> None:
        """Brings a sharded model into one piece, in all processes together, after training."""
        self.model = fsdp.whole(self._core)

    @property
    def _core(self) -> TransformerVAE:
        core: TransformerVAE = self.accelerator.unwrap_model(self.model)
        return core

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Writes the weights; those of a sharded model are `_save_optimizer_and_scheduler`'s."""
        if not fsdp.is_sharded(self._core):
            super().save_model(output_dir, _internal_call)
        elif self.args.should_save:
            folder = Path(output_dir or self.args.output_dir or ".")
            folder.mkdir(parents=True, exist_ok=True)
            self._core.config.save_pretrained(folder)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if self.stream is not None and self.args.should_save:
            place = self.stream.state_at(self._batches())
            (Path(output_dir) / STREAM).write_text(json_text(place))
        if not fsdp.is_sharded(self._core):
            super()._save_optimizer_and_scheduler(output_dir)
            return
        assert self.optimizer is not None
        assert self.lr_scheduler is not None
        fsdp.save(self._core, self.optimizer, Path(output_dir) / fsdp.FOLDER)
        if self.args.should_save:
            torch.save(self.lr_scheduler.state_dict(), Path(output_dir) / "scheduler.pt")

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: nn.Module | None = None
    ) -> None:
        folder = Path(resume_from_checkpoint) / fsdp.FOLDER
        if folder.is_dir():
            fsdp.load(self._core, folder)
        elif fsdp.is_sharded(self._core):
            raise ShardedCheckpointError(
                f"{resume_from_checkpoint} is in one piece: go on with --sharding none"
            )
        else:
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _batches(self) -> int:
        return self.state.global_step * self.args.gradient_accumulation_steps

    def _find_place(self, checkpoint: Path) -> None:
        there = (checkpoint / STREAM).is_file()
        if there != (self.stream is not None):
            how = "with" if there else "without"
            raise StreamError(f"the run of {checkpoint} began {how} --stream; go on {how} it")
        if self.stream is not None:
            self.stream.restore(json.loads((checkpoint / STREAM).read_text()), self._batches())

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            self._find_place(Path(checkpoint))
        folder = Path(checkpoint or ".") / fsdp.FOLDER
        if checkpoint is None or not folder.is_dir():
            super()._load_optimizer_and_scheduler(checkpoint)
            return
        assert self.optimizer is not None
        assert self.lr_scheduler is not None
        fsdp.load(self._core, folder, self.optimizer)
        self.lr_scheduler.load_state_dict(
            torch.load(Path(checkpoint) / "scheduler.pt", weights_only=True)
        )

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """As `Trainer` does; where processes are more or fewer now, from another one's file."""
        if checkpoint is None:
            return
        alone, first = (Path(checkpoint) / f"rng_state{n}.pth" for n in ("", "_0"))
        own = (
            alone
            if collectives.world() == 1
            else first.with_name(f"rng_state_{collectives.rank()}.pth")
        )
        if own.is_file():
            super()._load_rng_state(checkpoint)
            return
        file = first if first.is_file() else alone
        if not file.is_file():
            return
        with safe_globals():
            state = torch.load(file, weights_only=True)
        random.setstate(state["python"])
        np.random.set_state(state["numpy"])
        torch.random.set_rng_state(state["cpu"])
        if torch.cuda.is_available() and "cuda" in state:
            device = state["cuda"]
            torch.cuda.set_rng_state(device[0] if isinstance(device, list) else device)


def _prepare(model: nn.Module, *, prepare: Any, **kwargs: Any) -> nn.Module:
    prepared: nn.Module = prepare(model, device_placement=False, evaluation_mode=True)
    return prepared
