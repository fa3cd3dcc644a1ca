"""Prepare headlines for training: a public set by name, or a file of your own.

    python -m data_prep.headlines --input news.csv --column headline --label-column category
    python -m data_prep.headlines --input news.tsv.gz --limit 20000 --out data/small
    python -m data_prep.headlines --dataset news_category
    python -m data_prep.headlines --input mine.csv --bundle domains/headlines/bundle --out data/mine

A .csv, .tsv, .jsonl or .parquet file (also .gz) needs no network; `ag_news` and `news_category` are
fetched with ``datasets``. Texts are made canonical (Unicode NFC, single spaces); what the domain's
checks refuse, what is not UTF-8 and what has too many tokens is listed with line and reason in
rejected.csv. Copies, in whatever case, are dropped before the split 90/5/5, so that none is in two
splits. Byte-pair merges go over whole headlines: `of the` may be one token. With `--bundle`, for
training a bundle on, its tokenizer is taken, and none is held out that it was trained on.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
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
    stdout_to_stderr,
)
from data_prep.earlier import (
    Earlier,
    add_tokenizer_arguments,
    open_earlier,
    told,
    vocab_size_of,
)
from data_prep.headlines.rows import (
    NO_LABELS,
    SHOWN_TEXT,
    Collected,
    Columns,
    check_collected,
    choose_columns,
    collect,
    report,
)
from data_prep.headlines.sets import HUB_SETS, HubTable
from data_prep.prepared import Items, Rejected, split_rows, summary, write_prepared
from data_prep.tokenise import use_threads
from domains.headlines.text import MAX_CHARACTERS
from tvae_core.data.byte_pair import BASE_SIZE, build_byte_pair, encode_many
from tvae_core.support.reading.rows import Table
from tvae_core.support.reading.tables import READER, open_table

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TOKENIZER_SAMPLE = 60_000
"""Most headlines that the tokenizer is learned from; with 137,000 it is no better (12.13 tokens a
headline against 12.17, at 8,192 entries) and takes several times as long."""
VOCAB_SIZE = 8192
MAX_LICENCES = 20


def learn_tokenizer(texts: Sequence[str], vocab_size: int, seed: int) -> PreTrainedTokenizerFast:
    """Byte-pair merges over whole headlines, from a seeded sample of at most `TOKENIZER_SAMPLE`."""
    sample = texts
    if len(texts) > TOKENIZER_SAMPLE:
        rows = np.random.default_rng(seed).choice(len(texts), TOKENIZER_SAMPLE, replace=False)
        sample = [texts[row] for row in np.sort(rows)]
    print(f"learning byte-pair merges from {len(sample):,} headlines", file=sys.stderr)
    with stdout_to_stderr():
        return build_byte_pair(sample, vocab_size, progress=sys.stderr.isatty())


def split(
    found: Collected, arguments: argparse.Namespace, earlier: Earlier | None = None
) -> tuple[dict[str, list[int]], PreTrainedTokenizerFast, dict[str, Any]]:
    """The rows of each split, their tokenizer, and what the manifest tells of an earlier bundle.

    Rows with too many tokens become rejected ones.

    Raises:
        PrepError: fewer headlines than splits.
    """
    order = np.random.default_rng(arguments.seed).permutation(len(found.texts))
    chosen = np.sort(order[: arguments.limit])
    unknown = earlier and earlier.unknown([found.texts[row] for row in chosen])
    rows_of = split_rows(len(chosen), arguments.seed, unknown=unknown)
    parts = {name: chosen[rows] for name, rows in rows_of.items()}
    if earlier is None:
        size = vocab_size_of(arguments, BASE_SIZE, VOCAB_SIZE)
        train = [found.texts[row] for row in parts["train"]]
        tokenizer = learn_tokenizer(train, size, arguments.seed)
    else:
        tokenizer = earlier.tokenizer
    kept: dict[str, list[int]] = {name: [] for name in parts}
    reason = f"more than {arguments.max_tokens} tokens"
    for name, rows in parts.items():
        texts = [found.texts[row] for row in rows]
        for row, text, ids in zip(rows, texts, encode_many(tokenizer, texts), strict=True):
            if len(ids) <= arguments.max_tokens:
                kept[name].append(int(row))
            else:
                found.rejected.append(Rejected(found.lines[row], text[:SHOWN_TEXT], reason))
        if not kept[name]:
            raise PrepError(f"every headline of the {name} split has {reason}", BAD_USAGE)
    found.rejected.sort(key=lambda rejected: rejected.line)
    return kept, tokenizer, told(earlier, unknown)


def as_table(found: Collected, rows: Sequence[int], labelled: bool) -> pa.Table:
    """The columns `text` and, where there are labels, `label`."""
    columns = {"text": pa.array([found.texts[row] for row in rows], pa.string())}
    if labelled:
        columns["label"] = pa.array([found.labels[row] for row in rows], pa.string())
    return pa.table(columns)


def licences(found: Collected, kept: Mapping[str, Sequence[int]]) -> str:
    """The licences that a table's own column names, with how many headlines each has."""
    counts = Counter(found.licences[row] for rows in kept.values() for row in rows)
    named = [f"{name} ({n:,})" for name, n in counts.most_common() if name]
    return ", ".join(named) if len(named) <= MAX_LICENCES else ""


