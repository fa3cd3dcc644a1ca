"""What each bench command may be asked, apart from its work: told without torch."""

from __future__ import annotations

import argparse

from tvae_core.bench.architecture import (
    PRECISIONS,
    ROWS,
    add_architecture_arguments,
    add_original_argument,
    int_list,
)
from tvae_core.cli.parser import CommandParser, positive_int

SIZES = (1024, 1536, 2048, 3072, 4096)
"""Rows of the square products of `ceiling`."""


def max_batch(parser: CommandParser) -> None:
    """The arguments of `max-batch`."""
    add_architecture_arguments(parser, "bf16")
    parser.add_argument("--length", type=positive_int, help="tokens of a sequence, <eos> included")
    parser.add_argument("--memory", type=float, default=12.0, help="of the card, GiB (12)")
    parser.add_argument(
        "--reserve", type=float, default=0.75, help="left for what is not counted, GiB (0.75)"
    )
    parser.add_argument(
        "--real", action="store_true", help="on a CPU: real tensors (takes the memory and the time)"
    )
    parser.add_argument("--table", action="store_true", help="the original system's rows and ours")
    parser.add_argument("--rows", type=_row_numbers, help="of the table, such as 1,3")


def train(parser: CommandParser) -> None:
    """The arguments of `train`."""
    add_architecture_arguments(parser)
    parser.add_argument(
        "--length", type=positive_int, default=30, help="tokens a row, <eos> included (default 30)"
    )
    parser.add_argument("--batch-size", type=positive_int, default=64, help="rows (default 64)")
    add_original_argument(parser)
    parser.add_argument("--repeats", type=positive_int, default=5, help="turns (default 5)")
    parser.add_argument("--data", default="", help="prepared set to take rows from (random rows)")
    parser.add_argument(
        "--batches",
        type=positive_int,
        default=None,
        help="batches of a run (default 4 with --data, else 1)",
    )
    parser.add_argument(
        "--ceiling-sizes", type=int_list, default=SIZES, metavar="N,N", help="see `ceiling`"
    )


def generate(parser: CommandParser) -> None:
    """The arguments of `generate`."""
    add_architecture_arguments(parser)
    parser.add_argument(
        "--length", type=positive_int, default=30, help="tokens a row, <eos> included (default 30)"
    )
    parser.add_argument("--batch-size", type=positive_int, default=64, help="rows (default 64)")
    parser.add_argument("--data", help="prepared set to take the lengths of rows from (all full)")
    add_original_argument(parser)
    parser.add_argument("--repeats", type=positive_int, default=5, help="turns (default 5)")


def scaling(parser: CommandParser) -> None:
    """The arguments of `scaling`."""
    add_architecture_arguments(parser, precision="bf16")
    parser.add_argument("--what", choices=("train", "generate"), default="train")
    parser.add_argument(
        "--lengths", type=int_list, default=(512, 1024, 2048, 4096, 8192), metavar="N,N",
        help="tokens a row at batch 1 (default 512,1024,2048,4096,8192)",
    )  # fmt: skip
    parser.add_argument(
        "--batch-sizes", type=int_list, default=(1, 2, 4, 8), metavar="N,N",
        help="rows, at the shortest length (default 1,2,4,8)",
    )  # fmt: skip
    parser.add_argument(
        "--memory",
        choices=("fake", "cpu"),
        default="fake",
        help="how a CPU's training memory is tracked: by tensors without data, or real ones",
    )
    parser.add_argument("--repeats", type=positive_int, default=3, help="a size (default 3)")
    parser.add_argument("--save-plot", default=None, metavar="FILE", help=".png, .svg or .pdf")


def mmd(parser: CommandParser) -> None:
    """The arguments of `mmd`."""
    parser.add_argument("--codes", type=positive_int, default=4096, help="n (default 4096)")
    parser.add_argument("--size", type=positive_int, default=385, help="of a code (default 385)")
    parser.add_argument(
        "--tiled-codes",
        type=positive_int,
        default=256,
        help="codes at which the tiled form's memory is measured (default 256)",
    )
    parser.add_argument("--repeats", type=positive_int, default=3, help="of ours (default 3)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: all)")
    parser.add_argument("--device", default=None, help="cpu or cuda (default: cuda if there)")
    parser.add_argument("--seed", type=int, default=0, help="of the codes (default 0)")


def ceiling(parser: CommandParser) -> None:
    """The arguments of `ceiling`."""
    parser.add_argument(
        "--sizes", type=int_list, default=SIZES, metavar="N,N", help="rows of the square products"
    )
    parser.add_argument("--repeats", type=positive_int, default=3, help="tries a size (default 3)")
    parser.add_argument("--precision", choices=PRECISIONS, default=None, help="default: both")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: all)")
    parser.add_argument("--device", default=None, help="cpu or cuda (default: cuda if there)")
    parser.add_argument("--seed", type=int, default=0, help="of the matrices (default 0)")


def muon(parser: CommandParser) -> None:
    """The arguments of `muon`."""
    add_architecture_arguments(parser)
    parser.add_argument("--length", type=positive_int, default=10, help="tokens a row (default 10)")
    parser.add_argument("--batch-size", type=positive_int, default=256, help="rows (default 256)")
    parser.add_argument("--repeats", type=positive_int, default=5, help="turns (default 5)")


def _row_numbers(text: str) -> list[int]:
    numbers = [positive_int(part.strip()) for part in text.split(",")]
    if max(numbers) > len(ROWS):
        raise argparse.ArgumentTypeError(f"there are rows 1 to {len(ROWS)}, not {max(numbers)}")
    return numbers
