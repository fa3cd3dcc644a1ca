"""Where metrics go: the console's progress bar, a JSON-lines log, W&B, TensorBoard."""

from __future__ import annotations

import importlib.util
import io
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tvae_core.domain import Domain
from tvae_core.evaluation.showcase import Showcase, Shown
from tvae_core.support.files import LOG_FILE, json_text, write_whole
from tvae_core.support.table import markdown_table
from tvae_core.training.run_folder import append_line

HEADS = ("from", "text", "valid", "note")
MOST_ROWS, MOST_PICTURES = 64, 33
SHOWN = ("loss", "reconstruction", "mmd", "token_accuracy", "sequence_accuracy", "code_std")


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


def log_showcase(
    showcase: Showcase, folder: Path, step: int, domain: Domain, trackers: Sequence[str]
) -> Path:
    """Writes tables of decoded texts, and sends them to the trackers, with pictures if there are.

    Args:
        showcase: what to log.
        folder: of the run; the file is `showcase/step-000500.json` in it.
        step: of the training.
        domain: renders the first texts of each table; only PNG pictures are sent.
        trackers: of `wandb` and `tensorboard`.

    Returns:
        The file.
    """
    path = folder / "showcase" / f"step-{step:06d}.json"
    path.parent.mkdir(exist_ok=True)
    write_whole(path, json_text({"step": step} | showcase.to_dict()))
    if not trackers:
        return path
    pictures = {name: _pictures(rows, domain) for name, rows in showcase.tables.items()}
    if "wandb" in trackers:
        import wandb

        if wandb.run is not None:
            content: dict[str, Any] = {}
            for name, rows in showcase.tables.items():
                data = [[row.origin, row.text, row.ok, row.note] for row in rows]
                content[f"showcase/{name}"] = wandb.Table(columns=list(HEADS), data=data)
                if pictures[name]:
                    content[f"showcase/{name}_pictures"] = [
                        wandb.Image(picture) for picture in pictures[name]
                    ]
            wandb.log(content)
    if "tensorboard" in trackers:
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(str(folder / "runs" / "showcase")) as writer:
            for name, rows in showcase.tables.items():
                writer.add_text(f"showcase/{name}", _markdown(rows), step)
                if pictures[name]:
                    writer.add_images(
                        f"showcase/{name}", np.stack(pictures[name]), step, dataformats="NHWC"
                    )
    return path


def _pictures(rows: Sequence[Shown], domain: Domain) -> list[Any]:
    from matplotlib.image import imread

    found = []
    for row in rows[:MOST_PICTURES]:
        if not row.ok:
            continue
        rendered = domain.render(row.text)
        if rendered.kind != "png" or not isinstance(rendered.data, bytes):
            return []
        image = np.asarray(imread(io.BytesIO(rendered.data), format="png"))
        image = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image[..., :3]
        found.append(np.ascontiguousarray((image * 255).astype(np.uint8)))
    return [image for image in found if image.shape == found[0].shape]


def _markdown(rows: Sequence[Shown]) -> str:
    told: list[Sequence[str]] = [HEADS]
    for row in rows[:MOST_ROWS]:
        cells = (row.origin, row.text, "yes" if row.ok else "no", row.note)
        shown = (" ".join(cell.split()).replace("|", "\\|").replace("`", "'") for cell in cells)
        told.append([f"`{cell}`" if cell else "" for cell in shown])
    return markdown_table(told)


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
            disable=not state.is_world_process_zero,
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
        if not state.is_world_process_zero:
            return
        seconds = max(time.monotonic() - self.started, 1e-9)
        rate = (state.global_step - self.first) * self.items / seconds
        line = {"step": state.global_step, "items_per_second": round(rate, 1), **(logs or {})}
        if "train_runtime" not in line or state.global_step > self.first:
            append_line(self.folder / LOG_FILE, " ".join(json_text(line).split()))
        shown = {k: f"{v:.3g}" for k, v in (logs or {}).items() if k in SHOWN}
        if shown and self.bar is not None:
            self.bar.set_postfix(shown | {"items/s": f"{rate:.0f}"}, refresh=False)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the bar, if there is one."""
        if self.bar is not None:
            self.bar.close()
