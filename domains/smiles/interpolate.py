"""`python -m domains.smiles.interpolate [CKPT] A B`: the way from one molecule to another.

Without `--fidelity` the dial follows the path: both ends are reproduced, the points between are
decoded at the noise level that the other end makes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from domains.smiles.chem.scores import score_all
from domains.smiles.chem.writers import FORMATS, check_writable, write_molecules
from domains.smiles.commands import COMMANDS
from domains.smiles.reading.given import without_maps
from tvae_core.cells import Written
from tvae_core.cli.options import (
    add_run_arguments,
    add_walk_arguments,
    open_space,
    parser_for,
    read_checkpoint_first,
)
from tvae_core.cli.parser import run_command
from tvae_core.cli.telling import check_ends
from tvae_core.space.walk import walk
from tvae_core.support.errors import CommandError


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command."""
    parser = parser_for(COMMANDS, "interpolate", __doc__ or "")
    parser.add_argument("items", nargs="+", metavar="[CKPT] A B")
    add_walk_arguments(parser)
    parser.add_argument("-o", "--output", default=None, metavar="FILE")
    parser.add_argument("--format", choices=tuple(FORMATS), default=None)
    add_run_arguments(parser)
    args = parser.parse(argv)
    args.bundle, (first, last) = read_checkpoint_first(args.items, 2, COMMANDS)
    domain = COMMANDS.domain
    if args.steps < 2:
        raise CommandError(f"--steps must be at least 2, not {args.steps}", 2)
    for text in (first, last):
        domain.from_text(text)
    first, last = (
        without_maps("interpolate", n, t) for n, t in zip("AB", (first, last), strict=True)
    )
    if args.output:
        check_writable(args.output, args.format)
    space = open_space(args, domain)
    ends = [verdict.canonical or "" for verdict in domain.check([first, last])]
    points = walk(
        space,
        ends[0],
        ends[1],
        args.steps,
        args.how,
        args.per_token,
        args.fidelity,
        args.distinct,
    )
    check_ends(COMMANDS, space, ends, (points[0].text, points[-1].text), args.fidelity)
    verdicts = domain.check([point.text for point in points])
    texts = [v.canonical or p.text for v, p in zip(verdicts, points, strict=True)]
    scores = score_all(texts, ["qed", "sa", "logp", "weight", "similarity"], reference=ends[0])
    to_last = score_all(texts, ["similarity"], reference=ends[1])["similarity"]
    rows = []
    print("   t  fidelity  to A   to B    qed  molecule")
    for index, (point, verdict, text) in enumerate(zip(points, verdicts, texts, strict=True)):
        row: dict[str, object] = {
            "smiles": text,
            "name": f"step-{index + 1}",
            "t": point.t,
            "fidelity": point.fidelity,
            "valid": verdict.ok,
            "reason": verdict.reason,
            "similarity_to_a": float(scores["similarity"][index]),
            "similarity_to_b": float(to_last[index]),
            **{name: float(scores[name][index]) for name in ("qed", "sa", "logp", "weight")},
        }
        rows.append(row)
        note = "" if verdict.ok else f"   ({verdict.reason})"
        print(
            f"{point.t:4.2f}  {point.fidelity:8.2f}  {row['similarity_to_a']:4.2f}   "
            f"{row['similarity_to_b']:4.2f}   {row['qed']:4.2f}  {text}{note}"
        )
    if args.output:
        origin = {
            "bundle": space.bundle.hash,
            "seed": args.seed,
            "command": "interpolate",
            "a": ends[0],
            "b": ends[1],
            "how": args.how,
            "per_token": args.per_token,
            "distinct": args.distinct,
            "fidelity": "path" if args.fidelity is None else args.fidelity,
            "beams": space.beams,
            "cycles": space.cycles,
        }
        write_molecules(args.output, rows, args.format, origin)
        print(Written.of(rows).line("molecule", args.output), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(run_command("interpolate", main))
