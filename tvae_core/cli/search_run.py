"""How the `optimise` commands run a search: begun or resumed, stopped by Ctrl-C, saved often."""

from __future__ import annotations

import argparse
import math
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from tqdm import tqdm

from tvae_core.cli.options import add_fidelity_argument
from tvae_core.cli.parser import CommandParser, positive_int
from tvae_core.search.search import DECODES, METHODS, Search
from tvae_core.search.state import STATE
from tvae_core.search.types import Objective
from tvae_core.space.space import LatentSpace
from tvae_core.support.errors import CommandError
from tvae_core.support.files import check_parent
from tvae_core.support.progress import Bar
from tvae_core.support.words import one_line

SAVE_SECONDS = 5.0
BUDGET = 2000
SETTINGS = ("method", "seed", "batch_size", "radius", "fidelity")
"""What a resumed search keeps and may not be asked to change."""


def add_search_arguments(parser: CommandParser) -> None:
    """How to search, whatever for."""
    parser.add_argument(
        "--budget", type=positive_int, default=None, help=f"calls (default {BUDGET})"
    )
    parser.add_argument("--method", choices=METHODS, default=None, help=f"(default: {METHODS[0]})")
    parser.add_argument("--radius", type=float, default=None, help="size of the first steps")
    parser.add_argument("--batch-size", type=positive_int, default=None, help="codes a generation")
    parser.add_argument(
        "--decodes",
        type=positive_int,
        default=None,
        help=f"most codes decoded, scored or not (default {DECODES} for each call of the budget)",
    )
    add_fidelity_argument(parser, "one that suits a search")
    parser.set_defaults(seed=None)  # so that a search is resumed without saying its seed again


def add_history_arguments(parser: argparse._ArgumentGroup) -> None:
    """Where a search is kept."""
    parser.add_argument("--history", default=None, metavar="FOLDER", help="every call, saved often")
    parser.add_argument("--resume", action="store_true", help="go on with --history's search")


def check_history(args: argparse.Namespace) -> None:
    """Refuses a history that is not there or in the way, before any work; exit code 2."""
    if args.resume and not args.history:
        raise CommandError("--resume needs the --history folder of the search to go on with", 2)
    if args.history:
        folder = Path(args.history)
        check_parent(folder / STATE)
        if (folder / STATE).exists() and not args.resume:
            raise CommandError(f"{folder} holds a search already: add --resume to go on with it", 2)


def begin(
    args: argparse.Namespace,
    space: LatentSpace,
    objective: Objective,
    start: str | None,
    targets: tuple[str, ...],
) -> Search:
    """A new search with the settings that the arguments name, or the one to go on with.

    Raises:
        ValueError: for settings out of range, or others than those of the search to resume.
    """
    asked = {name: getattr(args, name) for name in SETTINGS if getattr(args, name) is not None}
    if not args.resume:
        several = targets if len(targets) > 1 else ()
        budget = args.budget or BUDGET
        return Search(
            space,
            objective,
            budget=budget,
            start=start,
            targets=several,
            decodes=args.decodes,
            **asked,
        )
    search = Search.resume(args.history, space, objective, args.budget, args.decodes)
    for name, value in asked.items():
        made = getattr(search, name)
        if value != made:
            raise ValueError(f"the search in {args.history} has {name} {made}, not {value}")
    print(f"resumed after {search.spent:,} calls", file=sys.stderr)
    return search


def settings_of(search: Search) -> dict[str, object]:
    """The settings of a search, for the provenance of its files."""
    return {
        "objective": search.objective.name,
        "budget": search.budget,
        "method": search.method,
        "radius": search.radius,
        "batch_size": search.batch_size,
        "fidelity": search.fidelity,
    }


def start_left_out(search: Search) -> str:
    """Why the start, which is scored, cannot be among the results; empty if it is one."""
    call = search.calls[0] if search.calls else None
    if search.start is None or call is None or (call.feasible and not math.isnan(call.score)):
        return ""
    explain = getattr(search.objective, "why_unlisted", None)
    plain = "it misses a constraint" if call.score == call.score else "it has no score"
    return (explain(call) if explain is not None else "") or plain


def _tell_start(search: Search, show: Callable[[str], str]) -> None:
    why = start_left_out(search)
    if why:
        line = f"optimise: --start {show(search.calls[0].text)} is not among the results: {why}"
        tqdm.write(line, file=sys.stderr)


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


def run(
    search: Search,
    *,
    tell_best: bool,
    save: Callable[[], None] | None = None,
    every: float | None = None,
    show: Callable[[str], str] = one_line,
) -> None:
    """Runs a search to its end, or to the first Ctrl-C.

    Args:
        search: as begun.
        tell_best: whether each new best item is told on stderr.
        save: keeps the search; called at times and at the end.
        every: seconds between two savings, by default `SAVE_SECONDS`.
        show: an item on one line.
    """
    pause = SAVE_SECONDS if every is None else every
    bar, best, saved = Bar("optimise", "call"), search.best, time.monotonic()
    with Stop() as stop:
        try:
            for calls in search.steps():
                bar(search.spent, search.budget)
                if calls and calls[0].number == 1:
                    _tell_start(search, show)
                found = search.best
                if found is not None and found != best and tell_best:
                    best = found
                    line = f"call {found.number}: {found.score:.4f}  {show(found.text)}"
                    tqdm.write(line, file=sys.stderr)
                if save is not None and time.monotonic() - saved > pause:
                    save()
                    saved = time.monotonic()
                if stop.asked:
                    break
        except KeyboardInterrupt:
            stop.asked = True
        finally:
            bar.close()
            if save is not None:
                save()
    if stop.asked:
        print(f"optimise: stopped after {search.spent:,} calls", file=sys.stderr)
    elif search.spent < search.budget:
        more = " (--decodes)" if search.decoded >= search.most_decoded else ""
        print(f"optimise: ended at {search.spent:,} calls: {search.ended}{more}", file=sys.stderr)
