"""A training run from settings to a bundle: model, trainer, priors, defaults, model card.

A run folder holds `settings.toml` (the merged configuration), `log.jsonl`, checkpoints and, at the
end, `bundle/`. A run that was killed goes on from its last complete checkpoint when started again.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor
from transformers import TrainingArguments

from tvae_core.checkpoint import save_bundle
from tvae_core.cli import Bar, reuse_memory, use_threads
from tvae_core.config import TVAEConfig
from tvae_core.data import PreparedSet, TokenRows, pad_rows
from tvae_core.domain import Domain
from tvae_core.evaluate import Evaluation, choose_settings, evaluate
from tvae_core.files import check_parent, json_text, write_whole
from tvae_core.latent import capacity_bits
from tvae_core.model import TransformerVAE
from tvae_core.presets import MODEL_FIELDS, Merged, TrainSettings
from tvae_core.prior import PriorSet
from tvae_core.probe import Probe, probe_texts, stopped_early
from tvae_core.space import LatentSpace
from tvae_core.tracking import ProgressLog, check_trackers
from tvae_core.trainer import TVAETrainer, last_checkpoint

_SHAPE = {
    "vocab_size",
    "d_model",
    "n_heads",
    "d_ff",
    "encoder_blocks",
    "decoder_layers",
    "n_latent",
    "latent_size",
}


@dataclass(frozen=True)
class Run:
    """What a finished run leaves: its folder, the bundle in it and the bundle's evaluation."""

    folder: Path
    bundle: Path
    evaluation: Evaluation


