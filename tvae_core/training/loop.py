"""Training: a `transformers.Trainer` over length-bucketed batches, with the loss parts logged."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from accelerate.data_loader import prepare_data_loader
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from tvae_core.data.batches import ROWS, BucketBatchSampler, collate
from tvae_core.data.prepared import TokenRows
from tvae_core.model.mmd import weight_at
from tvae_core.model.vae import TransformerVAE, TVAEOutput
from tvae_core.support import collectives
from tvae_core.support.files import json_text, write_whole
from tvae_core.training.cycle_loss import between_items, cycle_loss
from tvae_core.training.run_folder import last_checkpoint, new_checkpoint

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


PARTS = ("reconstruction", "mmd", "mmd_weight", "token_accuracy", "sequence_accuracy")
_MEMORY_FILE = "recent_codes.safetensors"
_SINCE_FILE = "since_log.json"


class TVAETrainer(Trainer):
    """`Trainer` with bucketed batches, an MMD warm-up and every part of the loss in its logs.

    Args:
        mmd_warmup_steps: steps over which the MMD weight rises from 0.
        moment_start: steps before the second-moment kernel of MMD joins in; it then takes
            `moment_warmup` steps to its full weight.
        moment_warmup: see `moment_start`.
        seed_data: seed of the batches' order.
        cycle_weight: weight of the cycle loss, see `tvae_core.training.cycle_loss`.
        interpolate_every: steps between two with a cycle loss of points between items (0: none).
        **kwargs: as for `Trainer`; `train_dataset` and `eval_dataset` are `TokenRows`.
    """

    def __init__(
        self,
        *,
        mmd_warmup_steps: int = 0,
        moment_start: int = 0,
        moment_warmup: int = 0,
        seed_data: int = 0,
        cycle_weight: float = 0.0,
        interpolate_every: int = 0,
        **kwargs: Any,
    ) -> None:
        self.cycle_weight, self.interpolate_every = cycle_weight, interpolate_every
        self.mmd_warmup_steps, self.seed_data = mmd_warmup_steps, seed_data
        self.moment_start, self.moment_warmup = moment_start, moment_warmup
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self._codes: Tensor | None = None
        self._finite = FiniteSteps()
        self._staging: Path | None = None
        self.sampler: BucketBatchSampler | None = None
        super().__init__(data_collator=collate, **kwargs)
        self.model_accepts_loss_kwargs = False
        self.args.logging_nan_inf_filter = False  # every step is looked at here
        self.remove_callback(PrinterCallback)
        self.add_callback(_Continue(self))

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """As `Trainer.train`; however it ends, the bars are closed and a message has its line."""
        try:
            return super().train(*args, **kwargs)
        finally:
            for callback in self.callback_handler.callbacks:
                if hasattr(callback, "close"):
                    callback.close()

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Length-bucketed batches in the order of the seed and the epoch.

        Every process reads the whole batch and keeps its share: one width of padding and one
        order, whatever the number of processes.
        """
        rows = cast(TokenRows, self.train_dataset)
        size = self.args.per_device_train_batch_size * collectives.world()
        self.sampler = BucketBatchSampler(
            rows.lengths, size, self.seed_data, weights=rows.weights()
        )
        loader = DataLoader(
            Numbered(rows),
            batch_sampler=self.sampler,
            collate_fn=collate_share,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory and torch.cuda.is_available(),
        )
        prepared: DataLoader[Any] = prepare_data_loader(
            loader, self.args.device, num_processes=1, process_index=0, put_on_device=True
        )
        return prepared

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """Bucketed batches of the evaluation rows, every row once."""
        rows = cast(TokenRows, eval_dataset if eval_dataset is not None else self.eval_dataset)
        sampler = BucketBatchSampler(
            rows.lengths, self.args.per_device_eval_batch_size, drop_last=False
        )
        loader: DataLoader[Any] = self.accelerator.prepare(
            DataLoader(rows, batch_sampler=sampler, collate_fn=collate)
        )
        return loader

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """The model's loss; remembers its parts for the next log line."""
        core: TransformerVAE = self.accelerator.unwrap_model(model)
        step = self.state.global_step
        rows = inputs.pop(ROWS, None)
        core.mmd_scale = weight_at(step, self.mmd_warmup_steps, 1.0)
        late = step - self.moment_start
        core.moment_scale = weight_at(late, self.moment_warmup, 1.0) if late >= 0 else 0.0
        output: TVAEOutput = model(**inputs)
        if model.training:
            parts = {name: getattr(output, name).detach().float() for name in PARTS}
            if output.anchor is not None:
                parts["anchor"] = output.anchor.float()
            for name, weight, codes in self._cycles(output.latents, step):
                cycle = cycle_loss(core, codes)
                assert output.loss is not None
                output.loss = output.loss + weight * cycle
                parts[name] = cycle.detach().float()
            for name, value in parts.items():
                self.note(name, value)
            self._codes = output.latents
            assert output.loss is not None
            self._finite.add(output.loss, rows)
        return (output.loss, output) if return_outputs else output.loss

    def note(self, name: str, value: Tensor) -> None:
        """Adds a number to those whose means the next log line has."""
        self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._counts[name] = self._counts.get(name, 0) + 1

    def _cycles(self, latents: Tensor | None, step: int) -> Iterator[tuple[str, float, Tensor]]:
        assert latents is not None
        if self.cycle_weight:
            yield "cycle", self.cycle_weight, latents
        if self.interpolate_every and step % self.interpolate_every == 0:
            yield "cycle_between", self.cycle_weight or 1.0, between_items(latents)

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        """The norm, before the optimiser sees the gradient: a step that is not finite ends here."""
        norm = super()._get_grad_norm(model, grad_norm=grad_norm)  # type: ignore[no-untyped-call]
        rows, folder = cast(TokenRows, self.train_dataset), Path(self.args.output_dir or ".")
        self._finite.check(norm, self.state.global_step + 1, rows, folder, collectives.rank() == 0)
        return norm

    def take(self, checkpoint: Path) -> None:
        """The weights and the state of a checkpoint, for a run that is over."""
        self._load_from_checkpoint(str(checkpoint))
        self._load_rng_state(str(checkpoint))
        core: TransformerVAE = self.accelerator.unwrap_model(self.model)
        core.config.architectures = [type(core).__name__]  # as saving a checkpoint leaves it
        self.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Adds the means of the loss parts since the last line, and the code's statistics."""
        if "loss" in logs and self._sums:
            logs |= {
                n: float(collectives.total(total / self._counts[n])) / collectives.world()
                for n, total in self._sums.items()
            }
            if not math.isfinite(logs["reconstruction"] + logs["mmd"]):
                raise FloatingPointError(
                    f"the loss is not finite at step {self.state.global_step}; lower "
                    "--learning-rate and start again: the run resumes from its last checkpoint"
                )
            if self._codes is not None:
                logs |= code_statistics(collectives.gather(self._codes))
            self._sums, self._counts = {}, {}
        super().log(logs, *args, **kwargs)

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        """Writes a checkpoint aside and puts it in place when all processes have written.

        Raises:
            FloatingPointError: the weights are not finite.
            OutputError: it cannot be written; the checkpoints of before are as they were.
        """
        core: TransformerVAE = self.accelerator.unwrap_model(self.model)
        if not all(bool(weight.isfinite().all()) for weight in core.parameters()):
            raise FloatingPointError(
                f"the weights are not finite at step {self.state.global_step}; lower "
                "--learning-rate and start again: the run resumes from its last checkpoint"
            )
        folder = Path(self.args.output_dir or ".") / f"checkpoint-{self.state.global_step}"
        with new_checkpoint(folder, self.args.save_total_limit) as fresh:
            self._staging = fresh.parent
            since = self._since_log()
            if collectives.rank() == 0:
                codes = core.recent_codes[: core.recent_count].contiguous().cpu()
                save_file({"codes": codes}, fresh / _MEMORY_FILE)
                (fresh / _SINCE_FILE).write_text(json_text(since))
            super()._save_checkpoint(*args, **kwargs)
        self._staging = None

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._staging or super()._get_output_dir(trial))

    def _since_log(self) -> dict[str, Any]:
        """What the next log line has the means of so far, over all processes."""
        names = sorted(self._sums)
        return {
            "sums": {
                n: float(collectives.total(self._sums[n])) / collectives.world() for n in names
            },
            "counts": {n: self._counts[n] for n in names},
            "loss": float(collectives.total(self._tr_loss)) / collectives.world(),
            "logged": self._globalstep_last_logged,
        }

    def go_on(self, since: dict[str, Any]) -> None:
        """Takes up the `_since_log` of a checkpoint: the next line is of all its steps."""
        device = self.args.device
        self._sums = {n: torch.tensor(total, device=device) for n, total in since["sums"].items()}
        self._counts = dict(since["counts"])
        self._tr_loss = torch.tensor(since["loss"], device=device)
        self._globalstep_last_logged = int(since["logged"])


