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

import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from tqdm import tqdm

from domains.smiles.commands import COMMANDS
from domains.smiles.files import FORMATS, check_writable, write_molecules
from domains.smiles.funnel_types import parse_limits
from domains.smiles.objectives import MoleculeObjective, parse_objectives, score_names
from domains.smiles.optimise_benchmark import add_benchmark_arguments, run_benchmark
from domains.smiles.optimise_report import (
    best_calls,
    draw,
    rows_of,
    summary,
    table,
    write_history,
)
from tvae_core.cli import Bar, CommandError, CommandParser, positive_int, run_command
from tvae_core.commands import add_fidelity_argument, add_space_arguments, open_space, parser_for
from tvae_core.files import check_file, check_parent
from tvae_core.optimise import METHODS, Search
from tvae_core.optimise_state import STATE
from tvae_core.plots import plot_format
from tvae_core.space import LatentSpace

SAVE_SECONDS = 5.0
SETTINGS = ("method", "seed", "batch_size", "radius", "fidelity", "start")
"""What a resumed search keeps and may not be asked to change."""


def _parser() -> CommandParser:
    parser = parser_for(COMMANDS, "optimise", __doc__ or "")
    add_space_arguments(parser, COMMANDS)
    parser.add_argument(
        "--target", action="append", default=[], metavar="EXPR", help="what to maximise; repeatable"
    )
    parser.add_argument("--start", default=None, metavar="SMILES", help="default: prior samples")
    parser.add_argument("--budget", type=positive_int, default=None, help="calls (default 2000)")
    parser.add_argument("--method", choices=METHODS, default=None)
    parser.add_argument("--radius", type=float, default=None, help="size of the first steps")
    parser.add_argument("--batch-size", type=positive_int, default=None, help="codes a generation")
    add_fidelity_argument(parser, "one that suits a search")
    limits = parser.add_argument_group("constraints")
    limits.add_argument("--similarity", type=float, default=0.0, help="to the start, at least")
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
    output.add_argument("--history", default=None, metavar="FOLDER", help="every call, saved often")
    output.add_argument("--resume", action="store_true", help="go on with --history's search")
    add_benchmark_arguments(parser)
    return parser


def _parse(argv: Sequence[str] | None) -> Any:
    given = list(sys.argv[1:] if argv is None else argv)
    while "--target" in given[:-1]:  # argparse takes the value of `--target -sa` for a flag
        place = given.index("--target")
        given[place : place + 2] = [f"--target={given[place + 1]}"]
    return _parser().parse(given)


def _objective(args: Any) -> MoleculeObjective:
    known = score_names()
    low, high = parse_limits(args.min, known), parse_limits(args.max, known)
    bounds = {name: (low.get(name), high.get(name)) for name in sorted({*low, *high})}
    return parse_objectives(
        args.target,
        start=args.start,
        similarity=args.similarity,
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
    if args.resume and not args.history:
        raise CommandError("--resume needs the --history folder of the search to go on with", 2)
    if args.history:
        folder = Path(args.history)
        check_parent(folder / STATE)
        if (folder / STATE).exists() and not args.resume:
            raise CommandError(f"{folder} holds a search already: add --resume to go on with it", 2)


def _search(args: Any, space: LatentSpace, objective: MoleculeObjective) -> Search:
    several = objective.targets if len(objective.targets) > 1 else ()
    given = {
        "start": objective.start,
        "seed": args.seed,
        "method": args.method,
        "radius": args.radius,
        "batch_size": args.batch_size,
        "fidelity": args.fidelity,
    }
    asked = {name: value for name, value in given.items() if value is not None}
    if not args.resume:
        return Search(space, objective, budget=args.budget or 2000, targets=several, **asked)
    search = Search.resume(args.history, space, objective, args.budget)
    for name in SETTINGS:
        made = getattr(search, name)
        if name in asked and name != "start" and asked[name] != made:
            raise ValueError(f"the search in {args.history} has {name} {made}, not {asked[name]}")
    print(f"resumed after {search.spent:,} calls", file=sys.stderr)
    return search


class Stop:
    """Notes the first Ctrl-C, so that a generation is finished; the second one interrupts."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Stop:
        self._before = signal.getsignal(signal.SIGINT)
        try:
            signal.signal(signal.SIGINT, self._note)
        except ValueError:  # not the main thread, which gets the signals
            self._before = None
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, _: int, __: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def _run(search: Search, args: Any, origin: dict[str, object]) -> None:
    bar, best, saved = Bar("optimise", "call"), search.best, time.monotonic()
    with Stop() as stop:
        try:
            for _ in search.steps():
                bar(search.spent, search.budget)
                found = search.best
                if found is not None and found != best and len(args.target) == 1:
                    best = found
                    line = f"call {found.number}: {found.score:.4f}  {found.text}"
                    tqdm.write(line, file=sys.stderr)
                if args.history and time.monotonic() - saved > SAVE_SECONDS:
                    write_history(search, Path(args.history), origin)
                    saved = time.monotonic()
                if stop.asked:
                    break
        except KeyboardInterrupt:
            stop.asked = True
        finally:
            bar.close()
            if args.history:
                write_history(search, Path(args.history), origin)
    if stop.asked:
        print(f"optimise: stopped after {search.spent:,} calls", file=sys.stderr)
    elif search.spent < search.budget:
        print("optimise: nothing new was found any more", file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command."""
    args = _parse(argv)
    if args.fidelity == "auto":
        raise CommandError("--fidelity auto is for sample and interpolate; give a number", 2)
    if args.benchmark is not None:
        return run_benchmark(args)
    objective = _objective(args)
    _check_outputs(args)
    space = open_space(args, COMMANDS.domain)
    search = _search(args, space, objective)
    origin: dict[str, object] = {
        "bundle": space.bundle.hash,
        "seed": search.seed,
        "command": "optimise",
        "objective": objective.name,
        "budget": search.budget,
        "method": search.method,
        "radius": search.radius,
        "batch_size": search.batch_size,
        "fidelity": search.fidelity,
    }
    _run(search, args, origin)
    found = best_calls(search, objective.targets)
    if len(objective.targets) > 1:
        print(f"Pareto front of {', '.join(objective.targets)}: {len(found)} molecules")
    print(table(found))
    print(summary(search, objective.targets))
    if args.output:
        write_molecules(args.output, rows_of(found), args.format, origin)
        print(f"wrote {len(found):,} molecules to {args.output}", file=sys.stderr)
    if args.plot:
        draw(search, objective.targets, Path(args.plot), origin)
    return 0


if __name__ == "__main__":
    sys.exit(run_command("optimise", main))
