"""Where metrics go: the console's progress bar, a JSON-lines log, W&B, TensorBoard."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tvae_core.files import json_text

SHOWN = ("loss", "reconstruction", "mmd", "token_accuracy", "sequence_accuracy", "code_std")
LOG_FILE = "log.jsonl"


def check_trackers(names: Sequence[str]) -> None:
    """Refuses trackers whose library is not installed.

    Raises:
        ValueError: naming what to install.
    """
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise ValueError(f"--track {name} needs the package {name}: pip install {name}")
    if "wandb" in names:
        os.environ.setdefault("WANDB_MODE", "offline")


class ProgressLog(TrainerCallback):
    """A bar with rate and ETA on stderr, the loss parts on it, and every log line in a file."""

    def __init__(self, folder: Path, items_per_step: int) -> None:
        self.folder, self.items = folder, items_per_step
        self.bar: Any = None
        self.started = 0.0
        self.first = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.started, self.first = time.monotonic(), state.global_step
        self.bar = tqdm(
            total=state.max_steps,
            initial=state.global_step,
            desc="train",
            unit="step",
            file=sys.stderr,
            mininterval=1.0,
        )

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.bar.update(state.global_step - self.bar.n)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        seconds = max(time.monotonic() - self.started, 1e-9)
        rate = (state.global_step - self.first) * self.items / seconds
        line = {"step": state.global_step, "items_per_second": round(rate, 1), **(logs or {})}
        with (self.folder / LOG_FILE).open("a") as file:
            file.write(" ".join(json_text(line).split()) + "\n")
        shown = {k: f"{v:.3g}" for k, v in (logs or {}).items() if k in SHOWN}
        if shown and self.bar is not None:
            self.bar.set_postfix(shown | {"items/s": f"{rate:.0f}"}, refresh=False)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.bar.close()
