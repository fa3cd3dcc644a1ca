"""`python -m domains.<name>.optimise [CKPT] --target EXPR --start ITEM`: search for items."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tvae_core.cli.options import (
    add_space_arguments,
    open_space,
    parser_for,
    read_items,
    with_values,
)
from tvae_core.cli.search_report import (
    HISTORY,
    best_calls,
    draw,
    history_rows,
    rows_of,
    summary,
    table,
)
from tvae_core.cli.search_run import (
    add_history_arguments,
    add_search_arguments,
    begin,
    check_history,
    run,
    settings_of,
)
from tvae_core.cli.telling import check_back
from tvae_core.domain_commands import DomainCommands
from tvae_core.evaluation.plots import plot_format
from tvae_core.rows import add_output_arguments, check_output, write_rows
from tvae_core.search.limits import bounds_of, parse_limits
from tvae_core.search.objective import DomainScores, ItemObjective, Scores
from tvae_core.search.search import Search
from tvae_core.space.similarity import similarity_of
from tvae_core.support.errors import CommandError
from tvae_core.support.files import check_file
from tvae_core.support.words import counted

_ABOUT = """Search for {unit}s with a high score.

A target is an expression over scores, such as "{example} - 2" or "-abs({example} - 5)", or a
function of yours, module:function, of a list of texts; it is maximised, and several give a Pareto
front. With --start, similarity (to it) is a score, too. A call is one {unit} scored; invalid
decodings and what was seen before are not charged. Ctrl-C ends the search and keeps what was found;
--history FOLDER saves it for --resume.

Scores: {scores}.
"""


def optimise_command(commands: DomainCommands, argv: Sequence[str] | None = None) -> int:
    """`python -m domains.<name>.optimise [CKPT] --target EXPR [--start ITEM] [--budget N] ...`.

    Args:
        commands: the domain's.
        argv: arguments; by default the command line.
    """
    made = commands.search.scores
    scores = DomainScores(commands.domain) if made is None else made()
    args = _parse(commands, scores, argv)
    if args.fidelity == "auto":
        raise CommandError("--fidelity auto is for sample and interpolate; give a number", 2)
    code = commands.search.run_benchmark(args)
    if code is not None:
        return code
    start = spelled = None
    if args.start is not None:
        ((start, spelled),) = read_items("optimise", commands, {"--start": args.start}, args.bundle)
    named = spelled if commands.search.start_as_given else start
    objective = _objective(commands, args, scores, named)
    _check_files(args, commands)
    space = open_space(args, commands.domain)
    if isinstance(scores, DomainScores):
        scores.measure = similarity_of(space)
    search = begin(args, space, objective, start, objective.targets)
    if start is not None:
        check_back("optimise", commands, space, {"--start": start})
    told = {
        "bundle": space.bundle.hash,
        "seed": search.seed,
        "command": "optimise",
        "domain": commands.domain.name,
    }
    origin = commands.origin(told | settings_of(search))

    def save() -> None:
        search.save(args.history)
        write_rows(Path(args.history) / HISTORY, history_rows(search), origin, commands, "csv")

    single = len(objective.targets) == 1
    run(search, tell_best=single, save=save if args.history else None, show=commands.show)
    _leave(search, objective, args, commands, origin)
    return 0


def _parse(
    commands: DomainCommands, scores: Scores, argv: Sequence[str] | None
) -> argparse.Namespace:
    names = scores.names(with_start=False)
    about = _ABOUT.format(unit=commands.unit, example=names[0], scores=", ".join(names))
    parser = parser_for(commands, "optimise", about)
    add_space_arguments(parser, commands)
    parser.add_argument(
        "--target", action="append", default=[], metavar="EXPR", help="what to maximise; repeatable"
    )
    parser.add_argument("--start", default=None, metavar="ITEM", help="default: prior samples")
    add_search_arguments(parser)
    limits = parser.add_argument_group("constraints")
    limits.add_argument("--similarity", type=float, default=None, help="to the start, at least")
    commands.search.add_constraints(limits)
    limits.add_argument("--min", nargs="+", action="extend", default=[], metavar="SCORE=X")
    limits.add_argument("--max", nargs="+", action="extend", default=[], metavar="SCORE=X")
    add_output_arguments(parser, commands)
    output = parser.add_argument_group("output")
    output.add_argument("--plot", default=None, metavar="FILE", help="png, svg or pdf")
    add_history_arguments(output)
    commands.search.add_benchmark(parser)
    return parser.parse(with_values(argv, "--target", "--start"))


def _objective(
    commands: DomainCommands, args: argparse.Namespace, scores: Scores, start: str | None
) -> ItemObjective:
    names = scores.names(with_start=True)
    return ItemObjective(
        commands.domain,
        args.target,
        start=start,
        similarity=args.similarity or 0.0,
        bounds=bounds_of(parse_limits(args.min, names), parse_limits(args.max, names)),
        scores=scores,
        terms=commands.search.terms(args, start),
    )


def _check_files(args: argparse.Namespace, commands: DomainCommands) -> None:
    if args.output:
        check_output(args.output, commands, args.format)
    if args.plot:
        plot_format(Path(args.plot))
        check_file(Path(args.plot))
    check_history(args)


def _leave(
    search: Search,
    objective: ItemObjective,
    args: argparse.Namespace,
    commands: DomainCommands,
    origin: dict[str, object],
) -> None:
    """Prints what was found, and writes the files that are asked for."""
    targets, unit = objective.targets, commands.unit
    found = best_calls(search, targets)
    if len(targets) > 1:
        print(f"Pareto front of {', '.join(targets)}: {counted(len(found), unit)}")
    head = unit if commands.text_column == "text" else commands.text_column
    print(table(found, unit, head, commands.show))
    print(summary(search, targets, commands.show))
    if args.output:
        written = write_rows(args.output, rows_of(found), origin, commands, args.format)
        print(written.line(unit, args.output), file=sys.stderr)
    if args.plot:
        draw(search, targets, Path(args.plot), origin)
