"""`python -m tvae_core.bench`: what fits on this machine, and how fast it runs.

Each command prints a table on stdout and its progress on stderr; `--json FILE` writes the records
`name, value, unit, baseline, ratio, spread`. Its module is imported when
its arguments, which stand here, have been read.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from tvae_core.bench.architecture import (
    PRECISIONS,
    ROWS,
    SIZES,
    add_architecture_arguments,
    add_original_argument,
    int_list,
    merged_of,
)
from tvae_core.bench.record import write_records
from tvae_core.cli.parser import CommandParser, positive_int, run_command
from tvae_core.support.errors import BAD_USAGE, CommandError
from tvae_core.support.files import check_file


class Command(NamedTuple):
    """A command: its module, which has `run`, what it is for, and what adds its arguments."""

    module: str
    what: str
    add_arguments: Callable[[CommandParser], None]


def _max_batch(parser: CommandParser) -> None:
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


def _train(parser: CommandParser) -> None:
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


def _generate(parser: CommandParser) -> None:
    """The arguments of `generate`."""
    add_architecture_arguments(parser)
    parser.add_argument(
        "--length", type=positive_int, default=30, help="tokens a row, <eos> included (default 30)"
    )
    parser.add_argument("--batch-size", type=positive_int, default=64, help="rows (default 64)")
    parser.add_argument("--data", help="prepared set to take the lengths of rows from (all full)")
    add_original_argument(parser)
    parser.add_argument("--repeats", type=positive_int, default=5, help="turns (default 5)")


def _scaling(parser: CommandParser) -> None:
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


def _mmd(parser: CommandParser) -> None:
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


def _ceiling(parser: CommandParser) -> None:
    """The arguments of `ceiling`."""
    parser.add_argument(
        "--sizes", type=int_list, default=SIZES, metavar="N,N", help="rows of the square products"
    )
    parser.add_argument("--repeats", type=positive_int, default=3, help="tries a size (default 3)")
    parser.add_argument("--precision", choices=PRECISIONS, default=None, help="default: both")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: all)")
    parser.add_argument("--device", default=None, help="cpu or cuda (default: cuda if there)")
    parser.add_argument("--seed", type=int, default=0, help="of the matrices (default 0)")


def _muon(parser: CommandParser) -> None:
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


COMMANDS = {
    "max-batch": Command(
        "max_batch", "the largest batch that trains in a memory budget", _max_batch
    ),
    "train": Command("speed_train", "training steps beside the original's architecture", _train),
    "generate": Command(
        "speed_generate", "decoding from latents beside the original's architecture", _generate
    ),
    "scaling": Command(
        "scaling", "cost and memory against length and batch, with the exponent", _scaling
    ),
    "mmd": Command("mmd_bench", "MMD by matrix products beside its tiled form", _mmd),
    "ceiling": Command("ceiling", "how fast this machine multiplies matrices", _ceiling),
    "muon": Command("muon", "a training step with Muon, in bf16 and in fp32", _muon),
}
PROGRAM = "python -m tvae_core.bench"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return run_command("bench", lambda: _main(given))


def _main(given: Sequence[str]) -> int:
    if not given or given[0] in ("-h", "--help"):
        wide = max(map(len, COMMANDS))
        lines = [f"  {name:<{wide}}  {what}" for name, (_, what, _) in COMMANDS.items()]
        print(f"usage: {PROGRAM} COMMAND ...  (COMMAND --help for its arguments)\n")
        print("\n".join(lines))
        return 0 if given else BAD_USAGE
    name, rest = given[0].replace("_", "-"), given[1:]
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]}?" if near else "there are " + ", ".join(COMMANDS)
        raise CommandError(f"unknown command {given[0]!r}; {hint}", BAD_USAGE)
    module, _, add_arguments = COMMANDS[name]
    parser = CommandParser(
        prog=f"{PROGRAM} {name}",
        description=_docstring(module),
        epilog="See also --help of bench.",
    )
    add_arguments(parser)
    parser.add_argument("--json", default=None, metavar="FILE", help="also write the records")
    args: argparse.Namespace = parser.parse(rest)
    if args.json:
        check_file(Path(args.json))
    if "presets" in args:
        merged_of(args)
    records = import_module(f"tvae_core.bench.{module}").run(args)
    if args.json:
        write_records(Path(args.json), records)
        print(f"wrote {args.json}", file=sys.stderr)
    return 0


def _docstring(module: str) -> str | None:
    """What a module says of itself, read without importing it."""
    source = Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(source), clean=False)
