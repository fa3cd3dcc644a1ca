"""Steps whose loss or gradient is not finite: found before they touch the weights, and told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from tvae_core.data.prepared import TokenRows
from tvae_core.support.files import json_text, write_whole
from tvae_core.training.run_folder import last_checkpoint

ROWS = "rows"
"""Key of a batch: the position of each item among the training rows, `(b,)`."""

REPORT = "not_finite.json"
_SHOWN = 3


class Numbered(Dataset[dict[str, Any]]):
    """Training rows whose items know their position, under `ROWS`."""

    def __init__(self, rows: TokenRows) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {**self.rows[index], ROWS: index}


class FiniteSteps:
    """What an optimiser step is made of, until it is known to be finite.

    One look a step: the losses of its batches and the norm of its gradient together.
    """

    def __init__(self) -> None:
        self.losses: list[Tensor] = []
        self.rows: list[Tensor] = []

    def add(self, loss: Tensor, rows: Tensor | None) -> None:
        """Notes a batch's loss (a scalar) and its rows."""
        self.losses.append(loss.detach().float())
        if rows is not None:
            self.rows.append(rows)

    def check(self, norm: Any, step: int, rows: TokenRows, folder: Path, write: bool) -> None:
        """Looks at the step, and forgets its batches.

        Args:
            norm: of the whole gradient, a number or a scalar tensor.
            step: number of the step, from 1.
            rows: the training rows.
            folder: of the run.
            write: whether to leave `not_finite.json` there.

        Raises:
            FloatingPointError: naming the step, the batch and the last good checkpoint.
        """
        losses, seen = self.losses, self.rows
        self.losses, self.rows = [], []
        if hasattr(norm, "full_tensor"):  # sharded
            norm = norm.full_tensor()
        norm = torch.as_tensor(norm).float()
        numbers = torch.stack([*(loss.to(norm.device) for loss in losses), norm])
        if bool(numbers.isfinite().all()):
            return
        found = numbers.tolist()
        at = torch.cat(seen).tolist() if seen else []
        what = "loss" if not all(map(_finite, found[:-1])) else "gradient"
        texts = rows.texts(at)
        chosen = getattr(rows, "_chosen", None)
        numbered = at if chosen is None else [int(chosen[i]) for i in at]
        checkpoint = last_checkpoint(folder)
        if write:
            report = {
                "step": step,
                "losses": [repr(value) for value in found[:-1]],
                "grad_norm": repr(found[-1]),
                "checkpoint": None if checkpoint is None else checkpoint.name,
                "batch": [{"row": i, "text": t} for i, t in zip(numbered, texts, strict=True)],
            }
            write_whole(folder / REPORT, json_text(report))
        raise FloatingPointError(
            f"the {what} is not finite at step {step}; lower --learning-rate and start again: "
            + (f"the run resumes from {checkpoint}" if checkpoint else "there is no checkpoint yet")
            + f"; the batch is rows {_some(numbered)} of the prepared set, "
            f"{', '.join(map(_preview, texts[:_SHOWN]))}"
            f"{', ...' if len(texts) > _SHOWN else ''}: all of it in {folder / REPORT}"
        )


def _finite(value: float) -> bool:
    return abs(value) < float("inf")


def _some(numbers: list[int], most: int = 12) -> str:
    shown = ", ".join(map(str, numbers[:most]))
    return f"{shown} and {len(numbers) - most} more" if len(numbers) > most else shown


def _preview(text: str, most: int = 40) -> str:
    return repr(text if len(text) <= most else text[: most - 3] + "...")
