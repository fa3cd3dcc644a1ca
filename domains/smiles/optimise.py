"""`python -m domains.smiles.optimise [CKPT] --target qed --start ITEM`: search for molecules.

    python -m domains.smiles.optimise --target qed --start "CC(=O)Oc1ccccc1C(=O)O" --budget 2000
    python -m domains.smiles.optimise --target plogp --start ITEM --similarity 0.4 -o best.sdf
    python -m domains.smiles.optimise --target qed --target=-sa --plot front.svg
    python -m domains.smiles.optimise --target my_scores:activity --max sa=4 --history run
    python -m domains.smiles.optimise --benchmark plogp --json figures.json

A target is an expression over scores or `module:function`, and is maximised; several give a Pareto
front. A call is one molecule scored; invalid decodings and molecules seen before are not charged.
Ctrl-C ends the search and keeps what was found; `--history FOLDER` saves it for `--resume`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from domains.smiles.benchmark.similar_plogp import add_benchmark_arguments, run_benchmark
from domains.smiles.chem.writers import FORMATS, check_writable, write_molecules
from domains.smiles.commands import COMMANDS
from domains.smiles.funnel_types import parse_limits
from domains.smiles.objectives import MoleculeObjective, parse_objectives, score_names
from domains.smiles.optimise_report import (
    best_calls,
    draw,
    rows_of,
    summary,
    table,
    write_history,
)
from domains.smiles.reading.given import without_maps
from tvae_core.cells import Written
from tvae_core.cli.options import add_space_arguments, open_space, parser_for, with_values
from tvae_core.cli.parser import CommandParser, run_command
from tvae_core.cli.search_run import (
    SAVE_SECONDS,
    add_history_arguments,
    add_search_arguments,
    begin,
    check_history,
    run,
    settings_of,
)
from tvae_core.cli.telling import check_back
from tvae_core.evaluation.plots import plot_format
from tvae_core.search.limits import bounds_of
from tvae_core.support.errors import CommandError
from tvae_core.support.files import check_file
from tvae_core.support.words import counted


def _parser() -> CommandParser:
    parser = parser_for(COMMANDS, "optimise", __doc__ or "")
    add_space_arguments(parser, COMMANDS)
    parser.add_argument(
        "--target", action="append", default=[], metavar="EXPR", help="what to maximise; repeatable"
    )
    parser.add_argument("--start", default=None, metavar="SMILES", help="default: prior samples")
    add_search_arguments(parser)
    limits = parser.add_argument_group("constraints")
    limits.add_argument("--similarity", type=float, default=None, help="to the start, at least")
    limits.add_argument(
        "--alerts", default="none", help="catalogues no molecule may match, such as pains,brenk"
    )
    limits.add_argument("--keep-scaffold", action="store_true", help="the start's Murcko scaffold")
    limits.add_argument("--scaffold", default=None, metavar="SMILES", help="substructure to keep")
    limits.add_argument("--min", nargs="+", action="extend", default=[], metavar="SCORE=X")
    limits.add_argument("--max", nargs="+", action="extend", default=[], metavar="SCORE=X")
    output = parser.add_argument_group("output")
    output.add_argument("-o", "--output", default=None, metavar="FILE")
    output.add_argument("--format", choices=tuple(FORMATS), default=None)
    output.add_argument("--plot", default=None, metavar="FILE", help="png or svg")
    add_history_arguments(output)
    add_benchmark_arguments(parser)
    return parser


def _parse(argv: Sequence[str] | None) -> Any:
    return _parser().parse(with_values(argv, "--target"))


def _objective(args: Any) -> MoleculeObjective:
    known = score_names()
    bounds = bounds_of(parse_limits(args.min, known), parse_limits(args.max, known))
    return parse_objectives(
        args.target,
        start=args.start,
        similarity=args.similarity or 0.0,
        alerts=args.alerts,
        scaffold=args.scaffold,
        keep_scaffold=args.keep_scaffold,
        bounds=bounds,
    )


def _check_outputs(args: Any) -> None:
    if args.output:
        check_writable(args.output, args.format)
    if args.plot:
        plot_format(Path(args.plot))
        check_file(Path(args.plot))
    check_history(args)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command."""
    args = _parse(argv)
    if args.fidelity == "auto":
        raise CommandError("--fidelity auto is for sample and interpolate; give a number", 2)
    if args.benchmark is not None:
        return run_benchmark(args)
    if args.start is not None:
        args.start = without_maps("optimise", "--start", args.start)
    objective = _objective(args)
    _check_outputs(args)
    space = open_space(args, COMMANDS.domain)
    search = begin(args, space, objective, objective.start, objective.targets)
    if search.start is not None:
        check_back("optimise", COMMANDS, space, {"--start": search.start})
    origin: dict[str, object] = {
        "bundle": space.bundle.hash,
        "seed": search.seed,
        "command": "optimise",
        **settings_of(search),
    }

    def save() -> None:
        write_history(search, Path(args.history), origin)

    kept = save if args.history else None
    run(search, tell_best=len(args.target) == 1, save=kept, every=SAVE_SECONDS)
    found = best_calls(search, objective.targets)
    if len(objective.targets) > 1:
        print(f"Pareto front of {', '.join(objective.targets)}: {counted(len(found), 'molecule')}")
    print(table(found))
    print(summary(search, objective.targets))
    if args.output:
        rows = rows_of(found)
        write_molecules(args.output, rows, args.format, origin)
        print(Written.of(rows).line("molecule", args.output), file=sys.stderr)
    if args.plot:
        draw(search, objective.targets, Path(args.plot), origin)
    return 0


if __name__ == "__main__":
    sys.exit(run_command("optimise", main))
