"""What a training run is set up with: precision, arguments of `Trainer`, the trainer itself."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import TrainingArguments

from tvae_core import across
from tvae_core.data import TokenRows
from tvae_core.model import TransformerVAE
from tvae_core.optimizers import MuonWithAdamW
from tvae_core.settings import TrainSettings
from tvae_core.tracking import ProgressLog
from tvae_core.trainer import TVAETrainer


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


def own_share(settings: TrainSettings, rows: int) -> int:
    """Rows of a batch that this process has.

    Args:
        settings: of the run.
        rows: of the training set; a batch has no more.

    Raises:
        ValueError: settings that do not go with several processes.
    """
    batch, processes = min(settings.batch_size, rows), across.expected_world()
    if batch % processes:
        raise ValueError(f"batch_size {batch} cannot be shared by {processes} processes")
    if processes > 1 and (settings.cycle_weight or settings.interpolate_every):
        raise ValueError(
            "cycle_weight and interpolate_every train in one process only: "
            "they decode another number of texts in each"
        )
    return batch // processes


def make_trainer(
    model: TransformerVAE, settings: TrainSettings, folder: Path, rows: TokenRows
) -> TVAETrainer:
    """The trainer of a run; under `torchrun` it joins the other processes.

    Raises:
        ValueError: see `own_share`.
    """
    own, together = own_share(settings, len(rows)), across.expected_world() > 1
    model.set_checkpointing(
        settings.gradient_checkpoint_encoder, settings.decoder_grad_chk_pnt_rate
    )
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=settings.max_steps,
        per_device_train_batch_size=own,
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
        per_device_eval_batch_size=settings.eval_batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=min(settings.warmup_steps, settings.max_steps // 4),
        weight_decay=settings.weight_decay,
        adam_beta2=settings.adam_beta2,
        max_grad_norm=settings.max_grad_norm,
        optim="adafactor" if settings.optimizer == "adafactor" else "adamw_torch_fused",
        bf16=wants_bf16(settings.precision),
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
        ddp_backend="gloo" if together and not torch.cuda.is_available() else None,
        ddp_find_unused_parameters=False,
        ddp_broadcast_buffers=False,
    )
    per_step = own * across.expected_world() * settings.gradient_accumulation_steps
    optimizer = None
    if settings.optimizer == "muon":
        optimizer = MuonWithAdamW(
            model,
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            beta2=settings.adam_beta2,
        )
    return TVAETrainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        mmd_warmup_steps=settings.mmd_warmup_steps,
        moment_start=settings.moment_start,
        moment_warmup=settings.moment_warmup,
        seed_data=settings.seed,
        cycle_weight=settings.cycle_weight,
        interpolate_every=settings.interpolate_every,
        optimizers=(optimizer, None),
        callbacks=[ProgressLog(folder, per_step)],
    )
