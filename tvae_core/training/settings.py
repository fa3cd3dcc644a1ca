"""The settings of a training run: which there are, their types and defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields

MODEL_FIELDS: dict[str, type] = {
    "max_length": int,
    "d_model": int,
    "n_heads": int,
    "d_ff": int,
    "encoder_blocks": tuple,
    "decoder_layers": int,
    "window_size": int,
    "window_overlap": int,
    "n_latent": int,
    "latent_size": int,
    "latent_bound": str,
    "latent_norm": str,
    "noise": str,
    "sigma_min": float,
    "sigma_max": float,
    "sigma_tilt": float,
    "n_coarse": int,
    "fine_drown": float,
    "anchor_weight": float,
    "mmd_scope": str,
    "mmd_kernel": str,
    "mmd_weight": float,
    "mmd_moment": float,
    "mmd_memory": int,
    "encoder_mask": float,
    "decoder_mask": float,
    "dropout": float,
    "rope_theta": float,
}
"""Settings of the model that a preset or a flag may give, with their types."""


@dataclass
class TrainSettings:
    """How a model is trained; every field is a flag and a key of `[train]`.

    Attributes:
        data: prepared set.
        output: run folder; by default `runs/<domain>/<presets>`, after a start with `-from-` and
            the bundle's hash.
        start: bundle whose weights and architecture a new run begins with, instead of random
            weights. `data` must have its tokenizer (`python -m data_prep.NAME --bundle`). Novelty
            of the new bundle is judged against `data` alone. A run that resumes goes on from its
            own checkpoint. See `tvae_core.training.warm_start`.
        max_steps: optimiser steps.
        batch_size: sequences at once; a step has `gradient_accumulation_steps` times as many.
        gradient_accumulation_steps: batches whose gradients make one optimiser step.
        optimizer: `adamw` (fused), `adafactor` (factored second moments: less memory) or `muon`
            (orthogonalised momentum for the layers' matrices, see `tvae_core.training.optimizers`).
        gradient_checkpoint_encoder: forget the encoder's activations and compute them again in
            the backward pass.
        decoder_grad_chk_pnt_rate: keep only the input of every k-th decoder layer and
            compute the rest again in the backward pass (0: keep all).
        eval_batch_size: sequences at once in evaluation.
        learning_rate: peak; cosine to zero after the warm-up.
        warmup_steps: linear warm-up of the learning rate, a quarter of `max_steps` at most.
        mmd_warmup_steps: linear warm-up of the MMD weight; with `start`, this and the next two are
            0 unless a flag gives them, whatever presets say: the bundle's codes are regularised.
        moment_start: steps before the second-moment kernel joins in; from the start it shrinks
            a code that is still of low rank (to a std of .46 in short runs).
        moment_warmup: linear warm-up of the second-moment kernel after `moment_start`.
        weight_decay: of AdamW.
        adam_beta2: of AdamW.
        max_grad_norm: gradients are clipped to it.
        precision: `auto` (bf16 where the machine multiplies it fast), `bf16` or `fp32`.
        seed: of weights, batches and noise.
        limit: train on that many rows only (0: all).
        log_steps: steps between log lines.
        eval_steps: steps between evaluations (0: only at the end).
        eval_items: held-out items of an evaluation, and prior samples and paths.
        save_steps: steps between checkpoints.
        early_stopping: evaluations without a better reconstruction before stopping (0: never).
        resume: continue the run in `output` if there is one.
        track: `none`, `wandb` or `tensorboard` (comma-separated for both).
        threads: CPU threads (0: all that the machine gives).
        sharding: `none`, or `full` to spread weights, gradients and optimiser state over the
            processes of `torchrun` (FSDP2), see `tvae_core.training.fsdp`.
        stream: train on files read as they are needed instead of the prepared set's rows: paths
            with `*` (parquet, jsonl, csv, txt), or `hub:NAME`; see `tvae_core.data.stream`.
        stream_column: column of their texts (by default `text`, or the only one).
        stream_buffer: streamed items that are shuffled and sorted by length together.
        compile: use `torch.compile`.
        prior_codes: encoded training items that the priors are fitted to.
        prior_steps: optimiser steps of the flow prior.
        prior_width: width of its network.
        prior_depth: depth of its network.
        target_valid: validity of prior samples that the shipped fidelity setting has to reach.
        cycle_weight: weight of the cycle loss, see `tvae_core.training.cycle_loss` (0: off).
        interpolate_every: steps between two that also train on points between the batch's items
            (0: never), see `tvae_core.training.cycle_loss`.
        final: evaluation at the end of a run: `full` chooses the bundle's default settings and
            measures along the whole dial, `quick` measures as on the way.
    """

    data: str = ""
    output: str = ""
    start: str = ""
    max_steps: int = 2000
    batch_size: int = 256
    gradient_accumulation_steps: int = 1
    optimizer: str = "adamw"
    gradient_checkpoint_encoder: bool = False
    decoder_grad_chk_pnt_rate: int = 0
    eval_batch_size: int = 256
    learning_rate: float = 1e-3
    warmup_steps: int = 300
    mmd_warmup_steps: int = 1000
    moment_start: int = 3000
    moment_warmup: int = 800
    weight_decay: float = 0.01
    adam_beta2: float = 0.98
    max_grad_norm: float = 1.0
    precision: str = "auto"
    seed: int = 0
    limit: int = 0
    log_steps: int = 50
    eval_steps: int = 1000
    eval_items: int = 256
    save_steps: int = 500
    early_stopping: int = 0
    resume: bool = True
    track: str = "none"
    threads: int = 0
    sharding: str = "none"
    stream: str = ""
    stream_column: str = ""
    stream_buffer: int = 65536
    compile: bool = False
    prior_codes: int = 200_000
    prior_steps: int = 4000
    prior_width: int = 256
    prior_depth: int = 3
    target_valid: float = 0.95
    cycle_weight: float = 0.0
    interpolate_every: int = 0
    final: str = "full"

    def __post_init__(self) -> None:
        """Refuses impossible values; raises `ValueError` naming the setting."""
        positive = ("max_steps", "batch_size", "eval_batch_size", "log_steps", "save_steps")
        for name in (
            *positive,
            "gradient_accumulation_steps",
            "eval_items",
            "prior_codes",
            "prior_width",
            "prior_depth",
            "stream_buffer",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.prior_codes < 2 or self.limit == 1:
            raise ValueError("limit and prior_codes must leave at least 2 items")
        for name in ("learning_rate", "max_grad_norm"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        names = ("limit", "eval_steps", "warmup_steps", "mmd_warmup_steps", "prior_steps")
        for name in (
            *names,
            "moment_start",
            "moment_warmup",
            "threads",
            "seed",
            "decoder_grad_chk_pnt_rate",
            "cycle_weight",
            "interpolate_every",
        ):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")
        if self.precision not in ("auto", "bf16", "fp32"):
            raise ValueError(f"precision is auto, bf16 or fp32, not {self.precision!r}")
        if self.optimizer not in ("adamw", "adafactor", "muon"):
            raise ValueError(f"optimizer is adamw, adafactor or muon, not {self.optimizer!r}")
        if self.sharding not in ("none", "full"):
            raise ValueError(f"sharding is none or full, not {self.sharding!r}")
        if self.final not in ("full", "quick"):
            raise ValueError(f"final is full or quick, not {self.final!r}")
        unknown = set(self.trackers()) - {"wandb", "tensorboard"}
        if unknown:
            raise ValueError(f"track is none, wandb or tensorboard, not {self.track!r}")

    def trackers(self) -> list[str]:
        """Names of the trackers asked for."""
        return [t.strip() for t in self.track.split(",") if t.strip() not in ("", "none")]


TRAIN_FIELDS: dict[str, type] = {f.name: type(f.default) for f in fields(TrainSettings)}
