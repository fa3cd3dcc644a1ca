"""A training run from settings to a bundle: model, trainer, priors, defaults, model card.

A run folder holds `settings.toml` (the merged configuration), `log.jsonl`, checkpoints and, at the
end, `bundle/`. A run that was killed goes on from its last complete checkpoint when started again;
one process (or one group of `torchrun`) at a time works in a folder.
"""

from __future__ import annotations

import pickle
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor

from tvae_core.bundle import save_bundle
from tvae_core.data.batches import pad_rows
from tvae_core.data.prepared import PreparedSet, TokenRows
from tvae_core.data.stream import Stream
from tvae_core.decoding.generate import BEAMS
from tvae_core.decoding.ranges import MAX_CYCLES
from tvae_core.domain import Domain
from tvae_core.evaluation.evaluate import Evaluation, choose_settings, evaluate
from tvae_core.evaluation.report import write_run_report
from tvae_core.evaluation.showcase import make_showcase
from tvae_core.model.config import TVAEConfig
from tvae_core.model.latent import capacity_bits
from tvae_core.model.prior import PriorSet
from tvae_core.model.vae import TransformerVAE
from tvae_core.space.space import LatentSpace
from tvae_core.support import collectives
from tvae_core.support.files import check_parent, json_text, write_whole
from tvae_core.support.machine import reuse_memory, use_threads
from tvae_core.support.progress import Bar
from tvae_core.training import fsdp
from tvae_core.training.loop import TVAETrainer
from tvae_core.training.presets import MODEL_FIELDS, Merged, TrainSettings
from tvae_core.training.run_folder import RunFolderError, locked, meet, resume_point, step_of, tidy
from tvae_core.training.set_up import make_trainer, open_items
from tvae_core.training.tracking import check_trackers, log_showcase
from tvae_core.training.validation import Probe, probe_texts, stopped_early
from tvae_core.training.warm_start import (
    Start,
    begin,
    check_checkpoint,
    configured,
    first_model,
    record,
)


def fit_priors(
    model: TransformerVAE,
    tokenizer: Any,
    domain: Domain,
    rows: TokenRows,
    settings: TrainSettings,
    seen: int,
) -> tuple[LatentSpace, float]:
    """Encodes part of the training set and fits both priors to it.

    Args:
        model: in eval mode.
        tokenizer: of its vocabulary.
        domain: for the space.
        rows: the training set.
        settings: sizes and steps of the priors.
        seen: items that the model was trained on; no more are encoded (but 256).

    Returns:
        The latent space and the flow's last loss.
    """
    rng = np.random.default_rng(settings.seed)
    chosen = rng.permutation(len(rows))[: min(settings.prior_codes, max(seen, 256))]
    codes = encode_rows(model, rows, chosen, settings.eval_batch_size)
    torch.manual_seed(settings.seed)
    priors = PriorSet(model.config.code_size, settings.prior_width, settings.prior_depth)
    flat = codes.flatten(1)
    priors.gaussian.fit(flat)
    bar = Bar("flow prior", "step")
    loss = priors.flow.fit(
        flat,
        steps=settings.prior_steps,
        sigma_min=model.config.sigma_min,
        seed=settings.seed,
        progress=lambda done, total, _: bar(done, total),
    )
    return LatentSpace(model, tokenizer, priors.to(model.device).eval(), domain), loss


def encode_rows(model: TransformerVAE, rows: TokenRows, chosen: Any, batch_size: int) -> Tensor:
    """Codes `(len(chosen), n_latent, latent_size)` of the chosen rows, in length order."""
    order = chosen[np.argsort(rows.lengths[chosen], kind="stable")]
    parts, bar = [], Bar("encode", "item")
    with torch.no_grad():
        for start in range(0, len(order), batch_size):
            part = order[start : start + batch_size]
            ids = pad_rows([torch.from_numpy(rows.row(int(i))) for i in part])
            parts.append(model.encode(ids.to(model.device)).float().cpu())
            bar(start + len(part), len(order))
    return torch.cat(parts)


