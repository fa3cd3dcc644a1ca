"""What a training run looks at on the way: held-out reconstruction and validity."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from tvae_core.data.prepared import PreparedSet
from tvae_core.domain import Domain
from tvae_core.evaluation.evaluate import Evaluation, evaluate
from tvae_core.evaluation.showcase import make_showcase
from tvae_core.model.config import TVAEConfig
from tvae_core.model.prior import PriorSet
from tvae_core.model.vae import TransformerVAE
from tvae_core.space.space import LatentSpace
from tvae_core.training.fsdp import whole
from tvae_core.training.loop import TVAETrainer
from tvae_core.training.presets import TrainSettings
from tvae_core.training.tracking import log_showcase

PROBE_DIAL = (1.0, 0.5, 0.2)


class Probe(TrainerCallback, ExportableState):
    """Every `eval_steps`: held-out reconstruction, validity of prior samples and of paths.

    The prior here is the Gaussian of the codes, which takes no training; the numbers are logged
    as `eval_...`, with tables to look at, and `eval_reconstruction_exact` decides on early
    stopping. What it has seen goes into each checkpoint's `trainer_state.json`, so a resumed run
    stops where an unbroken one does.
    """

    def __init__(
        self,
        trainer: TVAETrainer,
        domain: Domain,
        tokenizer: Any,
        texts: list[str],
        settings: TrainSettings,
    ) -> None:
        self.trainer, self.domain, self.tokenizer = trainer, domain, tokenizer
        self.texts, self.patience = texts, settings.early_stopping
        self.full, self.trackers = settings.final == "full", settings.trackers()
        self.best, self.worse = -1.0, 0

    def state(self) -> dict[str, Any]:
        """The best score and the evaluations since it, as `trainer_state.json` keeps them."""
        return {"args": {}, "attributes": {"best": self.best, "worse": self.worse}}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        kept = dict(cast(dict[str, Any], state.stateful_callbacks or {}))
        if state.global_step and type(self).__name__ in kept:
            seen = kept[type(self).__name__]["attributes"]
            self.best, self.worse = float(seen["best"]), int(seen["worse"])
        kept.setdefault(type(self).__name__, self.state())  # a checkpoint of before it was kept
        state.stateful_callbacks = kept  # type: ignore[assignment]

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        every = int(args.eval_steps or 0)
        if not every or state.global_step % every or state.global_step >= state.max_steps:
            return
        model = whole(self.trainer.accelerator.unwrap_model(self.trainer.model))
        with torch.random.fork_rng(devices=[]):
            model.eval()  # type: ignore[no-untyped-call]
            space = probe_space(model, self.tokenizer, self.domain, self.texts)
            showcase = make_showcase(space, self.texts, n_samples=len(self.texts))
            found = showcase.metrics
            if self.full:
                found = found | quick_evaluation(space, self.texts).flat()
            model.train()
        wanted = control.should_log  # logging here would cancel the step's own line
        self.trainer.log({f"eval_{name}": value for name, value in found.items()})
        control.should_log = wanted
        folder = Path(args.output_dir or ".")
        if state.is_world_process_zero:
            log_showcase(showcase, folder, state.global_step, self.domain, self.trackers)
        score = found["reconstruction_exact"]
        self.worse = 0 if score > self.best else self.worse + 1
        self.best = max(self.best, score)
        if self.patience and self.worse >= self.patience:
            control.should_training_stop = True


def stopped_early(checkpoint: Path, patience: int) -> bool:
    """Whether the run of a checkpoint had run out of patience when it was written."""
    state = json.loads((checkpoint / "trainer_state.json").read_text())
    seen = state.get("stateful_callbacks", {}).get(Probe.__name__, {}).get("attributes", {})
    return bool(patience) and int(seen.get("worse", 0)) >= patience


def probe_space(
    model: TransformerVAE, tokenizer: Any, domain: Domain, texts: list[str]
) -> LatentSpace:
    """The latent space of a model in training, with the Gaussian of the very texts as its prior."""
    priors = PriorSet(model.config.code_size, width=8, depth=1).to(model.device)
    space = LatentSpace(model, tokenizer, priors, domain)
    priors.gaussian.fit(space.encode(texts).flatten(1))
    return space


def quick_evaluation(space: LatentSpace, texts: list[str]) -> Evaluation:
    """The shared evaluation at three settings of the dial, with the Gaussian prior."""
    return evaluate(
        space, texts, n_samples=len(texts), n_paths=32, dial=PROBE_DIAL, prior="gaussian"
    )


def probe_texts(
    prepared: PreparedSet, split: str, config: TVAEConfig, settings: TrainSettings
) -> list[str]:
    """Texts of a held-out split that the model takes, for an evaluation.

    Raises:
        ValueError: for fewer than 4 of them.
    """
    held_out = prepared.rows(split)
    fitting = np.flatnonzero((held_out.lengths > 0) & (held_out.lengths <= config.max_length))
    if len(fitting) < 4:
        raise ValueError(
            f"{prepared.path}: the held-out split {split!r} has {len(fitting)} items "
            f"within max_length {config.max_length}; an evaluation needs at least 4"
        )
    rng = np.random.default_rng(settings.seed)
    chosen = rng.permutation(fitting)[: max(settings.eval_items, 4)]
    return held_out.texts(sorted(chosen.tolist()))
