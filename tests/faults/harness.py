"""What the harnesses' commands share: told as they go, figures as JSON, 1 for a difference."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.faults.same import DifferenceError

Tell = Callable[[str], None]
Work = Callable[[argparse.Namespace, Path, Tell], dict[str, Any]]


def parser_of(module: str, description: str | None, kills: int) -> argparse.ArgumentParser:
    """A parser with the arguments that all harnesses have."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--kills", type=int, default=kills)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, default=None, metavar="FILE")
    return parser


def run(parser: argparse.ArgumentParser, argv: Sequence[str] | None, work: Work) -> int:
    """Parses, works in a temporary folder, prints the figures; 1 where something differed."""
    args = parser.parse_args(argv)
    started = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - started:.0f} s: {line}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        try:
            found = work(args, Path(name), tell)
        except DifferenceError as error:
            print(f"{parser.prog}: {error}", file=sys.stderr)
            return 1
    found |= {"seed": args.seed, "seconds": round(time.monotonic() - started)}
    print(json.dumps(found, indent=1))
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0
