"""`python -m tvae_core.bench scaling`: cost and memory against length and batch, with the exponent.

The exponent is the slope of a least-squares line through log cost against log length; its residual
is the root mean square of what the line leaves, as a share of the cost. Beside it stand the lowest
and highest slope between neighbouring points: a quadratic term shows in the last of them first.
Memory is of a real step (see `memory`): on CUDA the allocator's peak, otherwise tracked.
"""

from __future__ import annotations

import argparse
import gc
import io
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from tvae_core.bench.architecture import (
    architecture_name,
    check_settings,
    train_settings_of,
    use_machine,
)
from tvae_core.bench.memory import StepMeter, tracked_peak
from tvae_core.bench.record import Record, aligned, number
from tvae_core.bench.steps import OurStep, padded, random_rows, seconds
from tvae_core.decoding.generate import decode_latents
from tvae_core.evaluation.plots import plot_format
from tvae_core.model.config import TVAEConfig
from tvae_core.model.vae import TransformerVAE
from tvae_core.support.errors import CommandError
from tvae_core.support.files import check_file, write_whole
from tvae_core.support.progress import Bar

TARGET = 1.1
"""Exponent that a windowed decoder has to stay below, from 512 tokens to 8,192."""
Measure = Callable[[int, int], "Point"]


@dataclass(frozen=True)
class Point:
    """Cost of one size: seconds a step (or a decoded batch) and peak bytes.

    `working` is the peak without weights, gradients and optimiser state.
    """

    length: int
    batch: int
    seconds: float
    peak: int
    working: int


def run(args: argparse.Namespace) -> list[Record]:
    """Measures every size, prints the points and the exponents."""
    if len(set(args.lengths)) < 2 or min(args.lengths) < 2:
        raise CommandError("--lengths needs at least two lengths of 2 or more", 2)
    if args.save_plot:
        check_file(Path(args.save_plot))
        plot_format(Path(args.save_plot))
    config = check_settings(args, max_length=max(args.lengths))
    device = use_machine(args)
    make = trainer if args.what == "train" else decoder
    measure = make(args, config, device)
    lengths, batches = sorted(set(args.lengths)), sorted(set(args.batch_sizes))
    sizes = [(length, 1) for length in lengths]
    sizes += [(lengths[0], batch) for batch in batches if batch > 1]
    points, bar = [], Bar(f"scaling {args.what}", "size")
    for done, (length, batch) in enumerate(sizes):
        points.append(measure(length, batch))
        bar(done + 1, len(sizes))
    print(
        f"scaling {args.what}: {architecture_name(args)}; vocabulary {config.vocab_size:,}; "
        f"{args.precision}; {device}, {torch.get_num_threads()} thread(s)"
    )
    print(point_table(points))
    records = scaling_records(args.what, points)
    print(exponent_table(records, config.window_size > 0))
    if args.save_plot:
        draw(points, Path(args.save_plot), args.what)
    return records


def trainer(args: argparse.Namespace, config: TVAEConfig, device: str) -> Measure:
    """Measures full training steps; memory on a CPU as `memory.StepMeter` tracks it."""
    settings = train_settings_of(args)
    step = OurStep(config, settings, device)

    def measure(length: int, batch: int) -> Point:
        (rows,) = random_rows(config, batch, length, args.seed)
        work = partial(step, padded(rows, length - 1), args.precision)
        work()
        taken = statistics.median(seconds(work, device) for _ in range(args.repeats))
        if device == "cpu":  # a CUDA peak must not count a second model
            found = StepMeter(config, settings, length, args.memory).measure(batch)
            gc.collect()
            return Point(length, batch, taken, found.peak, found.activations)
        peak = tracked_peak(work, device)
        gradients = sum(w.numel() * w.element_size() for w in step.model.parameters())
        return Point(length, batch, taken, peak, peak - torch.cuda.memory_allocated() - gradients)

    return measure


