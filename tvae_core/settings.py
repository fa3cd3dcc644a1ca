"""The settings of a training run: the model's, and how it is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from tvae_core.architecture import ModelSettings
from tvae_core.support.settings import MOST, check, setting, settings_of

_STEPS = {"unit": "steps", "ge": 0, "le": MOST}


@dataclass
class TrainSettings:
    """How a model is trained; every field is a flag and a key of a preset's table `[train]`."""

    data: Annotated[str, setting("prepared set", default="data/DOMAIN")] = ""
    output: Annotated[
        str,
        setting(
            "run folder",
            default="runs/DOMAIN/PRESETS, after a start with -from- and the bundle's hash",
        ),
    ] = ""
    start: Annotated[
        str,
        setting(
            "bundle whose weights and architecture a new run begins with, instead of random "
            "weights; the data must have its tokenizer (python -m data_prep.DOMAIN --bundle); a "
            "run that resumes goes on from its own checkpoint"
        ),
    ] = ""
    max_steps: Annotated[int, setting("optimiser steps", unit="steps", ge=1, le=MOST)] = 2000
    batch_size: Annotated[
        int,
        setting(
            "sequences at once; a step has gradient_accumulation_steps times as many",
            unit="sequences", ge=1, le=1 << 24,
        ),
    ] = 256  # fmt: skip
    gradient_accumulation_steps: Annotated[
        int,
        setting("batches whose gradients make one step", unit="batches", ge=1, le=1 << 20),
    ] = 1
    optimizer: Annotated[
        Literal["adamw", "adafactor", "muon"],
        setting(
            "adamw is fused; adafactor factors the second moments, for less memory; muon "
            "orthogonalises the momentum of the layers' matrices, see tvae_core.optimizers"
        ),
    ] = "adamw"
    gradient_checkpoint_encoder: Annotated[
        bool,
        setting("forget the encoder's activations and compute them again in the backward pass"),
    ] = False
    decoder_grad_chk_pnt_rate: Annotated[
        int,
        setting(
            "keep only the input of every k-th decoder layer and compute the rest again in the "
            "backward pass (0: keep all)",
            unit="layers", ge=0, le=MOST,
        ),
    ] = 0  # fmt: skip
    eval_batch_size: Annotated[
        int, setting("sequences at once in evaluation", unit="sequences", ge=1, le=1 << 24)
    ] = 256
    learning_rate: Annotated[
        float, setting("peak of the learning rate; cosine to zero after the warm-up", gt=0)
    ] = 1e-3
    warmup_steps: Annotated[
        int,
        setting("linear warm-up of the learning rate, a quarter of max_steps at most", **_STEPS),
    ] = 300
    mmd_warmup_steps: Annotated[
        int,
        setting(
            "linear warm-up of the MMD weight; with start, this and the next two are 0 unless a "
            "flag gives them, whatever presets say: the bundle's codes are regularised",
            **_STEPS,
        ),
    ] = 1000
    moment_start: Annotated[
        int,
        setting(
            "steps before the second-moment kernel joins in; earlier it shrinks a code that is "
            "still of low rank",
            **_STEPS,
        ),
    ] = 3000
    moment_warmup: Annotated[
        int,
        setting("linear warm-up of the second-moment kernel after moment_start", **_STEPS),
    ] = 800
    weight_decay: Annotated[float, setting("weight decay of the optimiser", ge=0)] = 0.01
    adam_beta2: Annotated[
        float, setting("how slowly AdamW forgets squared gradients", ge=0, lt=1)
    ] = 0.98
    max_grad_norm: Annotated[
        float, setting("norm that gradients are clipped to", gt=0, finite=False)
    ] = 1.0
    precision: Annotated[
        Literal["auto", "bf16", "fp32"],
        setting("auto is bf16 where the machine multiplies it fast"),
    ] = "auto"
    seed: Annotated[int, setting("seed of weights, batches and noise", ge=0, le=MOST)] = 0
    limit: Annotated[
        int, setting("train on that many rows only (0: all)", unit="rows", ge=0, le=MOST)
    ] = 0
    log_steps: Annotated[int, setting("steps between log lines", unit="steps", ge=1, le=MOST)] = 50
    eval_steps: Annotated[
        int, setting("steps between evaluations (0: only at the end)", **_STEPS)
    ] = 1000
    eval_items: Annotated[
        int,
        setting(
            "held-out items of an evaluation, and prior samples and paths",
            unit="items", ge=1, le=MOST,
        ),
    ] = 256  # fmt: skip
    save_steps: Annotated[
        int, setting("steps between checkpoints", unit="steps", ge=1, le=MOST)
    ] = 500
    early_stopping: Annotated[
        int,
        setting(
            "evaluations without a better reconstruction before stopping (0: never)",
            unit="evaluations", ge=0, le=MOST,
        ),
    ] = 0  # fmt: skip
    resume: Annotated[bool, setting("continue the run in output if there is one")] = True
    track: Annotated[str, setting("none, wandb or tensorboard; comma-separated for both")] = "none"
    threads: Annotated[
        int,
        setting("CPU threads (0: all that the machine gives)", unit="threads", ge=0, le=1 << 12),
    ] = 0
    sharding: Annotated[
        Literal["none", "full"],
        setting(
            "full spreads weights, gradients and optimiser state over the processes of torchrun "
            "(FSDP2), see tvae_core.sharded"
        ),
    ] = "none"
    stream: Annotated[
        str,
        setting(
            "train on files read as they are needed instead of the prepared set's rows: paths with "
            "* (parquet, jsonl, csv, txt), or hub:NAME; see tvae_core.streaming"
        ),
    ] = ""
    stream_column: Annotated[
        str, setting("column of streamed texts", default="text, or the only one")
    ] = ""
    stream_buffer: Annotated[
        int,
        setting(
            "streamed items that are shuffled and sorted by length together",
            unit="items", ge=1, le=MOST,
        ),
    ] = 65536  # fmt: skip
    compile: Annotated[bool, setting("use torch.compile")] = False
    prior_codes: Annotated[
        int,
        setting(
            "encoded training items that the priors are fitted to", unit="items", ge=1, le=MOST
        ),
    ] = 200_000
    prior_steps: Annotated[int, setting("optimiser steps of the flow prior", **_STEPS)] = 4000
    prior_width: Annotated[int, setting("width of the flow prior's network", ge=1, le=1 << 15)] = (
        256
    )
    prior_depth: Annotated[
        int, setting("depth of the flow prior's network", unit="layers", ge=1, le=1 << 8)
    ] = 3
    target_valid: Annotated[
        float,
        setting("validity of prior samples that the shipped fidelity setting has to reach"),
    ] = 0.95
    cycle_weight: Annotated[
        float, setting("weight of the cycle loss, see tvae_core.cycle (0: off)", ge=0)
    ] = 0.0
    interpolate_every: Annotated[
        int,
        setting(
            "steps between two that also train on points between the batch's items (0: never), "
            "see tvae_core.cycle",
            **_STEPS,
        ),
    ] = 0
    final: Annotated[
        Literal["full", "quick"],
        setting(
            "evaluation at the end of a run: full chooses the bundle's default settings and "
            "measures along the whole dial, quick measures as on the way"
        ),
    ] = "full"

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
