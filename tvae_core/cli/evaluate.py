"""`python -m domains.<name>.evaluate [CKPT]`: the benchmark as tables, JSON, pictures, a page."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tvae_core.cli.options import (
    add_beams_argument,
    add_cycles_argument,
    add_space_arguments,
    open_space,
    parser_for,
)
from tvae_core.cli.parser import CommandParser, positive_int
from tvae_core.data.prepared import PreparedSet
from tvae_core.domain import Domain
from tvae_core.domain_commands import DomainCommands
from tvae_core.evaluation.evaluate import Evaluation, Plan, evaluate
from tvae_core.evaluation.intervals import with_bounds
from tvae_core.evaluation.labels import MOST_TRAIN, HeldOut, has_labels, pick, probe, why_no_probe
from tvae_core.evaluation.latent_map import LatentMap, draw_map
from tvae_core.evaluation.measures import fitting
from tvae_core.evaluation.plots import draw_page, plot_format
from tvae_core.evaluation.report import Report, write_report
from tvae_core.evaluation.showcase import make_showcase
from tvae_core.evaluation.tables import dial_table, geometry_table
from tvae_core.model.prior import PRIORS
from tvae_core.space.space import LatentSpace
from tvae_core.support.errors import CommandError
from tvae_core.support.files import check_file, json_text, write_whole
from tvae_core.support.machine import has_scikit_learn
from tvae_core.support.progress import Bar

SHOWN = 48
"""Most reconstructions and most samples in a report."""


def evaluate_command(
    commands: DomainCommands, argv: Sequence[str] | None = None, note: str = ""
) -> int:
    """Measures a bundle on held-out data.

    Args:
        commands: the domain's.
        argv: arguments; by default the command line.
        note: added to the help, for what else the domain's `evaluate` does.
    """
    name = commands.domain.name
    given = list(sys.argv[1:] if argv is None else argv)
    args = _parser(commands, note).parse(given)
    _check(args)
    space = open_space(args, commands.domain)
    prepared = PreparedSet(args.data, name)
    split = args.split or prepared.final
    rows = prepared.rows(split)
    probed = _wants_probe(args, prepared, split, commands.domain)
    chosen = pick(space, rows, max(args.n, 4), args.seed, args.max_tokens)
    if len(chosen) < 4 and args.max_tokens:
        raise CommandError(
            f"the split {split!r} of {args.data} has {len(chosen)} items of at most "
            f"{args.max_tokens} tokens; an evaluation needs at least 4"
        )
    texts = rows.texts(chosen)
    bar = Bar("evaluate", "stage")
    result = evaluate(
        space,
        texts,
        n_samples=args.samples,
        n_paths=args.paths,
        seed=args.seed,
        prior=args.prior,
        known=commands.known(space.bundle.path),
        geometry=args.geometry,
        stage=lambda what, done, total: bar(done, total),
    )
    if commands.measure is not None:
        result.metrics |= _own_numbers(commands.measure, space, texts, args)
    seen = None
    if probed or args.map or args.report:
        seen = HeldOut(space, rows, args.seed, args.max_tokens)
    if probed and seen is not None:
        result.metrics |= _probe(space, prepared, seen, args)
    print(dial_table(result))
    if args.geometry:
        print(f"\n{geometry_table(result)}")
    if args.json:
        record = with_bounds(result.flat()) | {"seed": args.seed, "bundle": space.bundle.hash}
        write_whole(Path(args.json), json_text(record))
        print(f"wrote {args.json}", file=sys.stderr)
    caption = f"{space.bundle.path.name} {space.bundle.hash}, {split} of {args.data}"
    if args.plot:
        draw_page(result, Path(args.plot), f"{caption}, n {args.n}, seed {args.seed}")
        print(f"wrote {args.plot}", file=sys.stderr)
    found = seen.map(args.seed) if seen is not None and (args.map or args.report) else None
    if args.map:
        if found is None:
            raise CommandError("a map needs at least 3 held-out items that the model takes")
        draw_map(found, Path(args.map), f"{caption}, seed {args.seed}")
        print(f"wrote {args.map}", file=sys.stderr)
    if args.report:
        _report(args, space, result, texts, found, split, given)
        print(f"wrote {args.report}", file=sys.stderr)
    return 0


def _parser(commands: DomainCommands, note: str) -> CommandParser:
    parser = parser_for(commands, "evaluate", f"Measure a bundle on held-out data. {note}".rstrip())
    add_space_arguments(parser, commands)
    data = f"data/{commands.domain.name}"
    parser.add_argument("--data", default=data, help="prepared set with the held-out data")
    parser.add_argument("--split", default=None, help="split to evaluate on (default: test)")
    parser.add_argument("-n", "--n", type=int, default=2000, help="held-out items (default 2000)")
    parser.add_argument(
        "--max-tokens",
        type=positive_int,
        default=None,
        metavar="N",
        help="only held-out items of at most N tokens (default: all that the model takes)",
    )
    parser.add_argument("--samples", type=int, default=1000, help="prior samples a setting")
    parser.add_argument("--paths", type=int, default=200, help="interpolation paths a setting")
    parser.add_argument("--prior", choices=PRIORS, default="flow")
    add_beams_argument(parser)
    add_cycles_argument(parser)
    parser.add_argument("--json", default=None, metavar="FILE", help="also write one flat object")
    parser.add_argument(
        "--plot", default=None, metavar="FILE", help="also draw it all, as .svg, .png or .pdf"
    )
    parser.add_argument(
        "--map",
        default=None,
        metavar="FILE",
        help="also draw a 2-D map of held-out codes, coloured by label, as .svg, .png or .pdf",
    )
    parser.add_argument(
        "--report",
        default=None,
        metavar="FILE",
        help="also write all of it, with decoded texts, as one .html file",
    )
    parser.add_argument(
        "--geometry",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="smoothness of walks, neighbourhoods by radius, spectrum of the codes (default: yes)",
    )
    parser.add_argument(
        "--probe",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="read the labels from the code, beside baselines (default: yes, where there are "
        "labels and scikit-learn)",
    )
    parser.add_argument(
        "--probe-train",
        type=positive_int,
        default=MOST_TRAIN,
        metavar="N",
        help=f"labelled training items that the probe learns from (default {MOST_TRAIN})",
    )
    return parser


def _check(args: argparse.Namespace) -> None:
    """Refuses what cannot be done, before any work.

    Raises:
        CommandError: a number out of range, or a probe without scikit-learn.
        OutputError: a file that cannot be written.
        ValueError: a file of an unknown kind.
    """
    for flag in ("n", "samples", "paths"):
        if getattr(args, flag) < 1:
            raise CommandError(f"--{flag} must be at least 1, not {getattr(args, flag)}", 2)
    for out in (args.json, args.plot, args.map, args.report):
        if out:
            check_file(Path(out))
    for out in (args.plot, args.map):
        if out:
            plot_format(Path(out))
    if args.report and Path(args.report).suffix.lower() not in (".html", ".htm"):
        raise CommandError(f"{args.report}: a report is written as .html", 2)
    if args.probe and not has_scikit_learn():
        raise CommandError("--probe needs scikit-learn: pip install scikit-learn", 2)


def _wants_probe(
    args: argparse.Namespace, prepared: PreparedSet, split: str, domain: Domain
) -> bool:
    """Whether to fit probes; a line on stderr where there are labels and it cannot be done.

    Raises:
        CommandError: it is asked for and cannot be done.
    """
    if args.probe is False:
        return False
    if not has_labels(prepared.rows(split), domain):
        if args.probe:
            raise CommandError(f"--probe: {prepared.path} has no labels", 2)
        return False
    reason = why_no_probe(prepared, split)
    if reason and args.probe:
        raise CommandError(f"--probe: {reason}", 2)
    if reason:
        print(f"the probe was left out: {reason}", file=sys.stderr)
    return not reason


def _own_numbers(
    measure: Callable[[LatentSpace, list[str], Plan], dict[str, float]],
    space: LatentSpace,
    texts: list[str],
    args: argparse.Namespace,
) -> dict[str, float]:
    """What the domain adds, of the texts that the model takes."""
    bar = Bar(space.domain.name, "stage")
    taken = [texts[i] for i in fitting(space, texts)]
    plan = Plan(
        args.samples, args.paths, args.seed, args.prior, lambda what, done, total: bar(done, total)
    )
    return measure(space, taken, plan)


def _probe(
    space: LatentSpace, prepared: PreparedSet, seen: HeldOut, args: argparse.Namespace
) -> dict[str, float]:
    """The numbers of the probe; empty, with a line on stderr, where there are too few labels."""
    try:
        return probe(space, prepared.rows("train"), seen, args.probe_train, args.seed)
    except ValueError as error:
        if args.probe:
            raise
        print(f"the probe was left out: {error}", file=sys.stderr)
        return {}


def _report(
    args: argparse.Namespace,
    space: LatentSpace,
    result: Evaluation,
    texts: list[str],
    found: LatentMap | None,
    split: str,
    given: list[str],
) -> None:
    bar = Bar("report", "stage")
    bar(0, 2)
    shown = make_showcase(
        space,
        texts[:SHOWN],
        n_samples=min(args.samples, SHOWN),
        prior=args.prior,
        seed=args.seed,
    )
    bar(1, 2)
    name = space.domain.name
    about = {
        "domain": name,
        "bundle": "/".join(space.bundle.path.resolve().parts[-2:]),
        "hash": space.bundle.hash,
        "data": f"{args.data}, split {split}"
        + (f", items of at most {args.max_tokens} tokens" if args.max_tokens else ""),
        "held-out items": f"{result.metrics['n']:.0f}",
        "prior": f"{args.prior}, {args.samples} samples a setting",
        "seed": str(args.seed),
        "settings": ", ".join(f"{k} {v:g}" for k, v in space.defaults.items()),
        "command": shlex.join(["python", "-m", f"domains.{name}.evaluate", *given]),
    }
    write_report(Path(args.report), Report(space.domain, about, result, shown, found))
    bar(2, 2)
