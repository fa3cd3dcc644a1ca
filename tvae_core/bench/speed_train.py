"""`python -m tvae_core.bench train`: full training steps, ours beside the original's architecture.

Each model lives in a process of its own and they take turns on the same rows. A row has `--length`
tokens, its `<eos>` among them. With `--data` rows are those of a prepared set: the baseline pads
them to `--length` as the original did, ours does too, and once more without padding.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from tvae_core.bench.architecture import (
    architecture_name,
    check_settings,
    train_settings_of,
    use_machine,
)
from tvae_core.bench.ceiling import ceiling
from tvae_core.bench.pair import Worker, alternate, paired_ratio
from tvae_core.bench.record import Record, aligned, number
from tvae_core.bench.steps import (
    Batch,
    OriginalStep,
    OurStep,
    RealBatches,
    padded,
    parameters,
    random_rows,
    run_all,
    seconds,
    synchronise,
)
from tvae_core.model.config import TVAEConfig
from tvae_core.support.errors import CommandError
from tvae_core.support.machine import multiplies_bf16_fast, reuse_memory
from tvae_core.training.presets import TrainSettings

UNPADDED = "no padding"


@dataclass(frozen=True)
class Plan:
    """What both processes work on.

    Attributes:
        config: architecture.
        settings: of training.
        device: `cpu` or `cuda`.
        length: tokens of a full row, its `<eos>` included.
        rows: bare tokens, batches of rows.
        data: prepared set they come from, or an empty string.
        batch_size: rows a batch.
        seed: of data and weights.
        own: the baseline as the original ran it, see `baseline`.
    """

    config: TVAEConfig
    settings: TrainSettings
    device: str
    length: int
    rows: list[list[list[int]]]
    data: str
    batch_size: int
    seed: int
    own: bool = False

    @property
    def items(self) -> int:
        """Rows of a run."""
        return sum(len(batch) for batch in self.rows)

    @property
    def tokens(self) -> int:
        """Tokens of a run that are no padding, `<eos>` included."""
        return sum(len(row) + 1 for batch in self.rows for row in batch)


class OurTraining:
    """Our side: runs the plan's batches in a variant such as `bf16, no padding`."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.waited, self.spent = plan, 0.0, 0.0
        reuse_memory()  # as the trainer does
        self.step = OurStep(plan.config, plan.settings, plan.device)
        self.batches = [padded(rows, plan.length - 1) for rows in plan.rows]
        self.real = None
        if plan.data:
            where = (plan.data, plan.config, plan.length, plan.batch_size)
            self.real = RealBatches(*where, len(plan.rows), plan.seed)

    def time(self, variant: str) -> float:
        """Seconds of a run over all batches; without padding, the loader's time included."""
        precision = variant[:4]
        if UNPADDED not in variant:
            return seconds(partial(run_all, self._step(precision), self.batches), self.plan.device)
        assert self.real is not None
        start = last = time.perf_counter()
        for batch in self.real.loader():
            self.waited += time.perf_counter() - last
            self.step(batch, precision)
            synchronise(self.plan.device)
            last = time.perf_counter()
        self.spent += last - start
        return last - start

    def _step(self, precision: str) -> Callable[[Batch], None]:
        return partial(self.step, precision=precision)

    def loader_share(self) -> float:
        """Share of the time without padding in which the step waited for its batch."""
        return self.waited / self.spent

    def flops(self, variant: str) -> int:
        """Model FLOPs of a run, see `OurStep.flops`."""
        if UNPADDED in variant and self.real is not None:
            return sum(self.step.flops(batch) for batch in self.real.loader())
        return sum(self.step.flops(batch) for batch in self.batches)

    def ceiling(self, precision: str, sizes: Sequence[int]) -> float:
        """FLOP/s of large matrix products in this process."""
        return ceiling(precision, self.plan.device, sizes)

    def size(self) -> int:
        """Parameters."""
        return parameters(self.step.model)


