"""Fuzzes every parser and loader: hostile files and texts are refused, nothing crashes or hangs.

    python -m tests.fuzz --inputs 1000000 --seed 0 --json fuzz.json
    python -m tests.fuzz --inputs 20000 --target bundle tokenizer
    python -m tests.fuzz --replay tests/fuzz/found/*.bin

A crash is any exception but the documented ones, or the death of the process; a hang is an input
over its target's limit. Both are kept in `--found`. The exit code is 1 if there was any.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.harness import FOUND, Count, outcome, run_target
from tests.fuzz.targets import TARGETS, share_out

COLUMNS = ("inputs", "refused", "accepted", "crashes", "hangs", "inputs_per_second", "slowest")


def table(counts: list[Count]) -> str:
    """The figures of all targets, a line each, and their sum."""
    rows = [count.row() for count in counts]
    total: dict[str, object] = {"target": "all"}
    for name in ("inputs", "refused", "accepted", "crashes", "hangs"):
        total[name] = sum(row[name] for row in rows)
    seconds = sum(count.seconds for count in counts)
    total["inputs_per_second"] = round(sum(c.inputs for c in counts) / max(seconds, 1e-9), 1)
    total["slowest"] = max((row["slowest"] for row in rows), default=0.0)
    lines = [f"{'target':<18}" + "".join(f"{name.replace('_', ' '):>19}" for name in COLUMNS)]
    for row in [*rows, total]:
        cells = (f"{row[name]:,}" for name in COLUMNS)
        lines.append(f"{row['target']:<18}" + "".join(f"{cell:>19}" for cell in cells))
    return "\n".join(line.rstrip() for line in lines)


def replay(paths: list[Path]) -> int:
    """Reads kept inputs again in this process; the number that still crash."""
    bad = 0
    for path in paths:
        target = TARGETS[path.name.rpartition("-")[0]]
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            kind, detail = outcome(target.start(Path(folder)), path.read_bytes())
        bad += kind == "crash"
        print(f"{path.name}: {kind} {time.monotonic() - began:.2f} s {detail}")
    return bad


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000, help="of all targets together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", nargs="+", choices=sorted(TARGETS), default=list(TARGETS))
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--found", type=Path, default=FOUND, metavar="FOLDER")
    parser.add_argument("--replay", nargs="+", type=Path, metavar="FILE")
    args = parser.parse_args(argv)
    if args.replay:
        return int(replay(args.replay) > 0)
    counts: list[Count] = []
    for name, inputs in share_out(args.inputs, args.target).items():
        began = time.monotonic()

        def show(count: Count, began: float = began, inputs: int = inputs) -> None:
            if sys.stderr.isatty():
                rate = count.inputs / max(time.monotonic() - began, 1e-9)
                sys.stderr.write(f"\r{count.target}: {count.inputs:,}/{inputs:,} {rate:.0f}/s ")

        count = run_target(TARGETS[name], inputs, args.seed, show)
        counts.append(count)
        print(f"\r{json.dumps(count.row())}", file=sys.stderr, flush=True)
        for found in count.found:
            print(f"kept {found.save(args.found)}: {found.kind}: {found.detail}", file=sys.stderr)
        if args.json:
            rows = [{"seed": args.seed, **each.row()} for each in counts]
            args.json.write_text(json.dumps(rows, indent=1) + "\n")
    print(table(counts))
    return int(any(count.found for count in counts))


if __name__ == "__main__":
    sys.exit(main())
