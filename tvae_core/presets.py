"""Composable presets: TOML files merged left to right, flags last, every value with its origin.

A preset has a `description` and the tables `[model]` (fields of `TVAEConfig`) and `[train]`
(fields of `TrainSettings`). A domain's own presets stand beside the core's.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

CORE_PRESETS = Path(__file__).parent / "presets"
TABLES = ("model", "train")

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
    "noise": str,
    "sigma_min": float,
    "sigma_max": float,
    "sigma_tilt": float,
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
        output: run folder; by default `runs/<domain>/<presets>`.
        max_steps: optimiser steps.
        batch_size: sequences at once; a step has `gradient_accumulation_steps` times as many.
        gradient_accumulation_steps: batches whose gradients make one optimiser step.
        optimizer: `adamw` (fused) or `adafactor` (factored second moments: less memory).
        gradient_checkpoint_encoder: forget the encoder's activations and compute them again in
            the backward pass.
        decoder_grad_chk_pnt_rate: keep only the input of every k-th decoder layer and
            compute the rest again in the backward pass (0: keep all).
        eval_batch_size: sequences at once in evaluation.
        learning_rate: peak; cosine to zero after the warm-up.
        warmup_steps: linear warm-up of the learning rate.
        mmd_warmup_steps: linear warm-up of the MMD weight.
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
        compile: use `torch.compile`.
        prior_codes: encoded training items that the priors are fitted to.
        prior_steps: optimiser steps of the flow prior.
        prior_width: width of its network.
        prior_depth: depth of its network.
        target_valid: validity of prior samples that the shipped fidelity setting has to reach.
    """

    data: str = ""
    output: str = ""
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
    compile: bool = False
    prior_codes: int = 200_000
    prior_steps: int = 4000
    prior_width: int = 256
    prior_depth: int = 3
    target_valid: float = 0.95

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
        ):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")
        if self.precision not in ("auto", "bf16", "fp32"):
            raise ValueError(f"precision is auto, bf16 or fp32, not {self.precision!r}")
        if self.optimizer not in ("adamw", "adafactor"):
            raise ValueError(f"optimizer is adamw or adafactor, not {self.optimizer!r}")
        unknown = set(self.trackers()) - {"wandb", "tensorboard"}
        if unknown:
            raise ValueError(f"track is none, wandb or tensorboard, not {self.track!r}")

    def trackers(self) -> list[str]:
        """Names of the trackers asked for."""
        return [t.strip() for t in self.track.split(",") if t.strip() not in ("", "none")]


TRAIN_FIELDS: dict[str, type] = {f.name: type(f.default) for f in fields(TrainSettings)}


@dataclass(frozen=True)
class Merged:
    """Merged settings; `origin` says for each key which preset or flag gave it."""

    model: dict[str, Any]
    train: dict[str, Any]
    origin: dict[str, str] = field(default_factory=dict)
    presets: tuple[str, ...] = ()

    def table(self) -> str:
        """The merged configuration as TOML, each value with its origin."""
        lines: list[str] = []
        for name, values in (("model", self.model), ("train", self.train)):
            lines.append(f"[{name}]")
            for key, value in values.items():
                text = f"{key} = {_toml(value)}"
                lines.append(f"{text:<40} # {self.origin.get(key, 'default')}")
            lines.append("")
        return "\n".join(lines).rstrip()


def find_presets(folders: Sequence[Path]) -> dict[str, Path]:
    """Preset names -> files; later folders win."""
    found: dict[str, Path] = {}
    for folder in folders:
        found |= {path.stem: path for path in sorted(folder.glob("*.toml"))}
    return found


def load_preset(name: str, folders: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """One preset's tables.

    Raises:
        ValueError: for an unknown name (the nearest are named), or unknown keys in the file.
    """
    known = find_presets(folders)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = "did you mean " + ", ".join(near) if near else "there are " + ", ".join(known)
        raise ValueError(f"unknown preset {name!r}; {hint}")
    try:
        content = tomllib.loads(known[name].read_text())
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{known[name]} is not TOML: {error}") from error
    for key in content:
        if key not in (*TABLES, "description"):
            raise ValueError(f"{known[name]}: unknown table or key {key!r}")
    tables = {table: dict(content.get(table, {})) for table in TABLES}
    for table, allowed in (("model", MODEL_FIELDS), ("train", TRAIN_FIELDS)):
        for key in tables[table]:
            if key not in allowed:
                near = difflib.get_close_matches(key, allowed, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ValueError(f"{known[name]}: [{table}] has no setting {key!r}{hint}")
    return tables


def merge(
    names: Sequence[str],
    folders: Sequence[Path],
    flags: Mapping[str, Any],
    defaults: Mapping[str, Any] | None = None,
) -> Merged:
    """Merges presets left to right and flags last.

    Args:
        names: presets.
        folders: where presets lie; later folders win.
        flags: settings given on the command line.
        defaults: a domain's own defaults, below every preset.

    Raises:
        ValueError: for unknown presets or settings.
    """
    values: dict[str, dict[str, Any]] = {"model": {}, "train": {}}
    origin: dict[str, str] = {}
    tables = {"model": MODEL_FIELDS, "train": TRAIN_FIELDS}

    def put(key: str, value: Any, source: str) -> None:
        for table, allowed in tables.items():
            if key in allowed:
                values[table][key] = value
                origin[key] = source
                return
        raise ValueError(f"there is no setting {key!r}")

    for key, value in (defaults or {}).items():
        put(key, value, "domain default")
    for name in names:
        preset = load_preset(name, folders)
        for table in TABLES:
            for key, value in preset[table].items():
                put(key, value, f"preset {name}")
    for key, value in flags.items():
        put(key, value, f"flag --{key.replace('_', '-')}")
    for setting in fields(TrainSettings):
        values["train"].setdefault(setting.name, setting.default)
    return Merged(values["model"], values["train"], origin, tuple(names))


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return str(value)
