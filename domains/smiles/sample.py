"""`python -m domains.smiles.sample [CKPT] -n 1000`: molecules from the prior, through the funnel.

    python -m domains.smiles.sample -n 1000 --min qed=0.6 --max sa=4 --alerts none -o x.sdf
    python -m domains.smiles.sample -n 30000 --raw -o raw.smi
    python -m domains.smiles.sample --target-property logp=2.5 qed=0.8    # see `conditional`
    python -m domains.smiles.sample -n 1000000 -o out.parquet        # a long run, see `scale`

`--raw` writes every decoded string as it came, one a line. Otherwise the funnel's counts go to
stdout, the molecules to `-o` (csv, smi, sdf, json or parquet) or, without it, the best to stdout.

More than 50,000 samples to a file, or any of the long-run flags, make a long run: over all cores in
bounded memory, the molecules in the order they were drawn (or the best `--top K`), its parts kept
in OUT.parts/ until all are there, so that `--resume` goes on with a run that was stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from domains.smiles.chem.stability import decode_stability
from domains.smiles.chem.writers import FORMATS, check_writable, write_molecules
from domains.smiles.commands import COMMANDS, load_known
from domains.smiles.conditional import add_target_argument, check_targets, steer
from domains.smiles.funnel import Funnel, FunnelOptions, FunnelResult
from domains.smiles.funnel_types import parse_limits
from domains.smiles.reading.given import without_maps
from domains.smiles.scale_command import add_scale_arguments, check_long, is_long, run_long
from tvae_core.cells import Written
from tvae_core.cli.options import (
    add_drawing_arguments,
    add_fidelity_argument,
    add_space_arguments,
    check_search,
    open_space,
    parser_for,
    plain_drawing,
    with_values,
)
from tvae_core.cli.parser import CommandParser, positive_int, run_command
from tvae_core.cli.telling import check_back
from tvae_core.decoding.generate import BATCH
from tvae_core.model.prior import PRIORS
from tvae_core.rows import number, ranked_columns
from tvae_core.space import LatentSpace
from tvae_core.support.files import check_lines, check_parent, whole_file
from tvae_core.support.machine import available_cores
from tvae_core.support.progress import Bar

SHOWN = ("qed", "sa", "logp", "weight")


def _parser() -> CommandParser:
    parser = parser_for(COMMANDS, "sample", __doc__ or "")
    add_space_arguments(parser, COMMANDS)
    parser.add_argument("-n", "--n", type=positive_int, default=100, help="samples (default 100)")
    parser.add_argument("--prior", choices=PRIORS, default="flow")
    add_fidelity_argument(parser, "the bundle's")
    add_drawing_arguments(parser)
    parser.add_argument("--batch-size", type=positive_int, default=BATCH)
    parser.add_argument("--raw", action="store_true", help="no funnel: every string as it came")
    parser.add_argument("-o", "--output", default=None, metavar="FILE")
    parser.add_argument("--format", choices=tuple(FORMATS), default=None)
    funnel = parser.add_argument_group("funnel")
    funnel.add_argument("--min", nargs="+", action="extend", default=[], metavar="SCORE=X")
    funnel.add_argument("--max", nargs="+", action="extend", default=[], metavar="SCORE=X")
    funnel.add_argument("--alerts", default="pains,brenk", help="catalogues, all or none")
    funnel.add_argument("--novel", action="store_true", help="only molecules not trained on")
    funnel.add_argument("--reference", default=None, metavar="SMILES", help="for similarity")
    funnel.add_argument("--sort", default=None, metavar="[-]SCORE", help="default qed")
    funnel.add_argument("--top", type=positive_int, default=None, metavar="K")
    funnel.add_argument("--rejected", default=None, metavar="FILE", help="keep what was dropped")
    funnel.add_argument(
        "--stability",
        type=int,
        default=0,
        metavar="K",
        help="add the share of K noisy re-decodings that give the same molecule",
    )
    funnel.add_argument("--jobs", type=positive_int, default=available_cores())
    add_target_argument(parser)
    add_scale_arguments(parser)
    return parser


def _texts(space: LatentSpace, args: Any) -> Iterator[list[str]]:
    bar, done = Bar("sample", "molecule"), 0
    if args.fidelity == "auto":
        for start in range(0, args.n, args.batch_size):
            count = min(args.batch_size, args.n - start)
            codes = space.sample_latents(count, args.seed, args.prior, None, start)
            settings = (*plain_drawing(args), args.seed, start)
            yield space.decode(codes, "auto", *settings, beams=space.sample_beams)
            bar(start + count, args.n)
        return
    for part in space.sample_batches(
        args.n, args.seed, args.prior, args.fidelity, args.temperature, args.top_p, args.batch_size
    ):
        done += len(part.texts)
        bar(done, args.n)
        yield part.texts


def _raw(space: LatentSpace, args: Any) -> None:
    if args.output is None:
        for texts in _texts(space, args):
            sys.stdout.writelines(f"{text}\n" for text in texts)
        return
    with whole_file(Path(args.output)) as file:
        for texts in _texts(space, args):
            file.writelines(f"{text}\n" for text in texts)
    print(f"wrote {args.n:,} strings to {args.output}", file=sys.stderr)


def _print_best(rows: Sequence[dict[str, object]], heads: Sequence[str], most: int = 20) -> None:
    wide = [max(7, len(head)) for head in heads]
    print()
    print("  ".join(f"{h:>{w}}" for h, w in zip(heads, wide, strict=True)) + "  smiles")
    for row in rows[:most]:
        cells = [f"{number(row.get(head)):>{w}}" for head, w in zip(heads, wide, strict=True)]
        print("  ".join(cells) + f"  {row['smiles']}")
    if len(rows) > most:
        print(f"... and {len(rows) - most:,} more; -o FILE writes them all")


def _origin(space: LatentSpace, args: Any) -> dict[str, Any]:
    """Where the molecules are from, for their file."""
    auto = args.fidelity == "auto"
    drawing = plain_drawing(args) if auto else space.drawing(args.temperature, args.top_p)
    return {
        "bundle": space.bundle.hash,
        "seed": args.seed,
        "command": "sample",
        "n": args.n,
        "prior": args.prior,
        "fidelity": space.defaults["sample_fidelity"] if args.fidelity is None else args.fidelity,
        "temperature": drawing[0],
        "top_p": drawing[1],
        "beams": space.sample_beams if drawing[0] == 0 else 1,
        "target_property": args.target_property,
        "filters": {"alerts": args.alerts, "min": args.min, "max": args.max, "novel": args.novel},
    }


def _print_funnel(result: FunnelResult, args: Any) -> None:
    print(result.table())
    kind = (
        "validity with a retry at smoother settings" if args.fidelity == "auto" else "raw validity"
    )
    print(f"{kind} {result.validity:.4f}, uniqueness {result.uniqueness:.4f}")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command."""
    args = _parser().parse(with_values(argv, "--sort"))
    plain_drawing(args)
    options = FunnelOptions(
        alerts=args.alerts,
        minimum=parse_limits(args.min),
        maximum=parse_limits(args.max),
        novel_only=args.novel,
        sort="qed" if args.sort is None else args.sort,
        top=args.top,
    )
    if args.stability < 0:
        raise ValueError(f"--stability must be 0 or more, not {args.stability}")
    if args.raw and args.output:
        check_lines(args.output)
        check_parent(Path(args.output))
    if args.output and not args.raw:
        check_writable(args.output, args.format)
    if args.rejected:
        check_writable(args.rejected)
        if args.output and Path(args.output).resolve() == Path(args.rejected).resolve():
            raise ValueError(f"-o and --rejected name the same file: {args.output}")
    if args.reference is not None:
        COMMANDS.domain.from_text(args.reference)
        args.reference = without_maps("sample", "--reference", args.reference)
    wanted = check_targets(args)
    if is_long(args):
        if wanted:
            raise ValueError("--target-property is not for long runs: take -n 50000 or less")
        check_long(args)
    space = open_space(args, COMMANDS.domain)
    if args.reference is not None and not args.raw:
        (verdict,) = COMMANDS.domain.check([args.reference])
        reference = verdict.canonical or args.reference
        check_back("sample", COMMANDS, space, {"--reference": reference})
    origin = _origin(space, args)
    check_search(args, origin["temperature"])
    if is_long(args):
        counted = run_long(args, options, space, origin)
        if counted is not None:
            _print_funnel(counted, args)
        return 0
    space = steer(space, wanted, args)
    if args.raw:
        _raw(space, args)
        return 0
    funnel = Funnel(options, load_known(space.bundle.path), args.reference, args.jobs)
    texts = [text for batch in _texts(space, args) for text in batch]
    bars: dict[str, Bar] = {}
    funnel.add(texts, lambda stage, done, total: bars.setdefault(stage, Bar(stage))(done, total))
    result = funnel.result()
    rows = [survivor.to_dict() for survivor in result.survivors]
    if args.stability and rows:
        smiles = [str(row["smiles"]) for row in rows]
        shares = decode_stability(space, smiles, args.stability, args.seed)
        for row, share in zip(rows, shares, strict=True):
            row["stability"] = share
    _print_funnel(result, args)
    if args.output:
        write_molecules(args.output, rows, args.format, origin)
        print(Written.of(rows).line("molecule", args.output), file=sys.stderr)
    else:
        _print_best(rows, ranked_columns(SHOWN, options.sort))
    if args.rejected:
        write_molecules(args.rejected, [r.to_dict() for r in result.rejected], None, origin)
        print(f"wrote {len(result.rejected):,} rejected to {args.rejected}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(run_command("sample", main))
