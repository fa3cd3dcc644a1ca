"""Many browsers at one server: does each see its own work, and what does it cost?

    python -m tests.apps.load --browsers 8 --app molecules --rounds 3 --json load.json

Every session does its own work (another seed, molecule, file, search), first alone, one session at
a time, then all of them at once at a fresh server, in new sessions each round. What they are shown
must be the same, and nothing of another session's may be seen. Exit code 1 if it is not so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from tests.apps.load.measure import measure, table
from tests.apps.load.work import WORKS
from tvae_core.support.files import write_whole

MOST = 32


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; gives its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.apps.load", description=__doc__)
    parser.add_argument("--browsers", type=int, default=8, help=f"sessions at once, to {MOST}")
    parser.add_argument("--app", choices=sorted(WORKS), default="molecules")
    parser.add_argument("--rounds", type=int, default=1, help="each in new sessions")
    parser.add_argument(
        "--separate", action="store_true", help="a browser for each session, not a context"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here, too")
    asked = parser.parse_args(arguments)
    if not 1 <= asked.browsers <= MOST or not 1 <= asked.rounds <= 100:
        parser.error(f"1 to {MOST} browsers, 1 to 100 rounds")

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    try:
        result = asyncio.run(
            measure(asked.app, asked.browsers, asked.rounds, asked.separate, {}, say)
        )
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    print(table(result))
    if asked.json is not None:
        write_whole(asked.json, json.dumps(result.flat(), indent=1).encode() + b"\n")
    return 0 if result.sound else 1


if __name__ == "__main__":
    raise SystemExit(main())
