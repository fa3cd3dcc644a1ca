"""`python -m tvae_core.bench mmd`: MMD by matrix products beside the original's tiled form.

Both estimate the same thing from the same draws. The tiled form holds `(n, n, size)` tensors; its
value is therefore computed in chunks of rows, and its memory measured at fewer codes and scaled by
n^2. Times are of the forward pass, memory is of forward and backward.
"""

from __future__ import annotations

import argparse
import statistics
from functools import partial

import torch
from torch import Tensor

from tvae_core.bench.architecture import use_machine
from tvae_core.bench.baseline import tiled_bytes, tiled_mmd
from tvae_core.bench.memory import tracked_peak
from tvae_core.bench.record import Record, aligned, number
from tvae_core.bench.steps import seconds
from tvae_core.model.mmd import mmd
from tvae_core.support.errors import CommandError
from tvae_core.support.progress import Bar

KERNELS = ("original", "multiscale")
_CHUNK_BYTES = 128 * 2**20


def run(args: argparse.Namespace) -> list[Record]:
    """Measures and prints value, time and memory of both forms for both kernels."""
    if args.codes < 2 or args.tiled_codes < 2:
        raise CommandError("MMD needs at least 2 codes", 2)
    device = use_machine(args)
    generator = torch.Generator().manual_seed(args.seed)
    shape = (2, args.codes, args.size)
    x, y = torch.randn(shape, generator=generator).to(device)
    x = (1.2 * x + 0.1).requires_grad_()  # codes that are off the prior
    few = min(args.tiled_codes, args.codes)
    chunk = max(1, _CHUNK_BYTES // (4 * args.codes * args.size))
    records: list[Record] = []
    bar = Bar("mmd", "kernel")
    for done, name in enumerate(KERNELS):
        records += _measure(name, x, y, few, chunk, args.repeats, device)
        bar(done + 1, len(KERNELS))
    print(
        f"mmd: {args.codes:,} codes of {args.size}; {device}, {torch.get_num_threads()} thread(s); "
        f"tiled: values in chunks of {chunk} rows, memory measured at {few} codes x "
        f"({args.codes}/{few})^2; one tiled tensor is "
        f"{tiled_bytes(args.codes, args.size) / 1e9:.3g} GB"
    )
    rows = [["", "ours", "tiled", "unit", "ratio"]]
    for record in records:
        tiled = "" if record.baseline is None else number(record.baseline)
        ratio = "" if record.ratio is None else f"{record.ratio:.3g}x"
        rows.append([record.name, number(record.value), tiled, record.unit, ratio])
    print(aligned(rows))
    return records


def _measure(
    name: str, x: Tensor, y: Tensor, few: int, chunk: int, repeats: int, device: str
) -> list[Record]:
    with torch.no_grad():
        values: dict[str, Tensor] = {}

        def tiled() -> None:
            values["tiled"] = tiled_mmd(x, y, name, chunk)

        def ours() -> None:
            values["ours"] = mmd(x, y, name)

        slow = seconds(tiled, device)
        times = [seconds(ours, device) for _ in range(repeats + 1)][1:]
    fast = statistics.median(times)
    peak = tracked_peak(partial(_both_ways, mmd, x, y, name), device, x, y)
    some = x.detach()[:few].clone().requires_grad_()
    at_few = tracked_peak(partial(_both_ways, tiled_mmd, some, y[:few], name), device, some)
    full = at_few * (len(x) / few) ** 2
    value, other = float(values["ours"]), float(values["tiled"])
    ratios = [slow / t for t in times]
    return [
        Record(f"mmd {name}, value", value, "MMD^2", other),
        Record(f"mmd {name}, difference", abs(value - other), "MMD^2"),
        Record(f"mmd {name}, time", fast, "s", slow, slow / fast, (min(ratios), max(ratios))),
        Record(f"mmd {name}, peak memory", float(peak), "bytes", full, full / peak),
        Record(f"mmd {name}, tiled peak at {few} codes", float(at_few), "bytes"),
    ]


def _both_ways(form: object, x: Tensor, y: Tensor, name: str) -> None:
    assert callable(form)
    x.grad = None
    form(x, y, name).backward()
    x.grad = None