SHOWN = 64
"""Most samples in the showcase at the end of a run."""
PATHS = ("data", "output", "start")
"""Settings that are paths of this machine, which a manifest does not tell."""
OF_DATA = ("source", "source_sha256", "licence", "tokenizer_sha256", "counts", "seed")
"""What a bundle's manifest repeats of that of its prepared set."""


@dataclass(frozen=True)
class Run:
    """What a finished run leaves: its folder, the bundle in it and the bundle's evaluation."""

    folder: Path
    bundle: Path
    evaluation: Evaluation


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes:
        steps: optimiser steps in all.
        items_seen: training items in all, those seen again counted again.
        told: what else a manifest tells of it.
    """

    steps: int
    items_seen: int
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunPlan:
    """What a training is, known before its first step.

    Attributes:
        domain: checks what is decoded.
        merged: settings with where they are from, those of a bundle to start from included.
        settings: of `[train]`.
        folder: of the run.
        prepared: the prepared set.
        config: the architecture.
        rows: what is trained on; of a stream its first items, which the priors are fitted to.
        stream: where training items come from instead, if from one.
        start: the bundle that the run begins with, if with one.
        on_the_way: held-out texts that the run is measured on.
        final: held-out texts that the bundle is measured on.
        threads: of the CPU.
    """

    domain: Domain
    merged: Merged
    settings: TrainSettings
    folder: Path
    prepared: PreparedSet
    config: TVAEConfig
    rows: TokenRows
    stream: Stream | None
    start: Start | None
    on_the_way: list[str]
    final: list[str]
    threads: int

    def told(self) -> dict[str, Any]:
        """What the bundle's manifest says of it."""
        merged, config = self.merged, self.config
        settings = {k: v for k, v in merged.train.items() if k not in PATHS}
        return {
            "domain": self.domain.name,
            "seed": self.settings.seed,
            "presets": list(merged.presets),
            "settings": settings | {name: getattr(config, name) for name in MODEL_FIELDS},
            **({"start": self.start.hash} if self.start else {}),
        }


def train(
    domain: Domain,
    merged: Merged,
    card: Callable[[dict[str, Any], Evaluation], str],
    extra: Callable[[Path], Mapping[str, Path]] = lambda folder: {},
) -> Run | None:
    """Trains a model, fits its priors, chooses its defaults and writes its bundle.

    Under `torchrun` the processes train together; the first one alone does what comes after.

    Args:
        domain: checks what is decoded.
        merged: settings.
        card: makes the model card of the manifest and the evaluation.
        extra: files that the domain adds to the bundle, made from the prepared set's folder.

    Returns:
        What the run leaves; None in all processes but the first.

    Raises:
        PreparedSetError: no prepared set in `data`.
        BundleError: the bundle that `start` names cannot be used.
        ValueError: settings that make no model, or not the one that `start` names.
        FloatingPointError: the loss is not finite.
        RunFolderError: another run is at work in the folder, or no checkpoint in it is good.
        OutputError: the disk is full.
    """
    plan = plan_run(domain, merged)
    with locked(plan.folder):
        started = time.monotonic()
        model, steps = run_steps(plan)
        if not collectives.finish():
            return None
        minutes = round((time.monotonic() - started) / 60, 1)
        settings = plan.settings
        batch = settings.gradient_accumulation_steps * min(settings.batch_size, len(plan.rows))
        told = {
            "minutes_this_session": minutes,
            "machine": f"{platform.machine()}, {plan.threads} threads",
        }
        return finish(plan, model, Trained(steps, steps * batch, told), card, extra)


