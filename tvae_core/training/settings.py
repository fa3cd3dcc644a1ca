"""The settings of a training run: the model's, and how it is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tvae_core.architecture import ModelSettings
from tvae_core.support.settings import MOST, check, setting, settings_of

_STEPS: dict[str, Any] = {"unit": "steps", "ge": 0, "le": MOST}


@dataclass
class TrainSettings:
    """How a model is trained; every field is a flag and a key of a preset's table `[train]`."""

    data: str = setting("", "prepared set", taken="data/DOMAIN")
    output: str = setting(
        "",
        "run folder",
        taken="runs/DOMAIN/PRESETS, after a start with -from- and the bundle's hash",
    )
    start: str = setting(
        "",
        "bundle whose weights and architecture a new run begins with, instead of random "
        "weights; the data must have its tokenizer (python -m data_prep.DOMAIN --bundle); a"
        " run that resumes goes on from its own checkpoint",
    )
    max_steps: int = setting(2000, "optimiser steps", unit="steps", ge=1, le=MOST)
    batch_size: int = setting(
        256,
        "sequences at once; a step has gradient_accumulation_steps times as many",
        unit="sequences",
        ge=1,
        le=1 << 24,
    )
    gradient_accumulation_steps: int = setting(
        1, "batches whose gradients make one step", unit="batches", ge=1, le=1 << 20
    )
    optimizer: Literal["adamw", "adafactor", "muon"] = setting(
        "adamw",
        "adamw is fused; adafactor factors the second moments, for less memory; muon "
        "orthogonalises the momentum of the layers' matrices, see tvae_core.training.optimizers",
    )
    gradient_checkpoint_encoder: bool = setting(
        False, "forget the encoder's activations and compute them again in the backward pass"
    )
    decoder_grad_chk_pnt_rate: int = setting(
        0,
        "keep only the input of every k-th decoder layer and compute the rest again in the "
        "backward pass (0: keep all)",
        unit="layers",
        ge=0,
        le=MOST,
    )
    eval_batch_size: int = setting(
        256, "sequences at once in evaluation", unit="sequences", ge=1, le=1 << 24
    )
    learning_rate: float = setting(
        1e-3, "peak of the learning rate; cosine to zero after the warm-up", gt=0
    )
    warmup_steps: int = setting(
        300, "linear warm-up of the learning rate, a quarter of max_steps at most", **_STEPS
    )
    mmd_warmup_steps: int = setting(
        1000,
        "linear warm-up of the MMD weight; with start, this and the next two are 0 unless a"
        " flag gives them, whatever presets say: the bundle's codes are regularised",
        **_STEPS,
    )
    moment_start: int = setting(
        3000,
        "steps before the second-moment kernel joins in; earlier it shrinks a code that is "
        "still of low rank",
        **_STEPS,
    )
    moment_warmup: int = setting(
        800, "linear warm-up of the second-moment kernel after moment_start", **_STEPS
    )
    weight_decay: float = setting(0.01, "weight decay of the optimiser", ge=0)
    adam_beta2: float = setting(0.98, "how slowly AdamW forgets squared gradients", ge=0, lt=1)
    max_grad_norm: float = setting(1.0, "norm that gradients are clipped to", gt=0, finite=False)
    precision: Literal["auto", "bf16", "fp32"] = setting(
        "auto", "auto is bf16 where the machine multiplies it fast"
    )
    seed: int = setting(0, "seed of weights, batches and noise", ge=0, le=MOST)
    limit: int = setting(0, "train on that many rows only (0: all)", unit="rows", ge=0, le=MOST)
    log_steps: int = setting(50, "steps between log lines", unit="steps", ge=1, le=MOST)
    eval_steps: int = setting(1000, "steps between evaluations (0: only at the end)", **_STEPS)
    eval_items: int = setting(
        256,
        "held-out items of an evaluation, and prior samples and paths",
        unit="items",
        ge=1,
        le=MOST,
    )
    save_steps: int = setting(500, "steps between checkpoints", unit="steps", ge=1, le=MOST)
    early_stopping: int = setting(
        0,
        "evaluations without a better reconstruction before stopping (0: never)",
        unit="evaluations",
        ge=0,
        le=MOST,
    )
    resume: bool = setting(True, "continue the run in output if there is one")
    track: str = setting("none", "none, wandb or tensorboard; comma-separated for both")
    threads: int = setting(
        0, "CPU threads (0: all that the machine gives)", unit="threads", ge=0, le=1 << 12
    )
    sharding: Literal["none", "full"] = setting(
        "none",
        "full spreads weights, gradients and optimiser state over the processes of torchrun"
        " (FSDP2), see tvae_core.training.fsdp",
    )
    stream: str = setting(
        "",
        "train on files read as they are needed instead of the prepared set's rows: paths "
        "with * (parquet, jsonl, csv, txt), or hub:NAME; see tvae_core.data.stream",
    )
    stream_column: str = setting("", "column of streamed texts", taken="text, or the only one")
    stream_buffer: int = setting(
        65536,
        "streamed items that are shuffled and sorted by length together",
        unit="items",
        ge=1,
        le=MOST,
    )
    compile: bool = setting(False, "use torch.compile")
    prior_codes: int = setting(
        200_000, "encoded training items that the priors are fitted to", unit="items", ge=1, le=MOST
    )
    prior_steps: int = setting(4000, "optimiser steps of the flow prior", **_STEPS)
    prior_width: int = setting(256, "width of the flow prior's network", ge=1, le=1 << 15)
    prior_depth: int = setting(
        3, "depth of the flow prior's network", unit="layers", ge=1, le=1 << 8
    )
    target_valid: float = setting(
        0.95, "validity of prior samples that the shipped fidelity setting has to reach"
    )
    cycle_weight: float = setting(
        0.0, "weight of the cycle loss, see tvae_core.training.cycle_loss (0: off)", ge=0
    )
    interpolate_every: int = setting(
        0,
        "steps between two that also train on points between the batch's items (0: never), "
        "see tvae_core.training.cycle_loss",
        **_STEPS,
    )
    final: Literal["full", "quick"] = setting(
        "full",
        "evaluation at the end of a run: full chooses the bundle's default settings and "
        "measures along the whole dial, quick measures as on the way",
    )

    def __post_init__(self) -> None:
        """Refuses impossible values; raises `ValueError` naming the setting."""
        check(TrainSettings, vars(self))
        if self.prior_codes < 2 or self.limit == 1:
            raise ValueError("limit and prior_codes must leave at least 2 items")
        if set(self.trackers()) - {"wandb", "tensorboard"}:
            raise ValueError(f"track is none, wandb or tensorboard, not {self.track!r}")

    def trackers(self) -> list[str]:
        """Names of the trackers asked for."""
        return [t.strip() for t in self.track.split(",") if t.strip() not in ("", "none")]


MODEL_FIELDS = settings_of(ModelSettings)
TRAIN_FIELDS = settings_of(TrainSettings)
TABLES = {"model": (ModelSettings, MODEL_FIELDS), "train": (TrainSettings, TRAIN_FIELDS)}
"""The tables of a preset: the dataclass that says what may be, and its settings by name."""
