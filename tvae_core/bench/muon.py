"""`python -m tvae_core.bench muon`: a training step's parts, in bf16 and in fp32, in turns.

Forward and backward pass, and the step of Muon with AdamW, each in both types, in seconds of
processor time; the line below says which type trainings take here. What a processor without bf16
instructions does can be seen on another one (x86) with `ATEN_CPU_CAPABILITY=avx2
ONEDNN_MAX_CPU_ISA=AVX2` before the command.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch

from tvae_core.bench.architecture import (
    add_architecture_arguments,
    architecture_name,
    check_settings,
    train_settings_of,
    use_machine,
)
from tvae_core.bench.ceiling import DTYPES
from tvae_core.bench.record import Record, aligned, number
from tvae_core.bench.steps import Batch, autocast, padded, random_rows, synchronise
from tvae_core.cli.parser import CommandParser, positive_int
from tvae_core.model.config import TVAEConfig
from tvae_core.model.vae import TransformerVAE
from tvae_core.support.errors import CommandError
from tvae_core.support.machine import multiplies_bf16_fast
from tvae_core.support.progress import Bar
from tvae_core.training.optimizers import MuonWithAdamW
from tvae_core.training.presets import TrainSettings

PASSES, STEP = "forward and backward", "Muon with AdamW"


def add_arguments(parser: CommandParser) -> None:
    """The arguments of `muon`."""
    add_architecture_arguments(parser)
    parser.add_argument("--length", type=positive_int, default=10, help="tokens a row (default 10)")
    parser.add_argument("--batch-size", type=positive_int, default=256, help="rows (default 256)")
    parser.add_argument("--repeats", type=positive_int, default=5, help="turns (default 5)")


def run(args: argparse.Namespace) -> list[Record]:
    """Measures and prints both parts of a step in both types."""
    if args.length < 2:
        raise CommandError("--length must be at least 2: one token and <eos>", 2)
    config = check_settings(args, max_length=args.length)
    settings, device = train_settings_of(args), use_machine(args)
    names = [args.precision] if args.precision else list(DTYPES)
    step = Parts(config, settings, device)
    (rows,) = random_rows(config, args.batch_size, args.length, args.seed)
    batch = {name: t.to(device) for name, t in padded(rows, args.length - 1).items()}
    found = {(part, name): list[float]() for part in (PASSES, STEP) for name in names}
    bar = Bar("muon", "turn")
    for turn in range(-1, args.repeats):
        for name in names:
            taken = step.run(batch, name)
            if turn >= 0:  # the first turn warms up
                for part, seconds in zip((PASSES, STEP), taken, strict=True):
                    found[part, name].append(seconds)
        bar(turn + 2, args.repeats + 1)
    print(
        f"muon: {architecture_name(args)}; {args.batch_size} rows of {args.length} tokens; "
        f"vocabulary {config.vocab_size:,}; {device}, {torch.get_num_threads()} thread(s); "
        f"{sum(p.numel() for p in step.model.parameters()) / 1e6:.1f}M parameters"
    )
    print(table(found))
    chosen = "bf16" if multiplies_bf16_fast(device) else "fp32"
    print(f"trainings take {chosen} here, for the passes (`--precision auto`) and for Muon")
    return [
        Record(f"{part}, {name}", statistics.median(times), "s", spread=(min(times), max(times)))
        for (part, name), times in found.items()
    ]


class Parts:
    """A model with one optimiser a type; all share the weights.

    Args:
        config: architecture.
        settings: rate, decay, seed.
        device: `cpu` or `cuda`.
    """

    def __init__(self, config: TVAEConfig, settings: TrainSettings, device: str) -> None:
        torch.manual_seed(settings.seed)
        model: TransformerVAE = TransformerVAE(config)
        self.model = model.to(device).train()  # type: ignore[arg-type]
        self.device = device
        optimizer = partial(MuonWithAdamW, self.model, lr=settings.learning_rate)
        self.optimizers = {name: optimizer(kind=kind) for name, kind in DTYPES.items()}

    def run(self, batch: Batch, precision: str) -> tuple[float, float]:
        """Seconds of both passes, and of the step of the optimiser."""
        passes = self._seconds(partial(self._passes, batch, precision))
        step = self._seconds(self.optimizers[precision].step)
        self.model.zero_grad()
        return passes, step

    def _passes(self, batch: Batch, precision: str) -> None:
        with autocast(precision, self.device):
            loss = self.model(**batch).loss
        loss.backward()

    def _seconds(self, work: Callable[[], object]) -> float:
        """Of processor time; on a GPU, of time until it is done."""
        clock = time.process_time if self.device == "cpu" else time.perf_counter
        synchronise(self.device)
        start = clock()
        work()
        synchronise(self.device)
        return clock() - start


def table(found: dict[tuple[str, str], list[float]]) -> str:
    """The measured parts as text, a row a part and type."""
    rows: list[tuple[str, ...]] = [("", "type", "s", "lowest", "highest")]
    for (part, name), times in found.items():
        values = (statistics.median(times), min(times), max(times))
        rows.append((part, name, *map(number, values)))
    return aligned(rows)
