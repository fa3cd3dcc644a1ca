"""Length-bucketed batches of token rows, and their collation; needs numpy and torch alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Sampler

ROWS = "rows"
"""Key of a batch: the position of each item among the training rows, `(b,)`."""


def pad_rows(rows: Sequence[Tensor], pad: int = 0) -> Tensor:
    """Right-pads token rows of shape `(length,)` to `(len(rows), longest)`."""
    width = max((len(row) for row in rows), default=0)
    out = torch.full((len(rows), max(width, 1)), pad, dtype=torch.long)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out


def collate(batch: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Rows -> `input_ids` and `attention_mask`, each `(b, longest)`, and `features` `(b, k)`."""
    rows = [item["input_ids"] for item in batch]
    ids = pad_rows(rows)
    lengths = torch.tensor([len(row) for row in rows])
    found = {
        "input_ids": ids,
        "attention_mask": (torch.arange(ids.shape[1])[None] < lengths[:, None]).long(),
    }
    if batch and "features" in batch[0]:
        found["features"] = torch.stack([item["features"] for item in batch])
    return found


class BucketBatchSampler(Sampler[list[int]]):
    """Batches of rows of nearly equal length, in an order that a seed and an epoch fix.

    Rows are shuffled, sorted by length within pools of `pool` batches, cut into batches, and
    the batches shuffled: almost no padding, and every batch still a random draw of its length.

    Args:
        lengths: `(rows,)` tokens a row.
        batch_size: rows a batch.
        seed: order seed; the epoch is added by `set_epoch`.
        pool: batches sorted together.
        drop_last: leave out the incomplete batch at the end.
        weights: `(rows,)`, how many times each row is drawn in an epoch, on average; by default
            once. A fraction is the chance of one draw more.
    """

    def __init__(
        self,
        lengths: npt.NDArray[np.integer[Any]],
        batch_size: int,
        seed: int = 0,
        pool: int = 64,
        drop_last: bool = True,
        weights: npt.NDArray[np.floating[Any]] | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        self.lengths, self.batch_size, self.seed = lengths, batch_size, seed
        self.weights = weights
        self.size = len(lengths) if weights is None else int(weights.sum(dtype=np.float64))
        self.pool, self.drop_last, self.epoch = pool, drop_last and self.size >= batch_size, 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of that epoch (called by `Trainer`)."""
        self.epoch = epoch

    def __len__(self) -> int:
        full, rest = divmod(self.size, self.batch_size)
        return full + (1 if rest and not self.drop_last else 0)

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng((self.seed, self.epoch))
        # four bytes a row, sorted in place: of 10^9 rows every one counts
        order = np.arange(len(self.lengths), dtype=np.uint32)
        rng.shuffle(order)
        if self.weights is not None:
            order = self._drawn(order, rng)
        if self.drop_last:
            order = order[: len(self) * self.batch_size]
        size = self.batch_size * self.pool
        for start in range(0, len(order), size):
            part = order[start : start + size]
            part[:] = part[np.argsort(self.lengths[part], kind="stable")]
        for index in rng.permutation(len(self)):
            yield order[index * self.batch_size : (index + 1) * self.batch_size].tolist()

    def _drawn(
        self, order: npt.NDArray[np.uint32], rng: np.random.Generator
    ) -> npt.NDArray[np.uint32]:
        """`size` rows by weight: systematic sampling of shuffled rows, then shuffled again."""
        assert self.weights is not None
        reached = np.cumsum(self.weights[order], dtype=np.float64)
        places = rng.random() + np.arange(self.size)
        chosen = np.searchsorted(reached, np.minimum(places, reached[-1]), side="left")
        drawn: npt.NDArray[np.uint32] = order[chosen]
        rng.shuffle(drawn)
        return drawn


def padding_share(lengths: npt.NDArray[np.integer[Any]], batches: Sequence[Sequence[int]]) -> float:
    """Share of a batching's tokens that are padding, 0..1."""
    used = sum(int(lengths[list(b)].sum()) for b in batches)
    spent = sum(int(lengths[list(b)].max()) * len(b) for b in batches)
    return 1 - used / spent if spent else 0.0
