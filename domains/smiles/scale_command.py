"""The flags of a long sampling run, and `sample`'s way into one."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from domains.smiles import scale
from domains.smiles.chem.writers import format_of
from domains.smiles.commands import load_known
from domains.smiles.funnel_types import FunnelOptions, FunnelResult
from domains.smiles.scale_output import FORMATS_AT_SCALE
from domains.smiles.scale_parts import Job
from tvae_core.cells import Written
from tvae_core.cli.options import plain_drawing
from tvae_core.cli.parser import positive_int
from tvae_core.space import LatentSpace
from tvae_core.support.errors import CommandError

_FLAGS = ("workers", "part_size", "resume", "engine")


def add_scale_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags; any of them makes a run a long one."""
    group = parser.add_argument_group("long runs")
    group.add_argument(
        "--workers",
        type=positive_int,
        default=None,
        metavar="W",
        help="processes (default: --jobs)",
    )
    group.add_argument(
        "--part-size",
        type=positive_int,
        default=None,
        metavar="P",
        help=f"samples a part, the most that a stop costs a worker (default {scale.PART_SIZE})",
    )
    group.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    group.add_argument(
        "--engine",
        choices=scale.ENGINES,
        default=None,
        help="local processes (default), or ray: the cluster of RAY_ADDRESS, or this machine",
    )


def is_long(args: argparse.Namespace) -> bool:
    """Whether the arguments ask for a long run, by a flag or by size."""
    asked = any(getattr(args, flag) for flag in _FLAGS)
    return asked or (args.n > scale.FROM and args.output is not None)


def check_long(args: argparse.Namespace) -> None:
    """Refuses what a long run cannot do, before any work.

    Raises:
        CommandError: naming the flag and what to do instead.
    """
    if args.output is None:
        raise CommandError("a long run needs an output file: -o FILE", 2)
    if args.engine == "ray":
        from domains.smiles.engine_ray import check_ray

        check_ray()
    if args.raw:
        return
    if args.sort is not None and args.top is None:
        raise CommandError(
            "a long run does not hold all molecules to sort them: add --top K for the best K, or "
            "leave --sort out for the order they were drawn in",
            2,
        )
    for flag in ("rejected", "stability", "target_property"):
        if getattr(args, flag, None):
            raise CommandError(
                f"--{flag.replace('_', '-')} is not for long runs (more than {scale.FROM:,} "
                "samples, or one of --workers, --part-size, --resume, --engine)",
                2,
            )
    chosen = format_of(args.output, args.format)
    if chosen not in FORMATS_AT_SCALE:
        raise CommandError(
            f"{args.output}: a long run writes {', '.join(FORMATS_AT_SCALE)}, not {chosen}", 2
        )


def run_long(
    args: argparse.Namespace, options: FunnelOptions, space: LatentSpace, origin: dict[str, Any]
) -> FunnelResult | None:
    """Runs `scale.run` with the arguments of `sample`; see there."""
    defaults = space.defaults
    auto = args.fidelity == "auto"
    drawing = plain_drawing(args) if auto else space.drawing(args.temperature, args.top_p)
    folder = Path(args.bundle)
    job = Job(
        bundle=str(folder.resolve()) if folder.is_dir() else args.bundle,
        bundle_hash=space.bundle.hash,
        device=str(space.model.device),
        n=args.n,
        part_size=args.part_size or scale.PART_SIZE,
        batch_size=args.batch_size,
        seed=args.seed,
        prior=args.prior,
        fidelity=defaults["sample_fidelity"] if args.fidelity is None else args.fidelity,
        temperature=drawing[0],
        top_p=drawing[1],
        beams=space.sample_beams,
        raw=args.raw,
        reference=args.reference,
        options=options if options.top is not None else replace(options, sort=None),
    )
    chosen = "" if args.raw else format_of(args.output, args.format)
    workers = args.workers or args.jobs
    known = None if args.raw else load_known(space.bundle.path)
    engine = args.engine or "local"
    result = scale.run(
        job,
        known,
        Path(args.output),
        chosen,
        origin,
        workers=workers,
        resume=args.resume,
        engine=engine,
    )
    written = args.n if result is None else result.counts["ranked"]
    what = "string" if result is None else "molecule"
    print(Written(written).line(what, args.output), file=sys.stderr)
    return result
