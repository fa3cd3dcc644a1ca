"""`python -m domains.<name>.sample [CKPT] -n 1000`: items from the prior, counted and chosen."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tvae_core.cli.options import (
    add_drawing_arguments,
    add_fidelity_argument,
    add_space_arguments,
    check_search,
    open_space,
    parser_for,
    plain_drawing,
    score_names,
    with_values,
)
from tvae_core.cli.parser import positive_int
from tvae_core.decoding.generate import BATCH
from tvae_core.domain_commands import DomainCommands
from tvae_core.model.prior import PRIORS
from tvae_core.rows import (
    MOST_SHOWN,
    add_output_arguments,
    check_output,
    fills_folder,
    item_rows,
    number,
    ranked_columns,
    shown_columns,
    table,
    write_rows,
)
from tvae_core.sampling.choice import Choice, Drawn, with_verdicts
from tvae_core.search.limits import parse_limits
from tvae_core.space.space import LatentSpace
from tvae_core.support.files import check_file, check_lines, whole_file
from tvae_core.support.progress import Bar
from tvae_core.support.words import raw_line

REASONS_SHOWN = 5
_CHUNK = 1000
_ABOUT = """Random {unit}s from the prior: what share is valid, distinct and new, and the best.

Each {unit} is kept once, in canonical form. Limits and --sort name scores; --sort X puts the
largest X first, --sort -X the smallest. Without -o the first {most} are printed.

--raw writes every decoded text exactly as it came, one a line, invalid ones included and nothing
filtered. Only a text that has line breaks is changed: they are written as \\n (\\r, ...) and its
backslashes are doubled.

