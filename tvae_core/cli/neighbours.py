"""`python -m domains.<name>.neighbours [CKPT] ITEM -n 50 --radius 0.5`: items around one."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence

from tvae_core.cli.options import (
    add_beams_argument,
    add_fidelity_argument,
    add_run_arguments,
    open_space,
    parser_for,
    read_checkpoint_first,
    read_item,
    split_items,
)
from tvae_core.cli.parser import positive_int
from tvae_core.cli.telling import check_back
from tvae_core.domain_commands import DomainCommands
from tvae_core.rows import (
    add_output_arguments,
    check_output,
    item_rows,
    number,
    shown_columns,
    table,
    write_rows,
)
from tvae_core.space.paths import check_radius
from tvae_core.space.similarity import similarity_of
from tvae_core.support.errors import CommandError
from tvae_core.support.progress import Bar

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
    add_output_arguments(parser, commands)
    add_run_arguments(parser)
    before, after = split_items(argv)
    args = parser.parse(before)
    args.bundle, (item,) = read_checkpoint_first([*args.items, *after], 1, commands)
    if args.fidelity == "auto":
        raise CommandError("--fidelity auto is for sample and interpolate; give a number", 2)
    check_radius(args.radius)
    centre = read_item(commands, item, "ITEM", args.bundle)
    if args.output:
        check_output(args.output, commands, args.format)
    domain = commands.domain
    space = open_space(args, domain)
    bar = Bar("decode", commands.unit)
    found = space.neighbours(centre, args.n, args.radius, args.seed, args.fidelity, bar)
    check_back("neighbours", commands, space, {"ITEM": centre})
    verdicts = domain.check(found.texts)
    pairs = zip(found.texts, verdicts, strict=True)
    counts = Counter(text if v.canonical is None else v.canonical for text, v in pairs if v.ok)
    texts = list(counts)
    known = commands.known(space.bundle.path)
    more = {} if known is None else {"novel": [not hit for hit in known(texts)]}
    likeness = similarity_of(space)(texts, [centre] * len(texts)).tolist()
    rows = item_rows(
        texts, domain.score(texts), similarity=likeness, count=list(counts.values()), **more
    )
    rows.sort(key=lambda row: -row["similarity"] if row["similarity"] == row["similarity"] else 1)
    print(f"valid {counts.total()} of {args.n}, {len(rows)} distinct")
    heads = shown_columns(commands, dict.fromkeys(domain.score([])))
    lines = [
        [
            number(row["similarity"], ".3f"),
            str(row["count"]),
            *(number(row[name]) for name in heads),
            commands.show(row["text"]),
        ]
        for row in rows
    ]
    print("\n" + table(["similarity", "times", *heads, commands.unit], lines))
    if args.output:
        origin = {
            "bundle": space.bundle.hash,
            "seed": args.seed,
            "command": "neighbours",
            "domain": domain.name,
            "centre": centre,
            "n": args.n,
            "radius": args.radius,
            "fidelity": found.fidelity,
            "beams": space.beams,
        }
        written = write_rows(args.output, rows, origin, commands, args.format)
        print(written.line(commands.unit, args.output), file=sys.stderr)
    return 0
