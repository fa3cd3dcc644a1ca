"""Finishes what the training kit left: weights from a machine that has no data beside them.

`python -m domains.NAME.train PRESET --data SET --weights FOLDER` takes no steps: it takes the
folder's weights, fits the priors, chooses the settings, and writes bundle, card and report, as at
the end of a run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from tvae_core.data.prepared import PreparedSet
from tvae_core.domain import Domain
from tvae_core.evaluation.evaluate import Evaluation
from tvae_core.model.config import TVAEConfig
from tvae_core.model.vae import TransformerVAE
from tvae_core.support.errors import UserError
from tvae_core.support.files import KIT_FILE, write_whole
from tvae_core.training.presets import Merged
from tvae_core.training.run import Run, Trained, finish, plan_run
from tvae_core.training.run_folder import locked

WEIGHTS = "model.safetensors"


class KitFolderError(UserError):
    """A folder that the training kit did not leave, or one of other data or another model."""


def told_folder(folder: Path) -> dict[str, Any]:
    """What a folder of the kit tells of its run.

    Raises:
        KitFolderError: it is none.
    """
    try:
        found = json.loads((folder / KIT_FILE).read_text(encoding="utf-8"))
        return dict(found, data=dict(found["data"]), steps=int(found["steps"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise KitFolderError(
            f"{folder} is not a folder of the training kit: it has no usable {KIT_FILE}"
        ) from None


def check_data(folder: Path, told: Mapping[str, Any], prepared: PreparedSet) -> None:
    """Compares a prepared set with the one that a folder's weights were trained on.

    Raises:
        KitFolderError: it has another tokenizer or is of another domain.
    """
    for name in ("domain", "tokenizer_sha256"):
        if told["data"].get(name) != prepared.manifest.get(name):
            what = "domain" if name == "domain" else "tokenizer"
            raise KitFolderError(
                f"the weights in {folder} were trained with another {what} than {prepared.path} has"
            )


def load_weights(folder: Path, config: TVAEConfig) -> TransformerVAE:
    """The model of a folder.

    Raises:
        KitFolderError: its weights are missing, damaged, or of another architecture.
    """
    model = TransformerVAE(config)
    try:
        state = load_file(folder / WEIGHTS)
        model.load_state_dict({name: value.float() for name, value in state.items()})
    except (OSError, SafetensorError) as error:
        raise KitFolderError(f"{folder / WEIGHTS} cannot be read: {error}") from None
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise KitFolderError(
            f"{folder / WEIGHTS} is of another architecture than the presets say: {reason}"
        ) from None
    return model


def finish_kit(
    domain: Domain,
    merged: Merged,
    folder: Path,
    card: Callable[[dict[str, Any], Evaluation], str],
    extra: Callable[[Path], Mapping[str, Path]] = lambda folder: {},
) -> Run:
    """Makes a bundle of a folder's weights.

    Args:
        domain: checks what is decoded.
        merged: settings, those that the set was packed with.
        folder: that the training kit left.
        card: see `tvae_core.training.run.train`.
        extra: see there.

    Raises:
        KitFolderError: it is no such folder, or of other data or another model.
    """
    told = told_folder(folder)
    if not merged.train.get("output"):
        merged.train["output"] = f"runs/{domain.name}/{folder.resolve().name}"
    plan = plan_run(domain, merged)
    check_data(folder, told, plan.prepared)
    model = load_weights(folder, plan.config)
    names = ("device", "batch_size", "learning_rate", "minutes")
    trained = Trained(
        told["steps"],
        int(told.get("items_seen") or 0),
        {"kit": {name: told.get(name) for name in names}},
    )
    with locked(plan.folder):
        write_whole(plan.folder / "settings.toml", merged.table() + "\n")
        return finish(plan, model, trained, card, extra)
