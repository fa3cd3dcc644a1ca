"""Real rows for the bench: batches of a prepared set, as the trainer's loader makes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from tvae_core.data.batches import BucketBatchSampler, collate
from tvae_core.data.prepared import PreparedSet, TokenRows
from tvae_core.model.config import TVAEConfig

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
