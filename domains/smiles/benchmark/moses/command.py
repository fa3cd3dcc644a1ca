"""`python -m domains.smiles.evaluate --moses`: the MOSES benchmark as a table and as JSON.

    python -m domains.smiles.evaluate --moses --json moses.json
    python -m domains.smiles.evaluate --moses runs/mine/bundle --temperature 0.7
    python -m domains.smiles.evaluate --moses --samples-from generated.smi.gz

30,000 raw samples of a bundle, or those of a file, against the published statistics of the test
and scaffold test sets, which lie in the prepared set (`python -m data_prep.smiles` writes them).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from domains.smiles.benchmark.moses.chemnet import weights_file
from domains.smiles.benchmark.moses.protocol import PROTOCOL_SAMPLES, score_samples
from domains.smiles.benchmark.moses.published import FLOOR, fcd_floor, table
from domains.smiles.benchmark.moses.reference import FOLDER, Reference
from domains.smiles.benchmark.moses.samples import read_samples
from domains.smiles.commands import COMMANDS
from tvae_core.cli.options import (
    add_drawing_arguments,
    add_fidelity_argument,
    add_space_arguments,
    check_drawing,
    open_space,
    parser_for,
    sampling_of,
    use_machine,
)
from tvae_core.cli.parser import CommandParser, positive_int
from tvae_core.decoding.generate import BATCH
from tvae_core.model.prior import PRIORS
from tvae_core.support.errors import BAD_USAGE, CommandError
from tvae_core.support.files import check_file, json_text, sha256_file, write_whole
from tvae_core.support.machine import available_cores
from tvae_core.support.progress import Bar


def _parser() -> CommandParser:
    parser = parser_for(COMMANDS, "evaluate", __doc__ or "")
    add_space_arguments(parser, COMMANDS)
    add = parser.add_argument
    add("--moses", action="store_true", help="this benchmark instead of the toolkit's own")
    add(
        "--samples-from",
        type=Path,
        metavar="FILE",
        help="score the samples in this file, one SMILES a line (also .gz), instead of a bundle's",
    )
    add(
        "--samples",
        type=positive_int,
        default=None,
        help=f"to draw or to take from the file (default {PROTOCOL_SAMPLES:,}, or the file's)",
    )
    add("--prior", choices=PRIORS, default="flow")
    add_fidelity_argument(parser, "the bundle's")
    add_drawing_arguments(parser)
    add("--batch-size", type=positive_int, default=BATCH, help="samples decoded at a time")
    add(
        "--data",
        type=Path,
        default=Path("data/smiles"),
        help="prepared set that holds the reference statistics (%(default)s)",
    )
    add("--jobs", type=positive_int, default=available_cores(), help="processes (%(default)s)")
    add("--json", type=Path, default=None, metavar="FILE", help="also write one flat object")
    return parser


def _check(args: argparse.Namespace) -> None:
    """Refuses what cannot work before any of it is begun."""
    if not args.moses:
        raise CommandError("--samples-from goes with --moses", BAD_USAGE)
    if args.fidelity == "auto":
        raise CommandError(
            "--moses scores raw samples: --fidelity takes a number here, not auto", BAD_USAGE
        )
    check_drawing(args)
    if args.samples_from:
        drawing = ("fidelity", "temperature", "top_p", "beams", "prior")
        for name in drawing:
            if getattr(args, name) != ("flow" if name == "prior" else None):
                flag = "--" + name.replace("_", "-")
                raise CommandError(f"{flag} has no meaning with --samples-from", BAD_USAGE)
    if args.json:
        check_file(args.json)


def _from_file(args: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    texts = read_samples(args.samples_from)
    if args.samples and args.samples > len(texts):
        raise CommandError(
            f"{args.samples_from} holds {len(texts):,} samples, not {args.samples:,}", BAD_USAGE
        )
    origin = {"bundle": None, "file": args.samples_from.name}
    return texts[: args.samples], origin | {"file_sha256": sha256_file(args.samples_from)}


def _from_bundle(args: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    space = open_space(args, COMMANDS.domain)
    how, n = sampling_of(space, args), args.samples or PROTOCOL_SAMPLES
    texts: list[str] = []
    bar = Bar("sample", "molecule")
    for part in space.sample_batches(n, how, args.prior):
        texts += part.texts
        bar(len(texts), n)
    return texts, {"bundle": space.bundle.hash, **how.told(), "prior": args.prior}


def _warn_of_fewer(n: int) -> None:
    if n >= PROTOCOL_SAMPLES:
        return
    floors = ", ".join(f"{count:,}: {floor:g}" for count, floor in FLOOR)
    print(
        f"warning: FCD of {n:,} samples is not comparable with that of {PROTOCOL_SAMPLES:,}: it "
        f"grows as samples get fewer; {n:,} molecules of the training set itself have about "
        f"{fcd_floor(n):.3f} to the test set (measured, samples: FCD: {floors})",
        file=sys.stderr,
    )


def moses_command(argv: Sequence[str] | None = None) -> int:
    """`python -m domains.smiles.evaluate --moses [CKPT]`; returns the exit code."""
    args = _parser().parse(argv)
    _check(args)
    weights_file()
    reference = Reference.load(args.data / FOLDER)
    texts, origin = (_from_file if args.samples_from else _from_bundle)(args)
    _warn_of_fewer(len(texts))
    found = score_samples(
        texts, reference, args.jobs, use_machine(args), lambda name: Bar(name, "molecule")
    )
    print(table(found))
    print(
        "\npublished: Polykovskiy et al., Front. Pharmacol. 11, 565644 (2020), 30,000 samples each"
        f"\nthis run: {len(texts):,} raw samples, "
        + ", ".join(f"{key} {value}" for key, value in origin.items() if value is not None)
        + f", seed {args.seed}"
    )
    if args.json:
        record = found | {"n": len(texts), "seed": args.seed} | origin
        write_whole(args.json, json_text(record))
        print(f"wrote {args.json}", file=sys.stderr)
    return 0