class OriginalTraining:
    """The baseline's side: the same rows, padded to the plan's length, in fp32."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.step = OriginalStep(plan.config, plan.settings, plan.device, plan.own)
        end = plan.config.eos_token_id
        self.batches = [padded(rows, plan.length, end) for rows in plan.rows]

    def time(self) -> float:
        """Seconds of a run over all batches."""
        return seconds(partial(run_all, self.step, self.batches), self.plan.device)

    def size(self) -> int:
        """Parameters."""
        return parameters(self.step.model)


_WARM_UP = 1


def plan_of(args: argparse.Namespace) -> Plan:
    """The work that the arguments name.

    Raises:
        CommandError: impossible settings.
    """
    if args.length < 2:
        raise CommandError("--length must be at least 2: one token and <eos>", 2)
    config = check_settings(args, max_length=args.length)
    count = args.batches or (4 if args.data else 1)
    if args.data:
        where = (args.data, config, args.length, args.batch_size)
        rows = RealBatches(*where, count, args.seed).rows()
    else:
        rows = random_rows(config, args.batch_size, args.length, args.seed, count)
    settings, device = train_settings_of(args), use_machine(args)
    own = args.original == "own"
    size = args.batch_size
    return Plan(config, settings, device, args.length, rows, args.data, size, args.seed, own)


def variants_of(args: argparse.Namespace) -> list[str]:
    """Our variants, each adding one thing to the one before."""
    names = [args.precision] if args.precision else ["fp32", "bf16"]
    if not args.data:
        return names
    return [*(f"{name}, padded" for name in names), f"{names[-1]}, {UNPADDED}"]


def run(args: argparse.Namespace) -> list[Record]:
    """Measures and prints the training speed of both."""
    import torch

    plan, variants = plan_of(args), variants_of(args)
    threads = torch.get_num_threads()
    with (
        Worker("the original's architecture", threads, OriginalTraining, plan) as original,
        Worker("our model", threads, OurTraining, plan) as ours,
    ):
        tasks = {"original": partial(original.call, "time")}
        tasks |= {variant: partial(ours.call, "time", variant) for variant in variants}
        alternate(tasks, _WARM_UP, "warm-up")
        precisions = {variant[:4] for variant in variants}
        tops = {p: ours.call("ceiling", p, args.ceiling_sizes) for p in sorted(precisions)}
        found = alternate(tasks, args.repeats, "train")
        for precision in tops:
            again = ours.call("ceiling", precision, args.ceiling_sizes)
            tops[precision] = max(tops[precision], again)
        flops = {variant: ours.call("flops", variant) for variant in variants}
        waits = ours.call("loader_share") if args.data else None
        sizes = ours.call("size"), original.call("size")
    print(
        f"train: {architecture_name(args)}; {len(plan.rows)} batch(es) of {args.batch_size} rows "
        f"of {'up to ' if args.data else ''}{args.length} tokens; vocabulary "
        f"{plan.config.vocab_size:,}; {plan.device}, {threads} thread(s); parameters "
        f"{sizes[0] / 1e6:.1f}M ours, {sizes[1] / 1e6:.1f}M original; "
        f"original in fp32, {args.original} terms{', padded' if args.data else ''}"
    )
    print(train_table(plan, found, flops, tops))
    print(path_taken(plan))
    records = train_records(plan, found, flops, tops)
    if waits is not None:
        records.append(Record("train share of time waiting for the loader", waits, "share"))
        print(f"waiting for the loader: {100 * waits:.2f}% of the time without padding")
    return records


def path_taken(plan: Plan) -> str:
    """Which types trainings take on this machine, as `--precision auto` and Muon find them."""
    fast = "bf16" if multiplies_bf16_fast(plan.device) else "fp32"
    muon = ", Muon included" if plan.settings.optimizer == "muon" else ""
    return f"faster on this machine, and taken by trainings{muon}: {fast}"


def train_table(
    plan: Plan,
    found: dict[str, list[float]],
    flops: dict[str, int],
    tops: dict[str, float],
) -> str:
    """The measured runs as text: the baseline, then our variants, each over the row above."""
    base = found["original"]
    rows: list[tuple[str, ...]] = [
        ("", "s/step", "items/s", "tokens/s", "ratio", "spread", "over row above", "of ceiling")
    ]
    above = base
    for name, times in found.items():
        middle = statistics.median(times)
        shown = [
            number(middle / len(plan.rows)),
            number(plan.items / middle),
            number(plan.tokens / middle),
        ]
        if name == "original":
            rows.append((name, *shown, "", "", "", ""))
            continue
        ratio, (low, high) = paired_ratio(base, times)
        gain = f"{paired_ratio(above, times)[0]:.2f}x"
        share = flops[name] / middle / tops[name[:4]]
        spread = f"{low:.2f}..{high:.2f}"
        rows.append((name, *shown, f"{ratio:.2f}x", spread, gain, f"{100 * share:.0f}%"))
        above = times
    text = ", ".join(f"{p} {top / 1e9:,.0f} GFLOP/s" for p, top in tops.items())
    return (
        aligned(rows) + f"\nceiling: {text}; a step's FLOPs: 3 x the forward pass's matrix products"
    )


def train_records(
    plan: Plan,
    found: dict[str, list[float]],
    flops: dict[str, int],
    tops: dict[str, float],
) -> list[Record]:
    """The records of the measured runs."""
    base = found["original"]
    slow = statistics.median(base)
    records = []
    for name, times in found.items():
        if name == "original":
            continue
        middle = statistics.median(times)
        ratio, spread = paired_ratio(base, times)
        for count, unit in ((plan.items, "items/s"), (plan.tokens, "tokens/s")):
            records.append(
                Record(f"train {name}", count / middle, unit, count / slow, ratio, spread)
            )
        rates = [flops[name] / seconds / 1e9 for seconds in times]
        top = tops[name[:4]] / 1e9
        records.append(
            Record(
                f"train {name}, model FLOPs",
                statistics.median(rates),
                "GFLOP/s",
                top,
                statistics.median(rates) / top,
                (min(rates) / top, max(rates) / top),
            )
        )
    return records
