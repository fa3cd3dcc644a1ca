"""A full training step of either model (forward, backward, clipping, optimiser, zero_grad), and the
rows that it is given: random ones, or batches of a prepared set as the trainer's loader makes them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from tvae_core.bench.baseline import OriginalVAE
from tvae_core.bench.memory import make_optimiser
from tvae_core.data.batches import BucketBatchSampler, collate, pad_rows
from tvae_core.data.prepared import PreparedSet, TokenRows
from tvae_core.model.config import TVAEConfig
from tvae_core.model.vae import TransformerVAE
from tvae_core.training.presets import TrainSettings

Batch = dict[str, Tensor]
_RATE = 1e-5


def synchronise(device: str) -> None:
    """Waits for what a GPU still has to do; nothing to wait for on a CPU."""
    if device == "cuda":
        torch.cuda.synchronize()


def seconds(work: Callable[[], object], device: str) -> float:
    """Wall-clock seconds of one call, with what it started on the device."""
    synchronise(device)
    start = time.perf_counter()
    work()
    synchronise(device)
    return time.perf_counter() - start


def autocast(precision: str, device: str) -> contextlib.AbstractContextManager[Any]:
    """What training in that precision runs under: bf16 autocast, or nothing."""
    if precision == "bf16":
        return torch.autocast(device, torch.bfloat16)
    return contextlib.nullcontext()


class OurStep:
    """A training step of `TransformerVAE` as the trainer runs it.

    Args:
        config: architecture.
        settings: optimiser, checkpointing, clipping, seed.
        device: `cpu` or `cuda`.
    """

    def __init__(self, config: TVAEConfig, settings: TrainSettings, device: str) -> None:
        torch.manual_seed(settings.seed)
        model: TransformerVAE = TransformerVAE(config)
        self.model = model.to(device).train()  # type: ignore[arg-type]
        self.model.set_checkpointing(
            settings.gradient_checkpoint_encoder, settings.decoder_grad_chk_pnt_rate
        )
        self.device, self.clip = device, settings.max_grad_norm
        self.optimizer = make_optimiser(self.model, settings)

    def __call__(self, batch: Batch, precision: str = "fp32") -> None:
        """One step on `input_ids` and `attention_mask` `(b, length)`."""
        batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
        with autocast(precision, self.device):
            loss = self.model(**batch).loss
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def flops(self, batch: Batch) -> int:
        """Model FLOPs of a step: 3 x those of the matrix products of one forward pass.

        A backward pass multiplies twice for every product of the forward pass; recomputation by
        checkpointing is not counted (Chowdhery et al. 2022, arXiv 2204.02311, appendix B).
        Attention counts every pair of positions that is computed. Padding counts.
        """
        batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
        counter = FlopCounterMode(display=False)
        # the fused CPU attention is unknown to the counter; its parts are not
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
            self.model(**batch)
        return 3 * counter.get_total_flops()


class OriginalStep:
    """A training step of the baseline in fp32 with torch's AdamW as it comes.

    Args:
        config: architecture to match.
        settings: clipping, weight decay, seed.
        device: `cpu` or `cuda`.
        own: as the original ran it, see `baseline`.
    """

    def __init__(
        self, config: TVAEConfig, settings: TrainSettings, device: str, own: bool = False
    ) -> None:
        torch.manual_seed(settings.seed)
        self.model = OriginalVAE(config, own).to(device).train()
        self.device, self.clip = device, settings.max_grad_norm
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=_RATE, weight_decay=settings.weight_decay
        )

    def __call__(self, batch: Batch) -> None:
        """One step on `input_ids` (`<eos>` included) and `attention_mask` `(b, length)`."""
        batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
        self.model(**batch).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()


def padded(rows: Sequence[Sequence[int]], width: int, end: int | None = None) -> Batch:
    """Token rows as `input_ids` and `attention_mask` `(b, width)`.

    Args:
        rows: bare tokens.
        width: columns.
        end: token appended to every row, for the model that wants `<eos>` in its input.
    """
    tail = [] if end is None else [end]
    full = [torch.tensor([*row, *tail], dtype=torch.long) for row in rows]
    ids = pad_rows([*full, torch.zeros(width, dtype=torch.long)])[:-1]
    lengths = torch.tensor([len(row) for row in full])
    mask = torch.arange(width)[None] < lengths[:, None]
    return {"input_ids": ids, "attention_mask": mask.long()}


def random_rows(
    config: TVAEConfig, batch: int, length: int, seed: int, batches: int = 1
) -> list[list[list[int]]]:
    """Batches of full rows of random tokens: `length` in all, their `<eos>` among them."""
    generator = torch.Generator().manual_seed(seed)
    low = min(config.mask_token_id + 1, config.vocab_size - 1)
    shape = (batches, batch, length - 1)
    rows: list[list[list[int]]] = torch.randint(
        low, config.vocab_size, shape, generator=generator
    ).tolist()
    return rows


def parameters(model: nn.Module) -> int:
    """Weights of a model, shared ones once."""
    return sum(weight.numel() for weight in model.parameters())


def run_all(step: Callable[[Batch], None], batches: Iterable[Batch]) -> None:
    """One step a batch."""
    for batch in batches:
        step(batch)


_POOL = 64
"""Batches that the trainer sorts by length together, see `BucketBatchSampler`."""


class CutRows(Dataset[dict[str, Tensor]]):
    """The rows of a prepared set, read from its memory-mapped file and cut to `length` tokens.

    Args:
        rows: of a split.
        length: most tokens of a row, its `<eos>` included.
    """

    def __init__(self, rows: TokenRows, length: int) -> None:
        self.rows, self.most = rows, length - 1
        self.lengths = np.minimum(rows.lengths, self.most)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"input_ids": torch.from_numpy(self.rows.row(index)[: self.most])}

    def __getitems__(self, indices: list[int]) -> list[dict[str, Tensor]]:
        return [self[index] for index in indices]


class RealBatches:
    """Some batches of a prepared set's training split, bucketed by length as in training.

    A pool of 64 batches of random rows is bucketed and `count` batches are taken from it at even
    steps of length, so that few batches stand for all of them.

    Args:
        path: prepared set.
        config: its vocabulary must hold the set's tokens.
        length: most tokens of a row, its `<eos>` included.
        batch_size: rows a batch.
        count: batches.
        seed: of the draw.

    Raises:
        PreparedSetError: not a prepared set.
        ValueError: too few rows, or tokens outside the vocabulary.
    """

    def __init__(
        self,
        path: str | Path,
        config: TVAEConfig,
        length: int,
        batch_size: int,
        count: int,
        seed: int,
    ) -> None:
        self.dataset = CutRows(PreparedSet(path).rows("train"), length)
        lengths = self.dataset.lengths
        if len(lengths) < batch_size * count:
            raise ValueError(f"{path} has {len(lengths)} rows, too few for {count} such batches")
        rng = np.random.default_rng(seed)
        chosen = np.sort(rng.permutation(len(lengths))[: _POOL * batch_size])
        sampler = BucketBatchSampler(lengths[chosen], batch_size, seed, pool=_POOL)
        batches = sorted((chosen[batch] for batch in sampler), key=lambda b: int(lengths[b].sum()))
        places = ((np.arange(count) + 0.5) * len(batches) / count).astype(int)
        self.batches = [batches[place].tolist() for place in places]
        highest = max(token for batch in self.rows() for row in batch for token in row)
        if highest >= config.vocab_size:
            raise ValueError(
                f"{path} has token {highest}, outside a vocabulary of {config.vocab_size}; "
                "give --vocab-size"
            )

    def rows(self) -> list[list[list[int]]]:
        """The bare tokens: batches of rows."""
        return [
            [self.dataset[index]["input_ids"].tolist() for index in batch] for batch in self.batches
        ]

    def loader(self) -> DataLoader[Any]:
        """What the trainer reads from: the batches collated, padded to their own longest row."""
        return DataLoader(self.dataset, batch_sampler=self.batches, collate_fn=collate)
