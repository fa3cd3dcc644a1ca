"""A training of a second or two that is real in every part, for processes that will be killed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.core.conftest import (
    RUN_FLAGS,
    ToyDomain,
    make_toy_tokenizer,
    toy_words,
    write_toy_set,
)

MAX_STEPS = 22
"""In the middle of an epoch of four steps, and between two checkpoints and two log lines."""

FLAGS: dict[str, Any] = RUN_FLAGS | {
    "max_steps": MAX_STEPS,
    "save_steps": 3,
    "log_steps": 2,
    "eval_steps": 10,
    "eval_items": 4,
    "dropout": 0.1,
    "decoder_mask": 0.2,
    "final": "quick",
}


def make_data(folder: Path) -> Path:
    """A prepared set of forty strings."""
    texts = toy_words(50)
    splits = {"train": texts[:40], "validation": texts[40:], "test": texts[45:]}
    return write_toy_set(folder, make_toy_tokenizer(), splits)


def record_steps(file: Path) -> None:
    """From now on every batch leaves `{"step", "rows", "loss"}` as a line of the file."""
    from tvae_core.training.loop import TVAETrainer

    compute = TVAETrainer.compute_loss
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def recorded(self: TVAETrainer, model: Any, inputs: dict[str, Any], *a: Any, **k: Any) -> Any:
        rows = inputs["rows"].tolist()
        result = compute(self, model, inputs, *a, **k)
        loss = float((result[0] if isinstance(result, tuple) else result).detach())
        line = {"step": self.state.global_step + 1, "rows": rows, "loss": loss}
        os.write(handle, (json.dumps(line) + "\n").encode())
        return result

    TVAETrainer.compute_loss = recorded  # type: ignore[method-assign]


def draw_no_report() -> None:
    """From now on runs end without their report: its pictures are half the work of a toy run."""
    from tvae_core.training import run as module

    module.write_run_report = lambda folder, *rest: folder / "report.html"


def train(data: Path, run: Path, **flags: Any) -> int:
    """The training command on the toy set; the exit code."""
    from tvae_core.cli.parser import run_command
    from tvae_core.evaluation.tables import model_card
    from tvae_core.training.presets import merge
    from tvae_core.training.run import train as real_train

    given = FLAGS | {"data": str(data), "output": str(run)} | flags

    def command() -> int:
        real_train(ToyDomain(make_toy_tokenizer()), merge([], [], given), model_card)
        return 0

    return run_command("train", command)


def warm() -> None:
    """Imports what a training imports, and starts no thread."""
    import matplotlib.pyplot  # noqa: F401
    import torch

    import tvae_core.training.loop
    import tvae_core.training.run
    import tvae_core.training.set_up  # noqa: F401

    torch.set_num_threads(1)


if __name__ == "__main__":
    warm()
    if not Path(sys.argv[1]).exists():
        make_data(Path(sys.argv[1]))
    words = [argument.partition("=") for argument in sys.argv[3:]]
    changes = {name: type(FLAGS.get(name, ""))(value) for name, _, value in words}
    sys.exit(train(Path(sys.argv[1]), Path(sys.argv[2]), **changes))
