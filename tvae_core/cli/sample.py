"""`python -m domains.<name>.sample [CKPT] -n 1000`: items from the prior, through the funnel."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tvae_core.architecture import PRIORS
from tvae_core.cli.long_run import add_long_arguments, check_long, is_long, run_long
from tvae_core.cli.options import (
    add_drawing_arguments,
    add_fidelity_argument,
    add_space_arguments,
    check_drawing,
    open_space,
    parser_for,
    sampling_of,
    with_values,
)
from tvae_core.cli.parser import CommandParser, positive_int
from tvae_core.decoding.ranges import BATCH
from tvae_core.domain_commands import DomainCommands
from tvae_core.rows import (
    MOST_SHOWN,
    add_output_arguments,
    check_output,
    fills_folder,
    ranked_columns,
    shown_columns,
    write_rows,
)
from tvae_core.sampling.funnel import VALID, Funnel, Result, Wanted
from tvae_core.sampling.hooks import Asked, Sampling, sampling_hooks
from tvae_core.search.limits import parse_limits
from tvae_core.support.files import check_file, check_lines, whole_file
from tvae_core.support.progress import Bar
from tvae_core.support.table import shown, text_table
from tvae_core.support.words import raw_line

if TYPE_CHECKING:
    from tvae_core.decoding.settings import Decoding
    from tvae_core.space.space import LatentSpace

TARGET_SAMPLES = 1500
"""Prior samples scored to find the codes of wanted scores."""
_ABOUT = """Random {unit}s from the prior: what share is valid, distinct and new, and the best.

Each {unit} is kept once, in canonical form. Limits and --sort name scores; --sort X puts the best
X first, --sort -X the smallest, --sort +X the largest. Without -o the first {most} are printed.

--raw writes every decoded text exactly as it came, one a line, invalid ones included and nothing
filtered. Only a text that has line breaks is changed: they are written as \\n (\\r, ...) and its
backslashes are doubled.

Any of the flags of long runs makes one: over all cores in bounded memory, the {unit}s in the order
they were drawn (or the best --top K), its parts kept in OUT.parts/ until all are there, so that
--resume goes on with a run that was stopped.{large}

