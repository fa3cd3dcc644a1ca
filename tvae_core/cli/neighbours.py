"""`python -m domains.<name>.neighbours [CKPT] ITEM -n 50 --radius 0.5`: items around one."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tvae_core.cli.options import (
    add_beams_argument,
    add_fidelity_argument,
    add_run_arguments,
    open_space,
    parser_for,
    read_checkpoint_first,
    read_items,
    split_items,
)
from tvae_core.cli.parser import positive_int
from tvae_core.cli.telling import check_back
from tvae_core.domain_commands import DomainCommands
from tvae_core.rows import (
    add_output_arguments,
    check_output,
    item_rows,
    shown_columns,
    write_rows,
)
from tvae_core.space.paths import check_radius
from tvae_core.space.similarity import similarity_of
from tvae_core.space.space import LatentSpace
from tvae_core.support.errors import CommandError
from tvae_core.support.progress import Bar
from tvae_core.support.table import shown, text_table

_ABOUT = """The {unit}s that codes around the code of one decode to, the most similar first.

The radius is in units of the codes' own spread; without --fidelity each code is decoded at the
noise level of the radius. An item that starts with a hyphen goes after "--".
"""


def neighbours_command(commands: DomainCommands, argv: Sequence[str] | None = None) -> int:
    """`python -m domains.<name>.neighbours [CKPT] ITEM [-n 50] [--radius 0.5] [-o FILE] ...`.

    Args:
        commands: the domain's.
        argv: arguments; by default the command line.
    """
    parser = parser_for(commands, "neighbours", _ABOUT.format(unit=commands.unit))
    parser.add_argument("items", nargs="*", metavar="[CKPT] ITEM")
    parser.add_argument("-n", "--n", type=positive_int, default=50, help="codes to decode")
    parser.add_argument("--radius", type=float, default=0.5)
    add_fidelity_argument(parser, "that of the radius")
    add_beams_argument(parser)
    if commands.around is not None:
        commands.around.add_arguments(parser)
    add_output_arguments(parser, commands)
    add_run_arguments(parser)
    before, after = split_items(argv)
    args = parser.parse(before)
    args.bundle, (item,) = read_checkpoint_first([*args.items, *after], 1, commands)
    if args.fidelity == "auto":
        raise CommandError("--fidelity auto is for sample and interpolate; give a number", 2)
    check_radius(args.radius)
    ((centre, _),) = read_items("neighbours", commands, {"ITEM": item}, args.bundle)
    if args.output:
        check_output(args.output, commands, args.format)
    if commands.around is not None:
        commands.around.check(args)
    space = open_space(args, commands.domain)
    bar = Bar("decode", commands.unit)
    found = space.neighbours(centre, args.n, args.radius, args.seed, args.fidelity, bar)
    check_back("neighbours", commands, space, {"ITEM": centre})
    if commands.around is not None:
        rows, shown = commands.around(space, centre, found.texts, args)
    else:
        rows, shown = _around(commands, space, centre, found.texts)
    print(shown)
    if args.output:
        told = {
            "bundle": space.bundle.hash,
            "seed": args.seed,
            "command": "neighbours",
            "domain": commands.domain.name,
            "centre": centre,
            "n": args.n,
            "radius": args.radius,
            "fidelity": found.fidelity,
            "beams": space.beams,
        }
        written = write_rows(args.output, rows, commands.origin(told), commands, args.format)
        print(written.line(commands.unit, args.output), file=sys.stderr)
    return 0


def _around(
    commands: DomainCommands, space: LatentSpace, centre: str, texts: Sequence[str]
) -> tuple[list[dict[str, Any]], str]:
    """The distinct valid items, the most similar first, each with how often it came; the table."""
    domain = commands.domain
    pairs = zip(texts, domain.check(texts), strict=True)
    counts = Counter(text if v.canonical is None else v.canonical for text, v in pairs if v.ok)
    items = list(counts)
    known = commands.known(space.bundle.path)
    more = {} if known is None else {"novel": [not hit for hit in known(items)]}
    likeness = similarity_of(space)(items, [centre] * len(items)).tolist()
    rows = item_rows(
        items, domain.score(items), similarity=likeness, count=list(counts.values()), **more
    )
    rows.sort(key=lambda row: -row["similarity"] if row["similarity"] == row["similarity"] else 1)
    heads = shown_columns(commands, dict.fromkeys(domain.score([])))
    lines = [
        [
            shown(row["similarity"], ".3f"),
            str(row["count"]),
            *(shown(row[name]) for name in heads),
            commands.show(row["text"]),
        ]
        for row in rows
    ]
    return rows, (
        f"valid {counts.total()} of {len(texts)}, {len(rows)} distinct\n\n"
        + text_table(
            [["similarity", "times", *heads, commands.unit], *lines], ">>" + ">" * len(heads) + "-"
        )
    )
