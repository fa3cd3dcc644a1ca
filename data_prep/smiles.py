"""Prepare SMILES for training: MOSES as published, or molecules of your own.

    python -m data_prep.smiles                                    all of MOSES into data/smiles
    python -m data_prep.smiles --limit 20000 --out data/small     a seeded sample of every split
    python -m data_prep.smiles --input mine.csv --column smiles --out data/mine
    python -m data_prep.smiles --input mine.csv --bundle domains/smiles/bundle --out data/mine
    python -m data_prep.smiles --corpus druglike --input chembl_36_chemreps.txt.gz --out data/drugs

MOSES comes in the wheel molsets 0.3.1 from PyPI (51 MB, downloaded once, checked by SHA-256); its
three splits are kept, and the reference statistics of its benchmark are written beside them (not
with --limit; `python -m data_prep.moses_reference` adds them to a set that has none). A file of
your own (.smi, .txt, .csv, .tsv, .jsonl, .parquet, .sdf or .mol, also .gz) is parsed and made
canonical with RDKit, duplicates are dropped, and it is split 90/5/5 into train, validation and
test. Rows that cannot be read are listed in rejected.csv; what a SMILES cannot hold (extensions,
atom maps, stereo groups) is taken off, and such rows are listed in changed.csv. With --bundle, for
training a bundle on, its tokenizer is taken, and of a file of your own nothing is held out that it
was trained on. Runs offline with --wheel or --input.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from data_prep.common import (
    BAD_USAGE,
    CommandParser,
    PrepError,
    available_cores,
    check_not_negative,
    check_output,
    positive_int,
    run_preparation,
    sha256_file,
)
from data_prep.earlier import (
    Earlier,
    add_tokenizer_arguments,
    hold_out,
    identity_of,
    open_earlier,
    told,
    vocab_size_of,
)
from data_prep.fetch import MOSES, WheelSource, read_wheel, wheel_of
from data_prep.moses_reference.command import has_statistics, read_reference, save_reference
from data_prep.prepared import (
    LIBRARIES,
    Items,
    sample_rows,
    summary,
    write_csv,
    write_prepared,
)
from data_prep.tokenise import use_threads
from domains.smiles.benchmark.moses.reference import FOLDER
from domains.smiles.chem.tokenizer import MIN_VOCAB_SIZE, build_tokenizer
from domains.smiles.reading import FRAGMENTS

if TYPE_CHECKING:
    from data_prep.own_molecules import OwnMolecules
    from tvae_core.domain import Known

VOCAB_SIZE = 1024
VALIDATION = 10_000
"""Most molecules that go from a train split into the validation split that it lacks."""
KEYS = (
    *("domain", "format_version", "reader", "source", "source_sha256", "licence"),
    *("tokenizer_sha256", "vocab_size", "counts", "published_train", "rejected", "duplicates"),
    *("mean_length", "longest", "seed", "command", "versions"),
)
"""What the manifest of MOSES, or of a file, tells first; the details follow."""


def with_validation(splits: dict[str, pa.ChunkedArray], seed: int) -> dict[str, pa.ChunkedArray]:
    """The splits with ``validation``, drawn from ``train`` where there is none.

    A twentieth of the training molecules, 10,000 at most, in their order; none of fewer than 20.
    """
    train = splits["train"]
    n = min(VALIDATION, len(train) // 20)
    if "validation" in splits or not n:
        return splits
    chosen = np.zeros(len(train), dtype=bool)
    chosen[np.random.default_rng((seed, 1)).choice(len(train), size=n, replace=False)] = True
    parts = {
        name: train.filter(pa.array(rows))
        for name, rows in (("train", ~chosen), ("validation", chosen))
    }
    return parts | {name: texts for name, texts in splits.items() if name != "train"}


def load_moses(source: WheelSource, wheel: Path | None, limit: int | None, seed: int) -> Items:
    """The published splits, or a sample: ``limit`` from train, a tenth as many from the others."""
    path = wheel_of(source, wheel)
    splits = read_wheel(source, path)
    beside = {}
    if limit is None and has_statistics(path):
        reference = read_reference(path, splits["train"])
        beside[FOLDER] = partial(save_reference, reference, source)
    if limit is not None:
        small = max(1, limit // 10)
        splits = {
            name: sample_rows(texts, limit if name == "train" else small, seed)
            for name, texts in splits.items()
        }
    return as_items(
        splits, seed, source.full_description, source.sha256, source.licence, beside=beside
    )


def load_file(
    path: Path,
    column: str | None,
    limit: int | None,
    seed: int,
    jobs: int,
    earlier: Earlier | None = None,
) -> tuple[Items, OwnMolecules]:
    """The distinct molecules of a user's file in three seeded splits, and what became of its rows.

    Raises:
        PrepError: fewer than three distinct molecules, or two that `earlier` was not trained on.
    """
    from data_prep.own_molecules import Changed, read_own, why_so_few

    own = read_own(path, column, jobs)
    texts = own.texts
    if len(texts) < 3:
        raise PrepError(
            f"{path} holds {len(texts)} distinct readable molecules; three splits need at least 3"
            + why_so_few(own),
            BAD_USAGE,
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(texts))[:limit]
    if len(order) < 3:
        raise PrepError("three splits need a --limit of at least 3", BAD_USAGE)
    unknown = earlier and earlier.unknown([texts[row] for row in order])
    parts = hold_out(order, max(1, round(0.05 * len(order))), unknown)
    splits = {
        name: pa.chunked_array([pa.array([texts[row] for row in np.sort(rows)], pa.string())])
        for name, rows in parts.items()
    }
    changed = partial(write_csv, heads=Changed._fields, rows=own.changed)
    items = as_items(
        splits,
        seed,
        path.name,
        sha256_file(path),
        "as the input file",
        rejected=own.rejected,
        duplicates=own.account.duplicates,
        details=own.details() | told(earlier, unknown),
        beside={"changed.csv": changed} if own.changed else {},
    )
    return items, own


def as_items(splits: dict[str, pa.ChunkedArray], seed: int, *origin: str, **more: Any) -> Items:
    """Splits of published sets, or of a file: the tokenizer is learned from all of `train`.

    Args:
        splits: their texts; `validation` is drawn where there is none.
        seed: of the draw.
        origin: source, its sha256 and its licence.
        more: other fields of `Items`.
    """
    parts = with_validation(splits, seed)
    tables = {name: pa.table({"text": texts}) for name, texts in parts.items()}
    items = Items(tables, *origin, unit="molecule", learned_from=splits["train"], **more)
    items.details = {
        "published_train": sorted(parts.keys() - splits.keys() | {"train"}),
        "versions": {name: version(name) for name in sorted((*LIBRARIES, "rdkit"))},
    } | items.details
    return items


def known_to(bundle: Path, jobs: int) -> Known | None:
    """Which molecules a bundle was trained on, whatever their stereochemistry."""
    from domains.smiles.chem.novelty import load_known, plain_forms

    found = load_known(bundle)
    if found is None:
        return None
    return lambda texts: found.contains([form or "" for form in plain_forms(texts, jobs)]).tolist()


def make_parser() -> CommandParser:
    """The flags of the command."""
    parser = CommandParser(prog="python -m data_prep.smiles", description=__doc__)
    add = parser.add_argument
    add("--out", type=Path, default=Path("data/smiles"), help="folder to write (%(default)s)")
    add(
        "--limit",
        type=positive_int,
        help="use a sample of this many molecules (of each MOSES test split a tenth)",
    )
    add_tokenizer_arguments(parser, VOCAB_SIZE)
    add("--seed", type=int, default=0, help="of the sample and the split (%(default)s)")
    add(
        "--wheel",
        type=Path,
        action="append",
        help="the molsets wheel, if it is here already; of druglike any wheel, once for each",
    )
    add(
        "--input",
        type=Path,
        action="append",
        help="a file of your own, of any kind named above; of druglike once for each file",
    )
    add("--column", help="column that holds the SMILES (default: smiles, or a name like it)")
    add(
        "--corpus",
        choices=("moses", "druglike"),
        help="moses, unless there is an --input, or drug-like molecules of several sources",
    )
    add("--fetch", help="of druglike: wheels to use, with commas between, or none (all)")
    add("--fragments", choices=FRAGMENTS, help="of druglike: what stays of a salt (largest)")
    add(
        "--held-out",
        type=Path,
        action="append",
        help="of druglike: a file whose molecules make a split of its name; once for each file",
    )
    add("--jobs", type=positive_int, default=available_cores(), help="processors (%(default)s)")
    return parser


def prepare(source: WheelSource, arguments: argparse.Namespace, command: str) -> None:
    """Run the command with parsed arguments."""
    vocab_size = vocab_size_of(arguments, MIN_VOCAB_SIZE, VOCAB_SIZE)
    check_not_negative(arguments, "seed")
    if arguments.corpus == "druglike":
        prepare_druglike(arguments, vocab_size, command)
        return
    _only_of_druglike(arguments)
    check_output(arguments.out)
    use_threads(arguments.jobs)
    limit, seed, jobs = arguments.limit, arguments.seed, arguments.jobs
    earlier = open_earlier(arguments.bundle, "smiles", lambda bundle: known_to(bundle, jobs))
    rows = ""
    if arguments.input:
        items, own = load_file(arguments.input[0], arguments.column, limit, seed, jobs, earlier)
        rows = own.account.summary()
    else:
        wheel = arguments.wheel[-1] if arguments.wheel else None
        items = load_moses(source, wheel, limit, seed)
        items.details |= told(earlier)
    items.identity = [*identity_of(earlier), *map(len, items.splits.values())]
    items.keys = [*KEYS, *(key for key in items.details if key not in KEYS)]
    manifest = write_prepared(
        items,
        arguments.out,
        domain="smiles",
        build=lambda texts: build_tokenizer(texts, vocab_size, progress=sys.stderr.isatty()),
        seed=seed,
        command=command,
        earlier=earlier,
    )
    print(summary(arguments.out, manifest, "molecule", rows))


def _only_of_druglike(arguments: argparse.Namespace) -> None:
    """Refuses what only --corpus druglike takes."""
    for flag in ("fetch", "fragments", "held_out"):
        if getattr(arguments, flag) is not None:
            raise PrepError(f"--{flag.replace('_', '-')} needs --corpus druglike", BAD_USAGE)
    if len(arguments.input or ()) > 1:
        raise PrepError("several --input need --corpus druglike", BAD_USAGE)
    if arguments.input and arguments.corpus:
        raise PrepError("--corpus moses and --input exclude each other", BAD_USAGE)
    if arguments.input and arguments.wheel:
        raise PrepError("--input and --wheel exclude each other", BAD_USAGE)


def prepare_druglike(arguments: argparse.Namespace, vocab_size: int, command: str) -> None:
    """Collects the drug-like corpus and writes it."""
    from data_prep.druglike.command import Plan, collect, write

    check_output(arguments.out)
    use_threads(arguments.jobs)
    plan = Plan(
        files=arguments.input or [],
        held_out=arguments.held_out or [],
        fetch=arguments.fetch,
        wheels=arguments.wheel or [],
        column=arguments.column,
        fragments=arguments.fragments or FRAGMENTS[0],
        limit=arguments.limit,
        seed=arguments.seed,
        jobs=arguments.jobs,
    )
    earlier = open_earlier(arguments.bundle, "smiles", lambda bundle: known_to(bundle, plan.jobs))
    corpus, sources = collect(plan)
    manifest = write(corpus, sources, plan, arguments.out, vocab_size, command, earlier)
    print(summary(arguments.out, manifest, "molecule"))


def main(arguments: Sequence[str] | None = None, source: WheelSource = MOSES) -> int:
    """The command; returns the exit code."""
    work = partial(prepare, source)
    return run_preparation("smiles", arguments, make_parser, work)


if __name__ == "__main__":
    sys.exit(main())
