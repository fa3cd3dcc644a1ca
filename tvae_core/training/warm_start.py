"""A run that begins with a bundle's weights instead of random ones: `train --start BUNDLE`.

The architecture is the bundle's. Its tokens are, too: `python -m data_prep.NAME --bundle BUNDLE`
prepares data with its tokenizer. Priors and default settings are made anew at the end of the run,
and so is the set of known items: the new bundle's novelty is judged against the new data alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from tvae_core.bundle import load_bundle
from tvae_core.model.config import TVAEConfig
from tvae_core.model.vae import TransformerVAE
from tvae_core.support.files import json_text, write_whole
from tvae_core.support.untrusted import MOST_TOKENIZER, small_json
from tvae_core.training.presets import MODEL_FIELDS, Merged

SHAPE = (
    "d_model",
    "n_heads",
    "d_ff",
    "encoder_blocks",
    "decoder_layers",
    "n_latent",
    "latent_size",
)
"""Settings that checkpoints and bundles must agree with: other weights."""
_MEANING = ("latent_bound", "latent_norm", "noise", "rope_theta")
"""Settings without weights of their own, without which a bundle's weights mean something else."""
_UNNAMED = ("norm_eps", "initializer_range")
"""Settings of a model that neither presets nor flags have."""
WARM_UPS = ("mmd_warmup_steps", "moment_start", "moment_warmup")
"""Schedules for codes that nothing has regularised yet; a bundle's have been."""
START_FILE = "start.json"
DATA_FILE = "data.json"
_OF_DATA = ("tokenizer_sha256", "source_sha256", "counts", "seed")
"""What a prepared set's manifest tells it from others by."""


@dataclass
class Start:
    """The bundle that a run begins with.

    Attributes:
        path: its folder.
        hash: first 12 hex digits of the sha256 of its weights.
        config: its architecture.
        weights: its state, the code norm's running statistics included; empty after `fill`.
    """

    path: Path
    hash: str
    config: TVAEConfig
    weights: dict[str, Tensor]

    def fill(self, model: TransformerVAE) -> None:
        """Gives a model the weights, which are not kept beside it."""
        model.load_state_dict(self.weights)
        self.weights = {}

    def check_tokenizer(self, prepared: Path, domain: str) -> None:
        """Compares a prepared set's tokenizer with the bundle's.

        Raises:
            ValueError: they differ in vocabulary, merges or pipeline.
        """
        if _pipeline(prepared) != _pipeline(self.path):
            raise ValueError(
                f"{prepared} has another tokenizer than the bundle {self.path}; prepare the data "
                f"with python -m data_prep.{domain} --bundle {self.path}"
            )


def begin(merged: Merged, domain: str) -> tuple[Merged, Start | None]:
    """The bundle that the settings name, if any, and what the settings are with it.

    A setting of the model that no preset or flag gives is the bundle's (but for `max_length`, see
    `configured`). The `WARM_UPS` are 0, whatever presets say; flags are kept.

    Args:
        merged: settings; `start` of `[train]` names the bundle.
        domain: name that the bundle must carry.

    Raises:
        BundleError: there is no such bundle, or it cannot be used.
        ValueError: a preset or a flag asks for another architecture.
    """
    given = merged.train.get("start")
    if not given:
        return merged, None
    bundle = load_bundle(given, domain)
    config = bundle.model.config
    for name in (*SHAPE, *_MEANING):
        if name not in merged.model:
            continue
        wanted, there = _plain(merged.model[name]), _plain(getattr(config, name))
        if wanted != there:
            raise ValueError(
                f"{merged.origin.get(name, 'a setting')} asks for {name} {wanted}, but the bundle "
                f"{given} has {name} {there}: leave it out, or train without --start"
            )
    model = {name: _plain(getattr(config, name)) for name in MODEL_FIELDS if name != "max_length"}
    train, origin = dict(merged.train), dict.fromkeys(model, f"bundle {given}") | merged.origin
    for name in WARM_UPS:
        if not origin.get(name, "").startswith("flag"):
            train[name], origin[name] = 0, f"bundle {given}"
    start = Start(bundle.path, bundle.hash, config, dict(bundle.model.state_dict()))
    return replace(merged, model=model | merged.model, train=train, origin=origin), start


