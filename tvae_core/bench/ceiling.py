"""`python -m tvae_core.bench ceiling`: how fast this machine multiplies matrices.

The best rate over square products of several sizes, each the best of a few tries: what a training
step could reach at most if it were nothing but large matrix products.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch

from tvae_core.bench.architecture import SIZES, use_machine
from tvae_core.bench.record import Record, record_table
from tvae_core.bench.steps import seconds
from tvae_core.support.progress import Bar

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def run(args: argparse.Namespace) -> list[Record]:
    """Measures and prints the ceiling of each precision."""
    device = use_machine(args)
    torch.manual_seed(args.seed)
    names = [args.precision] if args.precision else list(DTYPES)
    records, bar = [], Bar("ceiling", "size")
    for done, name in enumerate(names):
        rates = {}
        for index, size in enumerate(args.sizes):
            rates[size] = matmul_rate(size, name, device, args.repeats)
            bar(done * len(args.sizes) + index + 1, len(names) * len(args.sizes))
        best = max(rates.values()) / 1e9
        spread = (min(rates.values()) / 1e9, best)
        records.append(Record(f"ceiling {name}", best, "GFLOP/s", spread=spread))
    print(record_table(records))
    return records


def matmul_rate(size: int, precision: str, device: str, repeats: int = 3) -> float:
    """FLOP/s of the best of `repeats` products of two `(size, size)` matrices."""
    a, b = (torch.randn(size, size, device=device, dtype=DTYPES[precision]) for _ in range(2))
    a @ b
    return max(2 * size**3 / seconds(lambda: a @ b, device) for _ in range(repeats))


def ceiling(precision: str, device: str, sizes: Sequence[int] = SIZES, repeats: int = 3) -> float:
    """FLOP/s of the fastest square product of the given sizes."""
    return max(matmul_rate(size, precision, device, repeats) for size in sizes)