def wants_bf16(precision: str) -> bool:
    """Whether to train in bf16: asked for, or `auto` where the hardware multiplies it."""
    if precision != "auto":
        return precision == "bf16"
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    try:
        return "avx512_bf16" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def train(
    domain: Domain,
    merged: Merged,
    card: Callable[[dict[str, Any], Evaluation], str],
    extra: Callable[[Path], Mapping[str, Path]] = lambda folder: {},
) -> Run:
    """Trains a model, fits its priors, chooses its defaults and writes its bundle.

    Args:
        domain: checks what is decoded.
        merged: settings.
        card: makes the model card of the manifest and the evaluation.
        extra: files that the domain adds to the bundle, made from the prepared set's folder.

    Raises:
        PreparedSetError: no prepared set in `data`.
        ValueError: settings that make no model.
        FloatingPointError: the loss is not finite.
    """
    settings = TrainSettings(**merged.train)
    check_trackers(settings.trackers())
    folder = Path(settings.output or f"runs/{domain.name}/{'-'.join(merged.presets) or 'default'}")
    check_parent(folder / "settings.toml")
    threads = use_threads(settings.threads or None)
    reuse_memory()
    prepared = PreparedSet(settings.data or f"data/{domain.name}", domain.name)
    tokenizer = prepared.tokenizer()
    rows = prepared.rows("train")
    if settings.limit and settings.limit < len(rows):
        some = np.random.default_rng(settings.seed).permutation(len(rows))[: settings.limit]
        rows = TokenRows(rows.split.select(np.sort(some)))
    config = TVAEConfig(
        vocab_size=len(tokenizer),
        **({"max_length": _longest(rows)} | merged.model),
    )
    texts = probe_texts(prepared, prepared.held_out, config, settings)
    final = probe_texts(prepared, prepared.final, config, settings)
    if len(rows) < 2 or int(rows.lengths.max()) > config.max_length:
        raise ValueError(
            f"{prepared.path}: training needs at least 2 items, none longer than max_length "
            f"{config.max_length} (there are {len(rows)}, of up to {rows.lengths.max()} tokens)"
        )
    checkpoint = last_checkpoint(folder) if settings.resume else None
    if checkpoint is not None:
        _check_shape(checkpoint, config)
    torch.manual_seed(settings.seed)
    model = TransformerVAE(config)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "settings.toml", merged.table() + "\n")
    started = time.monotonic()
    trainer = _trainer(model, settings, folder, rows)
    trainer.add_callback(Probe(trainer, domain, tokenizer, texts, settings.early_stopping))
    parameters = sum(p.numel() for p in model.parameters())
    print(
        f"{domain.name}: {parameters / 1e6:.2f}M parameters, {len(rows):,} items of "
        f"{rows.lengths.mean():.1f} tokens, {threads} threads, "
        f"{'bf16' if trainer.args.bf16 else 'fp32'}"
        + (f", resuming from {checkpoint.name}" if checkpoint else ""),
        file=sys.stderr,
    )
    if checkpoint is not None and stopped_early(checkpoint, settings.early_stopping):
        trainer.take(checkpoint)
    else:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    minutes = (time.monotonic() - started) / 60
    model.eval()  # type: ignore[no-untyped-call]
    space, prior_loss = fit_priors(model, tokenizer, domain, rows, settings)
    rng = np.random.default_rng(settings.seed + 1)
    own = rows.texts(rng.permutation(len(rows))[: len(texts)].tolist())
    defaults = choose_settings(
        space, own, settings.target_valid, max(settings.eval_items, 16), stage=_stages("settings")
    )
    space.defaults |= defaults
    evaluation = evaluate(
        space,
        final,
        n_samples=max(settings.eval_items, 16),
        n_paths=min(100, len(final) // 2),
        stage=_stages("evaluate"),
    )
    manifest = {
        "domain": domain.name,
        "seed": settings.seed,
        "presets": list(merged.presets),
        # without the paths of this machine
        "settings": {k: v for k, v in merged.train.items() if k not in ("data", "output")}
        | {name: getattr(config, name) for name in MODEL_FIELDS},
        "steps": trainer.state.global_step,
        "items_seen": trainer.state.global_step
        * settings.gradient_accumulation_steps
        * min(settings.batch_size, len(rows)),
        "minutes_this_session": round(minutes, 1),
        "parameters": parameters,
        "bits": {
            "sigma_min": round(capacity_bits(config.code_size, config.sigma_min), 1),
            "sigma_max": round(capacity_bits(config.code_size, config.sigma_max), 1),
        },
        "prior_loss": round(prior_loss, 4),
        "defaults": defaults,
        "data": {
            key: prepared.manifest.get(key)
            for key in ("source", "source_sha256", "licence", "tokenizer_sha256", "counts", "seed")
        },
        "machine": f"{platform.machine()}, {threads} threads",
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    }
    bundle = save_bundle(
        folder / "bundle",
        model,
        tokenizer,
        space.priors,
        manifest,
        card(manifest, evaluation),
        extra(prepared.path),
    )
    write_whole(folder / "evaluation.json", json_text(evaluation.flat()))
    return Run(folder, bundle, evaluation)


def _check_shape(checkpoint: Path, config: TVAEConfig) -> None:
    saved = json.loads((checkpoint / "config.json").read_text())
    for name in ("vocab_size", *MODEL_FIELDS):
        wanted = getattr(config, name)
        there = saved.get(name, wanted)
        if name in _SHAPE and list(np.atleast_1d(there)) != list(np.atleast_1d(wanted)):
            raise ValueError(
                f"the checkpoint {checkpoint} has {name} {there}, not {wanted}; choose another "
                "--output, or start over with --resume false"
            )


def _trainer(
    model: TransformerVAE, settings: TrainSettings, folder: Path, rows: TokenRows
) -> TVAETrainer:
    half = wants_bf16(settings.precision)
    model.set_checkpointing(
        settings.gradient_checkpoint_encoder, settings.decoder_grad_chk_pnt_rate
    )
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=settings.max_steps,
        per_device_train_batch_size=min(settings.batch_size, len(rows)),
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
        per_device_eval_batch_size=settings.eval_batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        adam_beta2=settings.adam_beta2,
        max_grad_norm=settings.max_grad_norm,
        optim="adafactor" if settings.optimizer == "adafactor" else "adamw_torch_fused",
        bf16=half,
        use_cpu=not torch.cuda.is_available(),
        torch_compile=settings.compile,
        logging_steps=settings.log_steps,
        eval_steps=settings.eval_steps or None,
        save_steps=settings.save_steps,
        save_total_limit=2,
        report_to=settings.trackers() or "none",
        seed=settings.seed,
        disable_tqdm=True,
        remove_unused_columns=False,
    )
    per_step = settings.batch_size * settings.gradient_accumulation_steps
    return TVAETrainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        mmd_warmup_steps=settings.mmd_warmup_steps,
        moment_start=settings.moment_start,
        moment_warmup=settings.moment_warmup,
        seed_data=settings.seed,
        callbacks=[ProgressLog(folder, per_step)],
    )


def fit_priors(
    model: TransformerVAE, tokenizer: Any, domain: Domain, rows: TokenRows, settings: TrainSettings
) -> tuple[LatentSpace, float]:
    """Encodes part of the training set and fits both priors to it.

    Returns:
        The latent space and the flow's last loss.
    """
    rng = np.random.default_rng(settings.seed)
    chosen = rng.permutation(len(rows))[: settings.prior_codes]
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


def _longest(rows: TokenRows) -> int:
    return max(16, int(rows.lengths.max()) * 3 // 2)


def _stages(name: str) -> Callable[[str, int, int], None]:
    bar = Bar(name, "stage")
    return lambda what, done, total: bar(done, total)