def decoder(args: argparse.Namespace, config: TVAEConfig, device: str) -> Measure:
    """Measures decoding from latents to exactly `length` tokens."""
    torch.manual_seed(args.seed)
    model: TransformerVAE = TransformerVAE(config).to(device).eval()  # type: ignore[arg-type]
    if args.precision == "bf16":
        model = model.bfloat16()
    weights = sum(w.numel() * w.element_size() for w in model.parameters())

    def measure(length: int, batch: int) -> Point:
        latents = torch.randn(batch, config.n_latent, config.latent_size, device=device)
        rows = length - 1
        work = partial(
            decode_latents, model, latents, 1.0, batch_size=batch, lengths=[rows] * len(latents)
        )
        taken = statistics.median(seconds(work, device) for _ in range(args.repeats))
        peak = tracked_peak(work, device, model, latents)
        return Point(length, batch, taken, peak, peak - weights)

    return measure


def exponent(sizes: Sequence[int], costs: Sequence[float]) -> tuple[float, float, list[float]]:
    """Slope of log cost against log size, its residual, and the slopes between neighbours."""
    across, up = np.log(np.array(sizes, float)), np.log(np.array(costs, float))
    slope, offset = np.polyfit(across, up, 1)
    residual = float(np.sqrt(np.mean((up - slope * across - offset) ** 2)))
    return float(slope), residual, (np.diff(up) / np.diff(across)).tolist()


def scaling_records(what: str, points: Sequence[Point]) -> list[Record]:
    """Points and exponents as records."""
    records = []
    for p in points:
        place = f"scaling {what}, length {p.length}, batch {p.batch}"
        records.append(Record(f"{place}, time", p.seconds, "s"))
        records.append(Record(f"{place}, peak memory", float(p.peak), "bytes"))
        records.append(Record(f"{place}, working memory", float(p.working), "bytes"))
    shortest = min(p.length for p in points)
    for axis, chosen in (
        ("length", [p for p in points if p.batch == 1]),
        ("batch", [p for p in points if p.length == shortest]),
    ):
        if len(chosen) < 2:
            continue
        sizes = [getattr(p, axis) for p in chosen]
        for cost, name in (
            ("seconds", "time"),
            ("peak", "peak memory"),
            ("working", "working memory"),
        ):
            slope, residual, local = exponent(sizes, [getattr(p, cost) for p in chosen])
            title = f"scaling {what}, exponent of {name} in {axis}"
            records.append(Record(title, slope, "exponent", spread=(min(local), max(local))))
            records.append(Record(f"{title}, residual", residual, "share"))
    return records


def point_table(points: Sequence[Point]) -> str:
    """The points as text."""
    rows = [["length", "batch", "seconds", "ms/token", "peak MB", "working MB"]]
    for p in points:
        each = 1e3 * p.seconds / (p.length * p.batch)
        memory = [number(p.peak / 1e6), number(p.working / 1e6)]
        rows.append([str(p.length), str(p.batch), number(p.seconds), number(each), *memory])
    return aligned(rows)


def exponent_table(records: Sequence[Record], windowed: bool) -> str:
    """The exponents as text, held against the target where the architecture has windows."""
    found = [record for record in records if record.unit == "exponent"]
    left = {record.name: record.value for record in records if record.unit == "share"}
    rows = [["", "exponent", "residual", "between neighbours", "target"]]
    for record in found:
        assert record.spread is not None
        low, high = record.spread
        target = ""
        if windowed and record.name.endswith("in length"):
            target = f"<= {TARGET}: {'met' if record.value <= TARGET else 'missed'}"
        name = record.name.split(", exponent of ")[1]
        residual = f"{left[record.name + ', residual']:.3f}"
        rows.append([name, f"{record.value:.3f}", residual, f"{low:.2f}..{high:.2f}", target])
    return aligned(rows)


def draw(points: Sequence[Point], path: Path, what: str) -> None:
    """Draws cost and memory against length, both axes logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.0), layout="constrained")
    chosen = [p for p in points if p.batch == 1]
    lengths = [p.length for p in chosen]
    curves = (
        ("seconds", [p.seconds for p in chosen]),
        ("working memory, MB", [p.working / 1e6 for p in chosen]),
    )
    for axes, (label, values) in zip(figure.subplots(1, 2), curves, strict=True):
        slope = exponent(lengths, values)[0]
        axes.loglog(lengths, values, "o-", label=f"{what}: exponent {slope:.2f}")
        axes.set(xlabel="tokens", ylabel=label)
        axes.grid(alpha=0.3, which="both")
        axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format=plot_format(path))
    write_whole(path, buffer.getvalue())