def collate_share(batch: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
    """`collate` of a whole batch, and of that the rows of this process."""
    own = collectives.share(len(batch))
    rows = torch.tensor([item[ROWS] for item in batch])  # all: any of them may spoil the step
    return {name: rows[own] for name, rows in collate(batch).items()} | {ROWS: rows}


class _Continue(TrainerCallback):
    """On resume: the epoch's order, the codes that MMD remembers, the sums of the next line."""

    def __init__(self, trainer: TVAETrainer) -> None:
        self.trainer = trainer

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.global_step and self.trainer.sampler is not None:
            steps = -(-len(self.trainer.sampler) // args.gradient_accumulation_steps)
            self.trainer.sampler.set_epoch(state.global_step // max(1, steps))
        folder = Path(args.output_dir or ".") / f"checkpoint-{state.global_step}"
        if state.global_step and (folder / _SINCE_FILE).is_file():
            self.trainer.go_on(json.loads((folder / _SINCE_FILE).read_text()))
        file = folder / _MEMORY_FILE
        if state.global_step and file.is_file():
            core: TransformerVAE = self.trainer.accelerator.unwrap_model(self.trainer.model)
            codes = load_file(file)["codes"].to(core.device)
            core.recent_codes[: len(codes)] = codes
            core.recent_count = len(codes)


def code_statistics(latents: Tensor) -> dict[str, float]:
    """Mean, standard deviation and covariance extremes of codes `(n, n_latent, latent_size)`.

    Against N(0, I) the largest |mean| is 0, the std and both eigenvalues 1 (for `n` not far
    above the code's size the extremes spread by sampling alone).
    """
    codes = latents.float().flatten(1)
    centred = codes - codes.mean(0)
    covariance = centred.T @ centred / max(1, len(codes) - 1)
    spectrum = torch.linalg.eigvalsh(covariance)
    return {
        "code_mean_max": float(codes.mean(0).abs().max()),
        "code_std": float(codes.std()),
        "code_cov_min": float(spectrum[0]),
        "code_cov_max": float(spectrum[-1]),
    }
