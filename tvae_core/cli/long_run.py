"""The flags of a long sampling run, and `sample`'s way into one."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tvae_core.cells import Written
from tvae_core.cli.parser import positive_int
from tvae_core.rows import fills_folder, format_of, line_writers
from tvae_core.support.errors import CommandError
from tvae_core.support.machine import available_cores

if TYPE_CHECKING:
    from tvae_core.decoding.settings import Decoding
    from tvae_core.sampling.hooks import Asked
    from tvae_core.space.space import LatentSpace

ENGINES = ("local", "ray")
PART_SIZE = 4096
"""Samples a part: a minute or less of one core's work, which is what a stop can cost."""
_FLAGS = ("workers", "part_size", "resume", "engine")


def add_long_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags; any of them makes a run a long one."""
    group = parser.add_argument_group("long runs")
    group.add_argument(
        "--workers",
        type=positive_int,
        default=None,
        metavar="W",
        help="processes (default: all cores)",
    )
    group.add_argument(
        "--part-size",
        type=positive_int,
        default=None,
        metavar="P",
        help=f"samples a part, the most that a stop costs a worker (default {PART_SIZE})",
    )
    group.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    group.add_argument(
        "--engine",
        choices=ENGINES,
        default=None,
        help="local processes (default), or ray: the cluster of RAY_ADDRESS, or this machine",
    )


def is_long(asked: Asked) -> bool:
    """Whether the arguments ask for a long run, by a flag or, in some domains, by size."""
    args, least = asked.args, asked.hooks.long_from
    by_flag = any(getattr(args, flag) for flag in _FLAGS)
    return by_flag or (least is not None and args.n > least and args.output is not None)


def check_long(asked: Asked) -> None:
    """Refuses what a long run cannot do, before any work.

    Raises:
        CommandError: naming the flag and what to do instead.
        ValueError: scores to steer to.
    """
    args = asked.args
    if asked.targets:
        least = asked.hooks.long_from
        advice = f": take -n {least} or less" if least is not None else ""
        raise ValueError(f"--target-property is not for long runs{advice}")
    if args.output is None:
        raise CommandError("a long run needs an output file: -o FILE", 2)
    if args.engine == "ray":
        from tvae_core.sampling.engines import check_ray

        check_ray()
    if args.raw:
        return
    if args.sort is not None and args.top is None:
        raise CommandError(
            "a long run does not hold all "
            f"{asked.commands.unit}s to sort them: add --top K for the best K, or "
            "leave --sort out for the order they were drawn in",
            2,
        )
    for flag in ("rejected", "stability"):
        if getattr(args, flag):
            raise CommandError(f"--{flag} is not for long runs ({_what_is_long(asked)})", 2)
    _check_format(asked)


def _what_is_long(asked: Asked) -> str:
    flags = "--workers, --part-size, --resume, --engine"
    least = asked.hooks.long_from
    return f"one of {flags}" if least is None else f"more than {least:,} samples, or one of {flags}"


def _check_format(asked: Asked) -> None:
    args, commands = asked.args, asked.commands
    known = (*line_writers(commands), "parquet")
    if fills_folder(args.output, commands, args.format):
        chosen = "a folder"
    else:
        chosen = format_of(args.output, commands, args.format)
    if chosen not in known:
        raise CommandError(f"{args.output}: a long run writes {', '.join(known)}, not {chosen}", 2)


def run_long(asked: Asked, space: LatentSpace, how: Decoding) -> None:
    """Runs `tvae_core.sampling.run` with the arguments of `sample`, and prints the counts."""
    from tvae_core.sampling.parts import Job
    from tvae_core.sampling.run import run

    args, commands, wanted = asked.args, asked.commands, asked.wanted
    folder = Path(args.bundle)
    job = Job(
        commands=commands.module,
        bundle=str(folder.resolve()) if folder.is_dir() else args.bundle,
        bundle_hash=space.bundle.hash,
        device=str(space.model.device),
        n=args.n,
        part_size=args.part_size or PART_SIZE,
        prior=args.prior,
        how=how,
        raw=args.raw,
        wanted=wanted if wanted.top is not None else replace(wanted, sort=None),
        own=asked.own,
        packages=asked.hooks.packages,
    )
    judge = None if args.raw else asked.judge(space)
    found = run(
        job,
        asked.hooks,
        judge,
        Path(args.output),
        "" if args.raw else format_of(args.output, commands, args.format),
        asked.origin(space, how),
        workers=args.workers or getattr(args, "jobs", available_cores()),
        resume=args.resume,
        engine=args.engine or "local",
    )
    written = args.n if found is None else found.counts["ranked"]
    what = asked.hooks.drawn if found is None else commands.unit
    print(Written(written).line(what, args.output), file=sys.stderr)
    if found is not None and judge is not None:
        told = replace(asked, wanted=job.wanted)
        print(told.told(found, judge))
