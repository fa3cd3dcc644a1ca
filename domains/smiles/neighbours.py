"""`python -m domains.smiles.neighbours [CKPT] ITEM -n 50 --radius 0.5`: molecules around one.

The radius is in units of the codes' own spread; without `--fidelity` each code is decoded at the
noise level of the radius.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from domains.smiles.chem.writers import FORMATS, check_writable, write_molecules
from domains.smiles.commands import COMMANDS, load_known
from domains.smiles.funnel import Funnel, FunnelOptions
from domains.smiles.reading.given import without_maps
from tvae_core.cells import Written
from tvae_core.cli.options import (
    add_beams_argument,
    add_fidelity_argument,
    add_run_arguments,
    open_space,
    parser_for,
    read_checkpoint_first,
)
from tvae_core.cli.parser import positive_int, run_command
from tvae_core.cli.telling import check_back
from tvae_core.support.errors import CommandError
from tvae_core.support.progress import Bar


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command."""
    parser = parser_for(COMMANDS, "neighbours", __doc__ or "")
    parser.add_argument("items", nargs="+", metavar="[CKPT] ITEM")
    parser.add_argument("-n", "--n", type=positive_int, default=50, help="codes to decode")
    parser.add_argument("--radius", type=float, default=0.5)
    add_fidelity_argument(parser, "that of the radius")
    add_beams_argument(parser)
    parser.add_argument("--alerts", default="none", help="catalogues, all or none")
    parser.add_argument("-o", "--output", default=None, metavar="FILE")
    parser.add_argument("--format", choices=tuple(FORMATS), default=None)
    add_run_arguments(parser)
    args = parser.parse(argv)
    args.bundle, (item,) = read_checkpoint_first(args.items, 1, COMMANDS)
    domain = COMMANDS.domain
    domain.from_text(item)
    item = without_maps("neighbours", "ITEM", item)
    if args.fidelity == "auto":
        raise CommandError("--fidelity auto is for sample and interpolate; give a number", 2)
    if args.output:
        check_writable(args.output, args.format)
    options = FunnelOptions(alerts=args.alerts, sort="similarity")
    space = open_space(args, domain)
    centre = domain.check([item])[0].canonical or item
    found = space.neighbours(
        centre, args.n, args.radius, args.seed, args.fidelity, Bar("decode", "molecule")
    )
    check_back("neighbours", COMMANDS, space, {"ITEM": centre})
    funnel = Funnel(options, load_known(space.bundle.path), centre)
    funnel.add(found.texts)
    result = funnel.result()
    print(result.table())
    print()
    print("similarity    qed  novel  molecule")
    for survivor in result.survivors:
        novel = {True: "yes", False: "no", None: "-"}[survivor.novel]
        print(
            f"{survivor.scores['similarity']:10.3f}  {survivor.scores['qed']:5.3f}  {novel:>5}  "
            f"{survivor.smiles}"
        )
    if args.output:
        rows = [survivor.to_dict() for survivor in result.survivors]
        origin = {
            "bundle": space.bundle.hash,
            "seed": args.seed,
            "command": "neighbours",
            "centre": centre,
            "n": args.n,
            "radius": args.radius,
            "fidelity": found.fidelity,
            "beams": space.beams,
        }
        write_molecules(args.output, rows, args.format, origin)
        print(Written.of(rows).line("molecule", args.output), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(run_command("neighbours", main))