def make_parser() -> CommandParser:
    """The flags of the command."""
    parser = CommandParser(prog="python -m data_prep.headlines", description=__doc__)
    add = parser.add_argument
    add("--input", type=Path, help="a .csv, .tsv, .jsonl or .parquet file of your own, also .gz")
    add("--dataset", choices=sorted(HUB_SETS), help="a public set, from the Hugging Face hub")
    add("--column", help="column with the headlines (default: headline, or the public set's)")
    add(
        "--label-column",
        help=f"column with the labels; {NO_LABELS} for no labels (default: label, if there is one)",
    )
    add("--keep-labels", nargs="+", default=[], metavar="LABEL", help="only these labels")
    add(
        "--other-labels",
        choices=("drop", "blank"),
        default="drop",
        help="with --keep-labels: leave other headlines out, or keep them without label",
    )
    add("--case", choices=("natural", "lower"), default="natural", help="default %(default)s")
    add("--licence", help="of the headlines, for the manifest (default: a licence column's)")
    add("--out", type=Path, default=Path("data/headlines"), help="folder to write (%(default)s)")
    add("--limit", type=positive_int, help="use a sample of this many headlines")
    add_tokenizer_arguments(parser, VOCAB_SIZE)
    add("--max-tokens", type=positive_int, default=48, help="of a headline (%(default)s)")
    add(
        "--max-characters",
        type=positive_int,
        default=MAX_CHARACTERS,
        help="of a headline (%(default)s, which is also the most)",
    )
    add("--seed", type=int, default=0, help="of the sample and the split (%(default)s)")
    add("--jobs", type=positive_int, default=available_cores(), help="processors (%(default)s)")
    return parser


def check_arguments(arguments: argparse.Namespace) -> None:
    """Refuses settings that cannot work.

    Raises:
        PrepError: naming the flag.
    """
    if (arguments.input is None) == (arguments.dataset is None):
        raise PrepError("give either --input FILE or --dataset NAME", BAD_USAGE)
    vocab_size_of(arguments, BASE_SIZE, VOCAB_SIZE)
    if arguments.max_characters > MAX_CHARACTERS:
        raise PrepError(f"--max-characters must be at most {MAX_CHARACTERS}", BAD_USAGE)
    check_not_negative(arguments, "seed")


def open_source(arguments: argparse.Namespace) -> tuple[Table, str, str, Columns]:
    """The table that the flags name, its source and licence, and the columns to read."""
    column, label_column = arguments.column, arguments.label_column
    if arguments.dataset:
        hub_set = HUB_SETS[arguments.dataset]
        table: Table = HubTable(hub_set)
        source, licence = f"{hub_set.description}; {hub_set.name}", hub_set.licence
        column, label_column = column or hub_set.column, label_column or hub_set.label_column
    else:
        table, source, licence = open_table(arguments.input), arguments.input.name, ""
    return table, source, licence, choose_columns(table, column or "headline", label_column)


def prepare(arguments: argparse.Namespace, command: str) -> None:
    """Run the command with parsed arguments."""
    check_arguments(arguments)
    check_output(arguments.out)
    use_threads(arguments.jobs)
    earlier = open_earlier(arguments.bundle, "headlines")
    table, source, licence, columns = open_source(arguments)
    if arguments.keep_labels and columns.label is None:
        raise PrepError(f"--keep-labels needs labels; {source} has no label column", BAD_USAGE)
    found = collect(table, columns, arguments)
    check_collected(found, source, arguments.keep_labels)
    kept, tokenizer, of_bundle = split(found, arguments, earlier)
    for note in table.notes:
        print(f"{source}: {note}", file=sys.stderr)
    report(source, found.rejected)
    items = Items(
        {name: as_table(found, rows, columns.label is not None) for name, rows in kept.items()},
        source,
        table.sha256 if isinstance(table, HubTable) else sha256_file(arguments.input),
        arguments.licence or licence or licences(found, kept) or "as the input file",
        found.rejected,
        found.duplicates,
        {
            "reader": READER,
            "read_as": table.notes,
            "columns": [table.names[place] for place in columns.places],
            "case": arguments.case,
            "other_labels": found.other_labels,
            "max_characters": arguments.max_characters,
            "max_tokens": arguments.max_tokens,
        }
        | of_bundle,
    )
    manifest = write_prepared(
        items,
        arguments.out,
        domain="headlines",
        build=lambda _: tokenizer,
        seed=arguments.seed,
        command=command,
        earlier=earlier,
    )
    print(summary(arguments.out, manifest, "headline"))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    return run_preparation("headlines", arguments, make_parser, prepare)