def plan_run(domain: Domain, merged: Merged) -> RunPlan:
    """Everything that is known of a run before it begins; writes nothing and raises as `train`."""
    merged, start = begin(merged, domain.name)
    settings = TrainSettings(**merged.train)
    check_trackers(settings.trackers())
    folder = Path(settings.output or _folder(domain, merged, start))
    check_parent(folder / "settings.toml")
    threads = use_threads(settings.threads or collectives.default_threads())
    reuse_memory()
    prepared = PreparedSet(settings.data or f"data/{domain.name}", domain.name)
    if start is not None:
        start.check_tokenizer(prepared.path, domain.name)
    tokenizer, wanted = prepared.tokenizer(), TVAEConfig(**merged.model)
    features = wanted.coarse_size if wanted.anchor_weight else 0
    longest = merged.model.get("max_length")
    rows, stream = open_items(prepared, tokenizer, settings, longest, features)
    config = configured(merged.model, len(tokenizer), int(rows.lengths.max()), start)
    rows = _training_rows(rows, config.max_length, settings)
    on_the_way = probe_texts(prepared, prepared.held_out, config, settings)
    final = probe_texts(prepared, prepared.final, config, settings)
    if len(rows) < 2:
        raise ValueError(
            f"{prepared.path}: training needs at least 2 items of at most max_length "
            f"{config.max_length} tokens; there are {len(rows)}"
        )
    return RunPlan(
        domain=domain,
        merged=merged,
        settings=settings,
        folder=folder,
        prepared=prepared,
        config=config,
        rows=rows,
        stream=stream,
        start=start,
        on_the_way=on_the_way,
        final=final,
        threads=threads,
    )


def _folder(domain: Domain, merged: Merged, start: Start | None) -> str:
    """The run folder where none is named."""
    name = "-".join(merged.presets) or "default"
    return f"runs/{domain.name}/{name}" + (f"-from-{start.hash}" if start else "")


def run_steps(plan: RunPlan) -> tuple[TransformerVAE, int]:
    """All steps that are left of a run, from its last checkpoint or the first one.

    Returns:
        The model in one piece, in all processes, and how many steps it was trained.
    """
    settings, folder, start, data = plan.settings, plan.folder, plan.start, plan.prepared.manifest
    torch.manual_seed(settings.seed)
    model = first_model(plan.config, start)
    checkpoint = resume_point(folder) if settings.resume else None
    if checkpoint is not None:
        check_checkpoint(checkpoint, plan.config, start, data)
    trainer = make_trainer(model, settings, folder, plan.rows, plan.stream)
    meet()
    if collectives.rank() == 0:
        tidy(folder, checkpoint, settings.resume)
        if checkpoint is None:
            record(folder, start, data)
        write_whole(folder / "settings.toml", plan.merged.table() + "\n")
    tokenizer = plan.prepared.tokenizer()
    trainer.add_callback(Probe(trainer, plan.domain, tokenizer, plan.on_the_way, settings))
    if collectives.rank() == 0:
        _announce(plan, trainer, checkpoint)
    _train(trainer, checkpoint, settings)
    model = fsdp.whole(model)
    trainer.gather()
    return model, trainer.state.global_step


def _announce(plan: RunPlan, trainer: TVAETrainer, checkpoint: Path | None) -> None:
    parameters = sum(
        p.numel() for p in trainer.accelerator.unwrap_model(trainer.model).parameters()
    )
    print(
        f"{plan.domain.name}: {parameters / 1e6:.2f}M parameters, {len(plan.rows):,} items of "
        f"{plan.rows.lengths.mean():.1f} tokens, {plan.threads} threads, "
        f"{'bf16' if trainer.args.bf16 else 'fp32'}{_optimizer_type(trainer)}"
        + (f", {collectives.world()} processes" if collectives.world() > 1 else "")
        + (f", begun with the bundle {plan.start.hash}" if plan.start else "")
        + (f", resuming from {checkpoint.name}" if checkpoint else ""),
        file=sys.stderr,
    )


def _optimizer_type(trainer: TVAETrainer) -> str:
    kind = getattr(trainer.optimizer, "kind", None)
    return "" if kind is None else f" (Muon in {'bf16' if kind == torch.bfloat16 else 'fp32'})"


def _train(trainer: TVAETrainer, checkpoint: Path | None, settings: TrainSettings) -> None:
    """All steps that are left, perhaps none."""
    if checkpoint is not None and (
        step_of(checkpoint) >= settings.max_steps
        or stopped_early(checkpoint, settings.early_stopping)
    ):
        trainer.take(checkpoint)
        return
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except pickle.UnpicklingError as error:
        raise RunFolderError(f"{checkpoint} holds objects that are not loaded") from error


