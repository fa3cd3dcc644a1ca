"""`python -m tvae_core.bench max-batch`: the largest batch that trains in a given memory.

    python -m tvae_core.bench max-batch base funnel_tiny --length 237 --memory 12
    python -m tvae_core.bench max-batch --table

A real training step is measured (see `memory`): by the allocator on a GPU, on fake tensors where
there is none. The answer is verified: it fits, and one more does not. `--table` prints the original
system's rows beside this core's.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from tvae_core.bench.architecture import (
    CHECKPOINTED,
    ROWS,
    Row,
    architecture_name,
    check_settings,
    train_settings_of,
    use_machine,
)
from tvae_core.bench.memory import GIB, StepMemory, StepMeter
from tvae_core.bench.record import Record, aligned
from tvae_core.model.config import TVAEConfig
from tvae_core.support.errors import BAD_USAGE, CommandError
from tvae_core.support.progress import Bar
from tvae_core.training.presets import TrainSettings

LARGEST = 1 << 20
_GROWTH = 16
HOW = {
    "fake": "tracked peak of allocated bytes, fake tensors",
    "cpu": "tracked peak of allocated bytes, real tensors on the CPU",
    "cuda": "the allocator's peak, on the GPU",
}


@dataclass(frozen=True)
class Largest:
    """The largest batch that fits (0: none does), its memory, and that of one more.

    `memory` is None for batch 0; `over` is None where the card had too little to tell.
    """

    batch: int
    memory: StepMemory | None
    over: StepMemory | None

    def held(self) -> StepMemory | None:
        """What fills the memory: at the batch that fits, else at the one that does not."""
        return self.memory or self.over


def largest_batch(
    measure: Callable[[int], StepMemory | None],
    room: float,
    progress: Callable[[int], None] = lambda probes: None,
    likely: int = 8,
) -> Largest:
    """Finds the batch that fits into `room` bytes while one more does not.

    The peak is the highest of several phases, each nearly affine in the batch: a line through two
    probes says where the next one is due, and soon both lie in the same phase.

    Args:
        measure: memory of a step, None where it could not be run for lack of memory.
        room: bytes.
        progress: told the number of probes made.
        likely: probed second, after a batch of 2.
    """
    seen: dict[int, StepMemory | None] = {}
    low, high = 0, LARGEST + 1
    guess = 2
    while high - low > 1:
        seen[guess] = found = measure(guess)
        progress(len(seen))
        if found is not None and found.peak <= room:
            low = guess
        else:
            high = guess
        guess = (
            likely if len(seen) == 1 and 2 <= low < likely else _next_guess(seen, room, low, high)
        )
    return Largest(low, seen.get(low), seen.get(high))


def _next_guess(seen: Mapping[int, StepMemory | None], room: float, low: int, high: int) -> int:
    points = [(batch, memory.peak) for batch, memory in sorted(seen.items()) if memory is not None]
    bracket = [point for point in points if point[0] in (low, high)]
    line = bracket if len(bracket) == 2 else [point for point in points if point[0] <= low][-2:]
    guess = 4 * max(low, 1)
    if len(line) == 2 and line[1][1] > line[0][1]:
        (left, first), (right, last) = line
        guess = math.floor(left + (room - first) * (right - left) / (last - first))
    if high > LARGEST:
        guess = min(guess, _GROWTH * max(low, 1))
    elif high > _GROWTH * max(low, 1) and len(seen) % 2:  # a line over a wide bracket tells little
        guess = math.isqrt(max(low, 1) * high)
    elif guess >= high or len(seen) % 5 == 0:  # now and then halved, whatever the curve
        guess = (low + high) // 2
    return max(low + 1, min(guess, high - 1))


def search(
    config: TVAEConfig,
    settings: TrainSettings,
    length: int,
    way: str,
    room: float,
    progress: Callable[[int], None] = lambda probes: None,
    likely: int = 8,
) -> Largest:
    """`largest_batch` of an architecture; see `StepMeter` for the arguments.

    On a GPU, memory beyond `room` is refused by the allocator, as on a smaller card.
    """
    if way == "cuda":
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, room / total))
    meter: StepMeter | None = None

    def measure(batch: int) -> StepMemory | None:
        nonlocal meter
        try:
            meter = meter or StepMeter(config, settings, length, way)
            return meter.measure(batch)
        except torch.OutOfMemoryError:
            pass
        if meter is not None:
            meter.discard()
        return None

    return largest_batch(measure, room, progress, likely)


def run(args: argparse.Namespace) -> list[Record]:
    """Runs the search or the table, and prints it.

    Raises:
        CommandError: arguments that make no sense together.
        ValueError: settings that make no model.
    """
    room = (args.memory - args.reserve) * GIB
    if not 0 < room < math.inf or args.reserve < 0:
        raise CommandError("--memory must be above --reserve, which is 0 or more", BAD_USAGE)
    table = args.table or args.rows is not None
    if table and (args.presets or args.set or args.length):
        raise CommandError("--table has its own presets, settings and lengths", BAD_USAGE)
    if not table and args.length is None:
        raise CommandError("--length is missing (or ask for the --table)", BAD_USAGE)
    way = "cuda" if use_machine(args) == "cuda" else "cpu" if args.real else "fake"
    print(f"{args.memory:g} GiB less {args.reserve:g} in reserve; {HOW[way]}", flush=True)
    if table:
        rows = [ROWS[number - 1] for number in args.rows or range(1, len(ROWS) + 1)]
        return _table(rows, way, room, {"precision": args.precision})
    bar = Bar("max-batch", "probe")
    found = search(
        check_settings(args, max_length=args.length),
        train_settings_of(args),
        args.length,
        way,
        room,
        lambda probes: bar(min(probes, 7), 8),
    )
    bar(8, 8)
    if (held := found.held()) is not None:
        print(f"batch {found.batch}: {held.describe()}")
    return _records(f"{architecture_name(args)}, {args.length} tokens", found, way)


def _records(name: str, found: Largest, way: str, row: Row | None = None) -> list[Record]:
    original = row.original if row else None
    ratio = found.batch / original if original else None
    records = [Record(f"max batch, {name}, {way}", found.batch, "items", original, ratio)]
    if (held := found.held()) is not None:
        records.append(Record(f"peak memory, {name}, {way}", held.peak, "bytes"))
    return records


def _table(rows: Sequence[Row], way: str, room: float, common: Mapping[str, Any]) -> list[Record]:
    jobs: list[tuple[Row, Mapping[str, Any]]] = []
    for row in rows:
        jobs.append((row, common))
        if not row.checkpointed:
            jobs.append((row, {**common, **CHECKPOINTED}))
    bar = Bar("max-batch", "search")
    found: list[Largest] = []
    for row, more in jobs:
        config, settings = row.settings(more)
        found.append(search(config, settings, row.length, way, room, likely=row.target))
        bar(len(found), len(jobs))
    records: list[Record] = []
    lines, misses = [_HEAD], []
    for row in rows:
        own = [(more, result) for (r, more), result in zip(jobs, found, strict=True) if r is row]
        plain = own[0][1]
        name = f"{row.name}, {row.length} tokens"
        records += _records(name, plain, way, row)
        lowest = own[1][1] if len(own) > 1 else None
        if lowest is not None:
            records += _records(f"{name}, with checkpointing", lowest, way, row)
        lines.append(_line(row, plain, lowest))
        if plain.batch < row.target and (held := plain.held()) is not None:
            misses.append(f"MISS {name}: {plain.batch} of {row.target}; held: {held.describe()}")
    print(aligned(lines), *misses, sep="\n", flush=True)
    return records


_HEAD: tuple[str, ...] = (
    "architecture",
    "tokens",
    "original",
    "ours",
    "ratio",
    "target",
    "",
    "with checkpointing",
    "weights",
    "grads",
    "optimiser",
    "activations",
)


def _line(row: Row, plain: Largest, lowest: Largest | None) -> tuple[str, ...]:
    held = plain.held()
    parts = (
        (held.parameters, held.gradients, held.optimiser, held.activations) if held else [math.nan]
    )
    return (
        row.name,
        str(row.length),
        str(row.original),
        str(plain.batch),
        f"{plain.batch / row.original:.1f}x",
        str(row.target),
        "met" if plain.batch >= row.target else "MISS",
        "" if lowest is None else f"{lowest.batch} ({lowest.batch / row.original:.1f}x)",
        *(f"{size / GIB:.2f}" for size in parts),
    )
