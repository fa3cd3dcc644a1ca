"""What a training run is set up with: precision, arguments of `Trainer`, the trainer itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments

from tvae_core.data.prepared import PreparedSet, TokenRows
from tvae_core.data.stream import Source, Stream
from tvae_core.model.vae import TransformerVAE
from tvae_core.support import collectives
from tvae_core.support.machine import multiplies_bf16_fast
from tvae_core.training import fsdp
from tvae_core.training.distributed import DistributedTrainer
from tvae_core.training.optimizers import MuonWithAdamW, faster_type
from tvae_core.training.run_folder import first_process
from tvae_core.training.settings import TrainSettings
from tvae_core.training.tracking import ProgressLog

NO_LIMIT = 1 << 30


def wants_bf16(precision: str) -> bool:
    """Whether to train in bf16: asked for, or `auto` where the machine multiplies it faster."""
    if precision != "auto":
        return precision == "bf16"
    return multiplies_bf16_fast("cuda" if torch.cuda.is_available() else "cpu")


def _agreed_type(model: TransformerVAE, device: torch.device) -> torch.dtype:
    """The type that Muon multiplies in, the same in all processes."""
    fast = torch.tensor([faster_type(model) == torch.bfloat16], device=device)
    return torch.bfloat16 if bool(collectives.gather(fast).all()) else torch.float32


def own_share(settings: TrainSettings, rows: int) -> int:
    """Rows of a batch that this process has.

    Args:
        settings: of the run.
        rows: of the training set; a batch has no more.

    Raises:
        ValueError: settings that do not go with several processes.
    """
    batch, processes = min(settings.batch_size, rows), collectives.expected_world()
    if batch % processes:
        raise ValueError(f"batch_size {batch} cannot be shared by {processes} processes")
    if processes > 1 and (settings.cycle_weight or settings.interpolate_every):
        raise ValueError(
            "cycle_weight and interpolate_every train in one process only: "
            "they decode another number of texts in each"
        )
    if settings.sharding == "full" and settings.optimizer != "adamw":
        raise ValueError(
            f"sharding full goes with the optimizer adamw only: {settings.optimizer} needs whole "
            "matrices, of which each process has a part"
        )
    if settings.sharding == "full" and settings.compile:
        raise ValueError("sharding full and compile do not go together yet; leave out one")
    return batch // processes


def open_items(
    prepared: PreparedSet,
    tokenizer: Any,
    settings: TrainSettings,
    max_length: int | None,
    features: int = 0,
) -> tuple[TokenRows, Stream | None]:
    """The training rows; of a streamed set its first items, which the priors are fitted to.

    Args:
        prepared: of which a streamed set needs the tokenizer and what is held out.
        tokenizer: of the prepared set.
        settings: of the run.
        max_length: of the model, where it is said.
        features: how many of its features each item has beside it.

    Raises:
        ValueError: there is nothing to read, or settings do not go with streaming.
    """
    if not settings.stream:
        rows = prepared.with_features("train", features) if features else prepared.rows("train")
        return rows, None
    if features:
        raise ValueError("anchor_weight needs a prepared set: streamed items have no features")
    if settings.limit:
        raise ValueError("limit is for prepared sets; stream fewer files")
    stream = Stream(
        Source(settings.stream, settings.stream_column),
        tokenizer,
        batch_size=settings.batch_size,
        max_length=max_length or NO_LIMIT,
        buffer=settings.stream_buffer,
        seed=settings.seed,
    )
    rows = stream.sample(settings.prior_codes)
    if first_process():
        print(
            f"streaming {stream.source.n_shards:,} shards of {settings.stream}; the first "
            f"{len(rows):,} items are the priors'",
            file=sys.stderr,
        )
    return rows, stream


def make_trainer(
    model: TransformerVAE,
    settings: TrainSettings,
    folder: Path,
    rows: TokenRows,
    stream: Stream | None = None,
) -> DistributedTrainer:
    """The trainer of a run; under `torchrun` it joins the other processes.

    Raises:
        ValueError: see `own_share`.
    """
    own = own_share(settings, len(rows) if stream is None else settings.batch_size)
    together = collectives.expected_world() > 1
    if stream is not None:
        stream.max_length = model.config.max_length
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
    if together and settings.sharding == "full":
        fsdp.shard(model, arguments.device)
    per_step = own * collectives.expected_world() * settings.gradient_accumulation_steps
    optimizer = None
    if settings.optimizer == "muon":
        optimizer = MuonWithAdamW(
            model,
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            beta2=settings.adam_beta2,
            kind=_agreed_type(model, arguments.device),
        )
    return DistributedTrainer(
        model=model,
        args=arguments,
        train_dataset=rows if stream is None else stream,
        stream=stream,
        mmd_warmup_steps=settings.mmd_warmup_steps,
        moment_start=settings.moment_start,
        moment_warmup=settings.moment_warmup,
        seed_data=settings.seed,
        cycle_weight=settings.cycle_weight,
        interpolate_every=settings.interpolate_every,
        optimizers=(optimizer, None),
        callbacks=[ProgressLog(folder, per_step)],
    )
