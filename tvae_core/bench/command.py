"""`python -m tvae_core.bench`: what fits on this machine, and how fast it runs.

Each command prints a table on stdout and its progress on stderr; `--json FILE` writes the records
`name, value, unit, baseline, ratio, spread`. Its module has `add_arguments` and `run` and is only
imported when it is asked for.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from tvae_core.bench.record import write_records
from tvae_core.cli.parser import CommandParser, run_command
from tvae_core.support.errors import BAD_USAGE, CommandError
from tvae_core.support.files import check_file

COMMANDS = {
    "max-batch": ("max_batch", "the largest batch that trains in a memory budget"),
    "train": ("speed_train", "training steps beside the original's architecture"),
    "generate": ("speed_generate", "decoding from latents beside the original's architecture"),
    "scaling": ("scaling", "cost and memory against length and batch, with the exponent"),
    "mmd": ("mmd_bench", "MMD by matrix products beside its tiled form"),
    "ceiling": ("ceiling", "how fast this machine multiplies matrices"),
    "muon": ("muon", "a training step with Muon, in bf16 and in fp32"),
}
PROGRAM = "python -m tvae_core.bench"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return run_command("bench", lambda: _main(given))


def _main(given: Sequence[str]) -> int:
    if not given or given[0] in ("-h", "--help"):
        wide = max(map(len, COMMANDS))
        lines = [f"  {name:<{wide}}  {what}" for name, (_, what) in COMMANDS.items()]
        print(f"usage: {PROGRAM} COMMAND ...  (COMMAND --help for its arguments)\n")
        print("\n".join(lines))
        return 0 if given else BAD_USAGE
    name, rest = given[0].replace("_", "-"), given[1:]
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]}?" if near else "there are " + ", ".join(COMMANDS)
        raise CommandError(f"unknown command {given[0]!r}; {hint}", BAD_USAGE)
    module = import_module(f"tvae_core.bench.{COMMANDS[name][0]}")
    parser = CommandParser(
        prog=f"{PROGRAM} {name}", description=module.__doc__, epilog="See also --help of bench."
    )
    module.add_arguments(parser)
    parser.add_argument("--json", default=None, metavar="FILE", help="also write the records")
    args: argparse.Namespace = parser.parse(rest)
    if args.json:
        check_file(Path(args.json))
    records = module.run(args)
    if args.json:
        write_records(Path(args.json), records)
        print(f"wrote {args.json}", file=sys.stderr)
    return 0