def configured(
    model: Mapping[str, Any], vocab_size: int, longest: int, start: Start | None = None
) -> TVAEConfig:
    """The architecture of a run.

    Args:
        model: settings of `[model]`.
        vocab_size: entries of the tokenizer.
        longest: tokens of the longest training item; where `max_length` is not given, it leaves
            room for half as many more, and is no less than that of `start`.
        start: the bundle that the run begins with.

    Raises:
        ValueError: settings that make no model.
    """
    unnamed: dict[str, Any] = {"max_length": max(16, longest * 3 // 2)}
    if start is not None:
        unnamed["max_length"] = max(unnamed["max_length"], start.config.max_length)
        unnamed |= {name: getattr(start.config, name) for name in _UNNAMED}
    return TVAEConfig(vocab_size=vocab_size, **(unnamed | dict(model)))


def first_model(config: TVAEConfig, start: Start | None) -> TransformerVAE:
    """A model with random weights, or with those of the bundle that the run begins with."""
    model = TransformerVAE(config)
    if start is not None:
        start.fill(model)
    return model


def check_checkpoint(
    checkpoint: Path, config: TVAEConfig, start: Start | None, data: Mapping[str, Any]
) -> None:
    """Refuses to go on from a checkpoint of another run: its weights win over `start`.

    Args:
        checkpoint: its folder, in that of its run.
        config: the architecture that is wanted.
        start: the bundle that is wanted to begin with.
        data: manifest of the prepared set.

    Raises:
        ValueError: it has another architecture, or the run began with another bundle or trained
            on other data.
    """
    saved = json.loads((checkpoint / "config.json").read_text())
    other = "choose another --output, or start over with --resume false"
    for name in ("vocab_size", *SHAPE):
        wanted = _plain(getattr(config, name))
        there = _plain(saved.get(name, wanted))
        if there != wanted:
            raise ValueError(
                f"the checkpoint {checkpoint} has {name} {there}, not {wanted}; {other}"
            )
    began = _recorded(checkpoint.parent)
    if start is not None and start.hash != began:
        raise ValueError(
            f"the run in {checkpoint.parent} began with {_named(began)}, not with the bundle "
            f"{start.path} ({start.hash}); {other}"
        )
    if start is None and began:
        raise ValueError(
            f"the run in {checkpoint.parent} began with {_named(began)}: name it with --start, "
            f"{other}"
        )
    file = checkpoint.parent / DATA_FILE
    before, now = small_json(file) if file.is_file() else {}, _identity(data)
    differ = [name for name in before if before[name] != now.get(name)]
    if differ:
        raise ValueError(
            f"the run in {checkpoint.parent} trained on other data ({differ[0]} "
            f"{before[differ[0]]}, not {now.get(differ[0])}); {other}"
        )


def record(folder: Path, start: Start | None, data: Mapping[str, Any]) -> None:
    """Writes down in a new run's folder which bundle it began with, and which data it has."""
    write_whole(folder / DATA_FILE, json_text(_identity(data)))
    if start is None:
        (folder / START_FILE).unlink(missing_ok=True)
    else:
        write_whole(folder / START_FILE, json_text({"bundle": start.hash}))


def _identity(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in _OF_DATA if name in data}


def _recorded(folder: Path) -> str:
    """Hash of the bundle that the run of a folder began with; empty if with none."""
    file = folder / START_FILE
    return str(small_json(file).get("bundle", "")) if file.is_file() else ""


def _named(began: str) -> str:
    return f"the bundle {began}" if began else "random weights"


def _pipeline(folder: Path) -> dict[str, Any]:
    """What a tokenizer does, without how it cuts and fills batches."""
    content = small_json(folder / "tokenizer.json", MOST_TOKENIZER)
    return content | {"truncation": None, "padding": None}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value