def finish(
    plan: RunPlan,
    model: TransformerVAE,
    trained: Trained,
    card: Callable[[dict[str, Any], Evaluation], str],
    extra: Callable[[Path], Mapping[str, Path]],
) -> Run:
    """Priors, defaults, evaluation, bundle and report of a model whose training is over.

    Args:
        plan: of the run.
        model: in one piece.
        trained: how.
        card: see `train`.
        extra: see `train`.
    """
    settings, folder, tokenizer = plan.settings, plan.folder, plan.prepared.tokenizer()
    model.eval()  # type: ignore[no-untyped-call]
    space, prior_loss = fit_priors(
        model, tokenizer, plan.domain, plan.rows, settings, trained.items_seen
    )
    defaults, evaluation = _judge(space, plan)
    most = min(settings.eval_items, SHOWN)
    seen = make_showcase(space, plan.final, n_samples=most, prior="flow")
    log_showcase(seen, folder, trained.steps, plan.domain, settings.trackers())
    evaluation = evaluation or Evaluation(seen.metrics)
    manifest = {
        **plan.told(),
        **trained.told,
        "steps": trained.steps,
        "items_seen": trained.items_seen,
        **_of_model(model),
        "prior_loss": round(prior_loss, 4),
        "defaults": defaults,
        "data": {key: plan.prepared.manifest.get(key) for key in OF_DATA},
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    }
    made = card(manifest, evaluation), extra(plan.prepared.path)
    bundle = save_bundle(folder / "bundle", model, tokenizer, space.priors, manifest, *made)
    write_whole(folder / "evaluation.json", json_text(evaluation.flat()))
    table = plan.merged.table()
    report = write_run_report(folder, plan.domain, space, evaluation, seen, table, manifest)
    print(f"report: {report}", file=sys.stderr)
    return Run(folder, bundle, evaluation)


def _of_model(model: TransformerVAE) -> dict[str, Any]:
    config = model.config
    bits = {
        name: round(capacity_bits(config.code_size, getattr(config, name)), 1)
        for name in ("sigma_min", "sigma_max")
    }
    return {"parameters": sum(p.numel() for p in model.parameters()), "bits": bits}


def _judge(space: LatentSpace, plan: RunPlan) -> tuple[dict[str, float], Evaluation | None]:
    """Chooses the defaults of the space and measures it, where a full evaluation is wanted."""
    settings, rows, texts = plan.settings, plan.rows, plan.final
    if settings.final == "quick":
        return {}, None
    n = max(settings.eval_items, 16)
    rng = np.random.default_rng(settings.seed + 1)
    own = rows.texts(rng.permutation(len(rows))[: len(texts)].tolist())
    space.beams, space.cycles = BEAMS, MAX_CYCLES
    defaults = choose_settings(space, own, settings.target_valid, n, stage=_stages("settings"))
    space.defaults |= defaults
    paths = min(100, len(texts) // 2)
    return defaults, evaluate(space, texts, n_samples=n, n_paths=paths, stage=_stages("evaluate"))


def _training_rows(rows: TokenRows, max_length: int, settings: TrainSettings) -> TokenRows:
    """The rows that the model takes, or `limit` of them."""
    fitting = np.flatnonzero((rows.lengths > 0) & (rows.lengths <= max_length))
    if len(fitting) < len(rows):
        print(
            f"left out {len(rows) - len(fitting):,} of {len(rows):,} training items: empty, or "
            f"longer than max_length {max_length}",
            file=sys.stderr,
        )
    if settings.limit and settings.limit < len(fitting):
        some = np.random.default_rng(settings.seed).permutation(len(fitting))[: settings.limit]
        fitting = fitting[np.sort(some)]
    return rows if len(fitting) == len(rows) else rows.chosen(fitting)


def _stages(name: str) -> Callable[[str, int, int], None]:
    bar = Bar(name, "stage")
    return lambda what, done, total: bar(done, total)
