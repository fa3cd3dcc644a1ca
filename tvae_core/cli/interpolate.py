"""`python -m domains.<name>.interpolate [CKPT] A B`: the way from one item to another."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from tvae_core.cli.options import (
    add_run_arguments,
    add_walk_arguments,
    open_space,
    parser_for,
    read_checkpoint_first,
    read_items,
    split_items,
)
from tvae_core.cli.telling import check_ends, ends_kept
from tvae_core.domain import FloatArray, Verdict
from tvae_core.domain_commands import DomainCommands
from tvae_core.rows import (
    add_output_arguments,
    check_output,
    item_rows,
    write_rows,
)
from tvae_core.space.similarity import Similarity, similarity_of
from tvae_core.space.space import LatentSpace, PathPoint
from tvae_core.space.walk import walk
from tvae_core.support.errors import CommandError
from tvae_core.support.table import shown, text_table

_ABOUT = """The way from one {unit} to another, both ends included.

Without --fidelity the dial follows the path: both ends are reproduced, the points between are
decoded at the noise level that the other end makes. An item that starts with a hyphen goes after
"--".
"""


def interpolate_command(commands: DomainCommands, argv: Sequence[str] | None = None) -> int:
    """`python -m domains.<name>.interpolate [CKPT] A B [--steps 9] [-o FILE] ...`.

    Args:
        commands: the domain's.
        argv: arguments; by default the command line.
    """
    parser = parser_for(commands, "interpolate", _ABOUT.format(unit=commands.unit))
    parser.add_argument("items", nargs="*", metavar="[CKPT] A B")
    add_walk_arguments(parser)
    add_output_arguments(parser, commands)
    add_run_arguments(parser)
    before, after = split_items(argv)
    args = parser.parse(before)
    args.bundle, given = read_checkpoint_first([*args.items, *after], 2, commands)
    if args.steps < 2:
        raise CommandError(f"--steps must be at least 2, not {args.steps}", 2)
    named = dict(zip("AB", given, strict=True))
    (a, _), (b, _) = read_items("interpolate", commands, named, args.bundle)
    if args.output:
        check_output(args.output, commands, args.format)
    space = open_space(args, commands.domain)
    points = walk(space, a, b, args.steps, args.how, args.per_token, args.fidelity, args.distinct)
    verdicts = commands.domain.check([point.text for point in points])
    decoded = points[0].text, points[-1].text
    kept = check_ends(commands, space, (a, b), decoded, args.fidelity)
    rows = _rows(commands, space, points, verdicts, (a, b))
    if commands.walk_table is not None:
        print(commands.walk_table(rows))
    else:
        print(_table(rows, commands))
        print(_summary(verdicts, (a, b)) + ends_kept(kept))
    if args.output:
        told = {
            "bundle": space.bundle.hash,
            "seed": args.seed,
            "command": "interpolate",
            "domain": commands.domain.name,
            "a": a,
            "b": b,
            "steps": args.steps,
            "how": args.how,
            "per_token": args.per_token,
            "distinct": args.distinct,
            "fidelity": "path" if args.fidelity is None else args.fidelity,
            "beams": space.beams,
            "cycles": space.cycles,
        }
        rows = [{name: row[name] for name in commands.walk_columns or row} for row in rows]
        written = write_rows(args.output, rows, commands.origin(told), commands, args.format)
        print(written.line(commands.unit, args.output), file=sys.stderr)
    return 0


def likeness(
    measure: Similarity, texts: Sequence[str], verdicts: Sequence[Verdict], other: str
) -> FloatArray:
    """How alike each text is to another one, `(n,)`; NaN for invalid texts."""
    out = np.full(len(texts), np.nan)
    valid = [index for index, verdict in enumerate(verdicts) if verdict.ok]
    if valid:
        out[valid] = measure([texts[index] for index in valid], [other] * len(valid))
    return out


def _rows(
    commands: DomainCommands,
    space: LatentSpace,
    points: Sequence[PathPoint],
    verdicts: Sequence[Verdict],
    ends: Sequence[str],
) -> list[dict[str, Any]]:
    forms = [v.canonical or p.text for v, p in zip(verdicts, points, strict=True)]
    measure = similarity_of(space)
    named = "name" in commands.walk_columns
    more = {"name": [f"step-{number + 1}" for number in range(len(forms))]} if named else {}
    return item_rows(
        forms,
        commands.domain.score(forms),
        t=[point.t for point in points],
        fidelity=[point.fidelity for point in points],
        similarity_to_a=likeness(measure, forms, verdicts, ends[0]).tolist(),
        similarity_to_b=likeness(measure, forms, verdicts, ends[1]).tolist(),
        valid=[verdict.ok for verdict in verdicts],
        reason=[verdict.reason for verdict in verdicts],
        character=[None if v.position is None else v.position + 1 for v in verdicts],
        **more,
    )


def _table(rows: Sequence[dict[str, Any]], commands: DomainCommands) -> str:
    lines = []
    for row in rows:
        note = "" if row["valid"] else f"   ({row['reason']})"
        setting = "auto" if math.isnan(row["fidelity"]) else f"{row['fidelity']:.2f}"
        likes = [shown(row[f"similarity_to_{end}"], ".2f") for end in "ab"]
        lines.append([f"{row['t']:.2f}", setting, *likes, commands.show(row["text"]) + note])
    return text_table([["t", "fidelity", "to A", "to B", commands.unit], *lines], ">>>>-")


def _summary(verdicts: Sequence[Verdict], items: Sequence[str]) -> str:
    """How many points between are valid, copies of the ends excluded, as `evaluate` counts."""
    ends = {verdicts[0].canonical, verdicts[-1].canonical, *items}
    between = [v for v in verdicts[1:-1] if not v.ok or v.canonical not in ends]
    distinct = len({verdict.canonical for verdict in verdicts if verdict.ok})
    valid = sum(verdict.ok for verdict in between)
    return (
        f"valid between, without copies of the ends: {valid} of {len(between)}; {distinct} distinct"
    )