Scores: {scores}.
"""
_LARGE = " More than {n:,} samples to a file make one, too."


def sample_command(commands: DomainCommands, argv: Sequence[str] | None = None) -> int:
    """`python -m domains.<name>.sample [CKPT] -n 1000 [--raw] [-o FILE] ...`.

    Args:
        commands: the domain's.
        argv: arguments; by default the command line.
    """
    asked = _asked(commands, argv)
    args = asked.args
    space = open_space(args, commands.domain)
    if not args.raw:
        asked.hooks.look_up(space, asked.own)
    how = sampling_of(space, args)
    if is_long(asked):
        run_long(asked, space, how)
        return 0
    if asked.targets:
        from tvae_core.sampling.steered import steer

        space = steer(space, commands, asked.targets, how, args)
    if args.raw:
        _raw(space, how, asked)
    else:
        _sift(space, how, asked)
    return 0


def _asked(commands: DomainCommands, argv: Sequence[str] | None) -> Asked:
    """The arguments, and all that can be refused without the bundle."""
    hooks = sampling_hooks(commands)
    args = _parser(commands, hooks).parse(with_values(argv, "--sort"))
    check_drawing(args)
    own, names = hooks.own(args), hooks.nameable()
    wanted = Wanted(
        parse_limits(args.min, names),
        parse_limits(args.max, names),
        novel=args.novel,
        sort=hooks.sort if args.sort is None else args.sort,
        top=args.top,
    )
    hooks.check(wanted, own)
    if args.stability < 0:
        raise ValueError(f"--stability must be 0 or more, not {args.stability}")
    _check_files(args, commands)
    asked = Asked(args, commands, hooks, wanted, own, _targets(args, commands))
    if is_long(asked):
        check_long(asked)
    return asked


def _targets(args: argparse.Namespace, commands: DomainCommands) -> dict[str, float]:
    """The wanted scores by name; `ValueError` for what is unknown or does not go with them."""
    if not args.target_property:
        return {}
    from tvae_core.sampling.steered import scores_of

    wanted = parse_limits(args.target_property, scores_of(commands).names(with_start=False))
    if args.fidelity == "auto":
        raise ValueError("--target-property needs a number for --fidelity, not auto")
    if args.target_samples < 100:
        raise ValueError(f"--target-samples must be at least 100, not {args.target_samples}")
    return wanted


def _parser(commands: DomainCommands, hooks: Sampling) -> CommandParser:
    scores = ", ".join(hooks.nameable())
    large = "" if hooks.long_from is None else _LARGE.format(n=hooks.long_from)
    about = _ABOUT.format(unit=commands.unit, most=MOST_SHOWN, scores=scores, large=large)
    parser = parser_for(commands, "sample", about)
    add_space_arguments(parser, commands)
    parser.add_argument("-n", "--n", type=positive_int, default=100, help="samples (default 100)")
    parser.add_argument("--prior", choices=PRIORS, default="flow")
    add_fidelity_argument(parser, "the bundle's")
    add_drawing_arguments(parser)
    parser.add_argument("--batch-size", type=positive_int, default=BATCH)
    parser.add_argument("--raw", action="store_true", help="every text as it came, one a line")
    add_output_arguments(parser, commands)
    _add_funnel_arguments(parser, commands, hooks)
    _add_target_arguments(parser, commands)
    add_long_arguments(parser)
    return parser


def _add_funnel_arguments(parser: CommandParser, commands: DomainCommands, hooks: Sampling) -> None:
    group = parser.add_argument_group("funnel")
    group.add_argument("--min", nargs="+", action="extend", default=[], metavar="SCORE=X")
    group.add_argument("--max", nargs="+", action="extend", default=[], metavar="SCORE=X")
    hooks.add_arguments(group)
    group.add_argument("--novel", action="store_true", help="only what was not trained on")
    group.add_argument(
        "--sort", default=None, metavar="[-]SCORE", help=f"default: {hooks.sort or 'as drawn'}"
    )
    group.add_argument("--top", type=positive_int, default=None, metavar="K")
    group.add_argument("--rejected", default=None, metavar="FILE", help="keep what was dropped")
    group.add_argument(
        "--stability",
        type=int,
        default=0,
        metavar="K",
        help=f"add the share of K noisy re-decodings that give the same {commands.unit}",
    )


def _add_target_arguments(parser: CommandParser, commands: DomainCommands) -> None:
    group = parser.add_argument_group("conditional sampling")
    group.add_argument(
        "--target-property",
        nargs="+",
        action="extend",
        default=[],
        metavar="SCORE=X",
        help=f"sample {commands.unit}s with this score; several work together",
    )
    group.add_argument(
        "--target-samples",
        type=positive_int,
        default=TARGET_SAMPLES,
        metavar="N",
        help="prior samples scored to find codes from",
    )


def _check_files(args: argparse.Namespace, commands: DomainCommands) -> None:
    if args.output and args.raw:
        check_lines(args.output)
        check_file(Path(args.output))
    elif args.output:
        check_output(args.output, commands, args.format)
    if args.rejected:
        check_output(args.rejected, commands)
        if args.output and Path(args.output).resolve() == Path(args.rejected).resolve():
            raise ValueError(f"-o and --rejected name the same file: {args.output}")


def _texts(space: LatentSpace, how: Decoding, asked: Asked) -> Iterator[list[str]]:
    """The decoded texts in batches."""
    args = asked.args
    bar, done = Bar("sample", asked.commands.unit), 0
    for part in space.sample_batches(args.n, how, args.prior):
        done += len(part.texts)
        bar(done, args.n)
        yield part.texts


def _raw(space: LatentSpace, how: Decoding, asked: Asked) -> None:
    args = asked.args
    if args.output is None:
        for texts in _texts(space, how, asked):
            sys.stdout.writelines(f"{raw_line(text)}\n" for text in texts)
        return
    with whole_file(Path(args.output)) as file:
        for texts in _texts(space, how, asked):
            file.writelines(f"{raw_line(text)}\n" for text in texts)
    print(f"wrote {args.n:,} {asked.hooks.drawn}s to {args.output}", file=sys.stderr)


def _sift(space: LatentSpace, how: Decoding, asked: Asked) -> None:
    """Samples through the funnel: counts and the best on stdout, files."""
    args, commands, hooks = asked.args, asked.commands, asked.hooks
    folder = bool(args.output) and fills_folder(args.output, commands, args.format)
    judge = asked.judge(space)
    funnel = Funnel(judge, asked.wanted, keep_lost=folder or args.rejected is not None)
    texts = [text for batch in _texts(space, how, asked) for text in batch]
    bars: dict[str, Bar] = {}
    funnel.add(
        texts,
        lambda stage, done, n: bars.setdefault(stage, Bar(stage, commands.unit))(done, n),
    )
    found = funnel.result()
    rows = [hooks.row(sample) for sample in found.kept]
    if args.stability and rows:
        from tvae_core.sampling.stability import decode_stability

        forms = [sample.look.form for sample in found.kept]
        shares = decode_stability(space, forms, hooks.same, args.stability, args.seed)
        rows = [row | {"stability": share} for row, share in zip(rows, shares, strict=True)]
    print(asked.told(found, judge))
    _write(rows, found, asked, asked.origin(space, how), folder)


def _write(
    rows: list[dict[str, Any]], found: Result, asked: Asked, origin: dict[str, Any], folder: bool
) -> None:
    args, commands = asked.args, asked.commands
    if args.output:
        told = _with_verdicts(rows, found, asked.hooks) if folder else rows
        written = write_rows(args.output, told, origin, commands, args.format)
        print(written.line(commands.unit, args.output), file=sys.stderr)
    else:
        _print_best(rows, asked)
    if args.rejected:
        lost = asked.hooks.lost_rows(found)
        write_rows(args.rejected, lost, origin, commands)
        print(f"wrote {len(lost):,} rejected to {args.rejected}", file=sys.stderr)


def _with_verdicts(
    rows: list[dict[str, Any]], found: Result, hooks: Sampling
) -> list[dict[str, Any]]:
    """The kept rows as valid ones, and after them the invalid texts with their reasons."""
    kept = [{"valid": True, "reason": None} | row for row in rows]
    failed = [hooks.lost_row(sample) for sample in found.lost if sample.stage == VALID]
    names = ("text", "sample", "reason", "character")
    return kept + [{"valid": False} | {name: row[name] for name in names} for row in failed]


def _print_best(rows: Sequence[dict[str, Any]], asked: Asked) -> None:
    commands, hooks = asked.commands, asked.hooks
    names = dict.fromkeys(hooks.names(asked.own))
    heads = ranked_columns(shown_columns(commands, names), asked.wanted.sort)
    title = commands.unit if commands.text_column == "text" else commands.text_column
    lines = [
        [*(shown(row.get(name)) for name in heads), commands.show(row["text"])]
        for row in rows[:MOST_SHOWN]
    ]
    print("\n" + text_table([[*heads, title], *lines], ">" * len(heads) + "-", hooks.narrowest))
    if len(rows) > MOST_SHOWN:
        print(f"... and {len(rows) - MOST_SHOWN:,} more; -o FILE writes them all")