Scores: {scores}.
"""


def sample_command(commands: DomainCommands, argv: Sequence[str] | None = None) -> int:
    """`python -m domains.<name>.sample [CKPT] -n 1000 [--raw] [-o FILE] ...`.

    Args:
        commands: the domain's.
        argv: arguments; by default the command line.
    """
    names = score_names(commands.domain)
    args = _parse(commands, names, argv)
    plain_drawing(args)
    choice = Choice(
        parse_limits(args.min, names),
        parse_limits(args.max, names),
        args.sort,
        args.top,
        args.novel,
    )
    choice.check(names)
    _check_files(args, commands)
    space = open_space(args, commands.domain)
    check_search(args, space.drawing(args.temperature, args.top_p)[0])
    if args.raw:
        _raw(space, args, commands)
        return 0
    known = commands.known(space.bundle.path)
    if choice.novel and known is None:
        raise ValueError("--novel needs the set of training items, which this bundle has not")
    folder = bool(args.output) and fills_folder(args.output, commands, args.format)
    drawn = Drawn(args.rejected is not None or folder)
    for texts in _texts(space, args, commands):
        drawn.add(texts, commands.domain.check(texts))
    distinct = list(drawn.first)
    novel: list[bool] | None = None
    if known is not None:
        parts = (distinct[i : i + _CHUNK] for i in range(0, len(distinct), _CHUNK))
        novel = [not hit for part in parts for hit in known(part)]
    _print_counts(drawn, novel, args.fidelity == "auto")
    rows = _kept(commands, drawn, novel, choice)
    if choice.minimum or choice.maximum:
        print(f"within {choice.window()}: {len(rows):,}")
    rows = choice.ranked(rows)
    _print_reasons(drawn)
    origin = _origin(space, args, commands)
    if args.output:
        told = with_verdicts(rows, drawn) if folder else rows
        written = write_rows(args.output, told, origin, commands, args.format)
        print(written.line(commands.unit, args.output), file=sys.stderr)
    else:
        heads = shown_columns(commands, dict.fromkeys(names))
        _print_best(rows, commands, ranked_columns(heads, args.sort))
    if args.rejected:
        write_rows(args.rejected, drawn.rejected, origin, commands)
        print(f"wrote {len(drawn.rejected):,} rejected to {args.rejected}", file=sys.stderr)
    return 0


def _parse(
    commands: DomainCommands, names: Sequence[str], argv: Sequence[str] | None
) -> argparse.Namespace:
    about = _ABOUT.format(unit=commands.unit, most=MOST_SHOWN, scores=", ".join(names))
    parser = parser_for(commands, "sample", about)
    add_space_arguments(parser, commands)
    parser.add_argument("-n", "--n", type=positive_int, default=100, help="samples (default 100)")
    parser.add_argument("--prior", choices=PRIORS, default="flow")
    add_fidelity_argument(parser, "the bundle's")
    add_drawing_arguments(parser)
    parser.add_argument("--batch-size", type=positive_int, default=BATCH)
    parser.add_argument("--raw", action="store_true", help="every text as it came, one a line")
    add_output_arguments(parser, commands)
    chosen = parser.add_argument_group("choice")
    chosen.add_argument("--min", nargs="+", action="extend", default=[], metavar="SCORE=X")
    chosen.add_argument("--max", nargs="+", action="extend", default=[], metavar="SCORE=X")
    chosen.add_argument("--sort", default=None, metavar="[-]SCORE", help="default: as drawn")
    chosen.add_argument("--top", type=positive_int, default=None, metavar="K")
    chosen.add_argument("--novel", action="store_true", help="only what was not trained on")
    chosen.add_argument("--rejected", default=None, metavar="FILE", help="keep what was dropped")
    return parser.parse(with_values(argv, "--sort"))


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


def _texts(
    space: LatentSpace, args: argparse.Namespace, commands: DomainCommands
) -> Iterator[list[str]]:
    """The decoded texts in batches."""
    bar, done = Bar("sample", commands.unit), 0
    heat, nucleus = space.drawing(args.temperature, args.top_p)
    if args.fidelity != "auto":
        settings = (args.seed, args.prior, args.fidelity, heat, nucleus, args.batch_size)
        for part in space.sample_batches(args.n, *settings):
            done += len(part.texts)
            bar(done, args.n)
            yield part.texts
        return
    for start in range(0, args.n, args.batch_size):
        count = min(args.batch_size, args.n - start)
        codes = space.sample_latents(count, args.seed, args.prior, None, start)
        beams = space.sample_beams
        texts = space.decode(codes, "auto", heat, nucleus, args.seed, start, beams=beams)
        bar(start + count, args.n)
        yield texts


def _raw(space: LatentSpace, args: argparse.Namespace, commands: DomainCommands) -> None:
    if args.output is None:
        for texts in _texts(space, args, commands):
            sys.stdout.writelines(f"{raw_line(text)}\n" for text in texts)
        return
    with whole_file(Path(args.output)) as file:
        for texts in _texts(space, args, commands):
            file.writelines(f"{raw_line(text)}\n" for text in texts)
    print(f"wrote {args.n:,} texts to {args.output}", file=sys.stderr)


def _kept(
    commands: DomainCommands, drawn: Drawn, novel: list[bool] | None, choice: Choice
) -> list[dict[str, Any]]:
    """The rows that pass novelty and limits, scored, in the order they were drawn."""
    rows: list[dict[str, Any]] = []
    texts, bar = list(drawn.first), Bar("score", commands.unit)
    for start in range(0, len(texts), _CHUNK):
        part = texts[start : start + _CHUNK]
        if choice.novel and novel is not None:
            fresh = novel[start : start + _CHUNK]
            for text in (t for t, new in zip(part, fresh, strict=True) if not new):
                drawn.reject(text, drawn.first[text], "known", "in the training set")
            part = [text for text, new in zip(part, fresh, strict=True) if new]
        scores = commands.domain.score(part)
        passed = choice.passes(scores, len(part))
        for row, fits in zip(item_rows(part, scores), passed, strict=True):
            text, sample = row["text"], drawn.first[row["text"]]
            if fits:
                rows.append(row | {"sample": sample})
            else:
                drawn.reject(text, sample, "limits", f"not within {choice.window()}")
        bar(min(start + _CHUNK, len(texts)), len(texts))
    if novel is not None:
        new = dict(zip(texts, novel, strict=True))
        rows = [row | {"novel": new[row["text"]]} for row in rows]
    return rows


def _print_counts(drawn: Drawn, novel: list[bool] | None, auto: bool) -> None:
    distinct = len(drawn.first)
    kind = "validity with a retry at smoother settings" if auto else "raw validity"
    print(f"{kind} {drawn.valid / drawn.count:.4f} ({drawn.valid:,} of {drawn.count:,})")
    share = f"{distinct / drawn.valid:.4f}" if drawn.valid else "-"
    print(f"unique {share} ({distinct:,} of {drawn.valid:,} valid)")
    if novel is not None:
        share = f"{sum(novel) / distinct:.4f}" if distinct else "-"
        print(f"novel {share} ({sum(novel):,} of {distinct:,} distinct)")


def _print_reasons(drawn: Drawn) -> None:
    if not drawn.reasons:
        return
    print("\ninvalid:")
    for reason, count in drawn.reasons.most_common(REASONS_SHOWN):
        print(f"{count:7,}  {' '.join(reason.split())}")
    others = drawn.reasons.most_common()[REASONS_SHOWN:]
    if others:
        print(f"{sum(count for _, count in others):7,}  {len(others):,} other reasons")


def _print_best(
    rows: Sequence[dict[str, Any]], commands: DomainCommands, heads: Sequence[str]
) -> None:
    lines = [
        [*(number(row[name]) for name in heads), commands.show(row["text"])]
        for row in rows[:MOST_SHOWN]
    ]
    print("\n" + table([*heads, commands.unit], lines))
    if len(rows) > MOST_SHOWN:
        print(f"... and {len(rows) - MOST_SHOWN:,} more; -o FILE writes them all")


def _origin(
    space: LatentSpace, args: argparse.Namespace, commands: DomainCommands
) -> dict[str, Any]:
    """Where the items are from, for their file."""
    setting = args.fidelity
    heat, nucleus = space.drawing(args.temperature, args.top_p)
    return {
        "bundle": space.bundle.hash,
        "seed": args.seed,
        "command": "sample",
        "domain": commands.domain.name,
        "n": args.n,
        "prior": args.prior,
        "fidelity": space.defaults["sample_fidelity"] if setting is None else setting,
        "temperature": heat,
        "top_p": nucleus,
        "beams": space.sample_beams if heat == 0 else 1,
        "min": args.min,
        "max": args.max,
        "sort": args.sort,
        "top": args.top,
        "novel": args.novel,
    }
