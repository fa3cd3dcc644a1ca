"""`python -m tvae_core.bench ceiling`: how fast this machine multiplies matrices.

The best rate over square products of several sizes, each the best of a few tries: what a training
step could reach at most if it were nothing but large matrix products.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch

from tvae_core.bench.architecture import int_list, use_machine
from tvae_core.bench.record import Record, record_table
from tvae_core.bench.steps import seconds
from tvae_core.cli.parser import CommandParser, positive_int
from tvae_core.support.progress import Bar

SIZES = (1024, 1536, 2048, 3072, 4096)
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def add_arguments(parser: CommandParser) -> None:
    """The arguments of `ceiling`."""
    parser.add_argument(
        "--sizes", type=int_list, default=SIZES, metavar="N,N", help="rows of the square products"
    )
    parser.add_argument("--repeats", type=positive_int, default=3, help="tries a size (default 3)")
    parser.add_argument("--precision", choices=tuple(DTYPES), default=None, help="default: both")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: all)")
    parser.add_argument("--device", default=None, help="cpu or cuda (default: cuda if there)")
    parser.add_argument("--seed", type=int, default=0, help="of the matrices (default 0)")


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
