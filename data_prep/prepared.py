"""Writing a prepared set of any domain: split, tokenizer, tokens, labels, manifest.

A domain's module collects `Items` and calls `write_prepared`; the folder appears whole or not at
all. (`data_prep.smiles` came first and has splits and reference statistics of its own.)
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from transformers import PreTrainedTokenizerFast

from data_prep.common import (
    BAD_USAGE,
    MANIFEST,
    PrepError,
    sha256_file,
    stdout_to_stderr,
    whole_folder,
)
from data_prep.earlier import Earlier, Flags, hold_out, identity_of
from data_prep.tokenise import MAX_VOCAB_SIZE, save_splits
from tvae_core.data.byte_pair import encode_many

FORMAT_VERSION = 1
TOKENIZER_SAMPLE = 300_000
HELD_OUT = 10_000
"""Most items of a held-out split."""
LIBRARIES = ("datasets", "numpy", "pyarrow", "tokenizers", "transformers")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was left out: its line in the input (0: not known), its text cut, and why."""

    line: int
    text: str
    reason: str


@dataclass(slots=True)
class Items:
    """What a domain has collected.

    Attributes:
        splits: tables with a column `text` and, where items are labelled, `label` (strings), and
            where some are to be drawn more often than others, `weight` (numbers).
        source: where the items come from.
        source_sha256: what identifies that source.
        licence: of the items.
        rejected: rows left out, listed in `rejected.csv`.
        duplicates: further copies left out.
        details: more for the manifest.
        beside: name of a file beside the splits to what writes it.
    """

    splits: dict[str, pa.Table]
    source: str
    source_sha256: str
    licence: str
    rejected: list[Rejected] = field(default_factory=list)
    duplicates: int = 0
    details: dict[str, Any] = field(default_factory=dict)
    beside: dict[str, Callable[[Path], None]] = field(default_factory=dict)


def split_rows(
    n: int, seed: int, held_out: float = 0.05, unknown: Flags | None = None
) -> dict[str, npt.NDArray[np.int64]]:
    """Row numbers of `train`, `validation` and `test`, each in order.

    Args:
        n: rows in all.
        seed: of the split.
        held_out: share of validation and of test, each at least 1 and at most `HELD_OUT` rows.
        unknown: `(n,)`, which rows may be held out, see `data_prep.earlier.hold_out`.

    Raises:
        PrepError: fewer than three rows, or two that may be held out.
    """
    if n < 3:
        raise PrepError(f"three splits need at least 3 distinct items; there are {n}", BAD_USAGE)
    order = np.random.default_rng(seed).permutation(n)
    size = min(HELD_OUT, max(1, round(held_out * n)))
    parts = hold_out(order, size, None if unknown is None else unknown[order])
    return {name: np.sort(rows) for name, rows in parts.items()}


def write_prepared(
    items: Items,
    out: Path,
    *,
    domain: str,
    build: Callable[[list[str]], PreTrainedTokenizerFast],
    seed: int,
    command: str,
    libraries: Sequence[str] = (),
    earlier: Earlier | None = None,
) -> dict[str, Any]:
    """Builds the tokenizer and writes the prepared set.

    Args:
        items: what it holds.
        out: folder, which must be new, empty or a prepared set.
        domain: name of the domain.
        build: makes the tokenizer from at most `TOKENIZER_SAMPLE` training texts.
        seed: of the sample.
        command: what made it, for the manifest.
        libraries: distributions whose versions the manifest tells, besides those of every set.
        earlier: bundle whose tokenizer is taken instead of a new one.

    Returns:
        The manifest.

    Raises:
        PrepError: the vocabulary is larger than token ids of 16 bits can count.
    """
    with whole_folder(out) as folder:
        if earlier is None:
            tokenizer = _new_tokenizer(items.splits["train"].column("text"), build, seed)
            tokenizer.save_pretrained(folder)
        else:
            tokenizer = earlier.tokenizer
            earlier.save_tokenizer(folder)
        if len(tokenizer) > MAX_VOCAB_SIZE:
            raise PrepError(f"a vocabulary has at most {MAX_VOCAB_SIZE} entries", BAD_USAGE)
        tokenizer_sha256 = sha256_file(folder / "tokenizer.json")
        counts = {name: len(table) for name, table in items.splits.items()}
        identity = json.dumps(
            [items.source_sha256, tokenizer_sha256, seed, counts, *identity_of(earlier)]
        )
        summaries = save_splits(
            folder,
            {name: table.column("text") for name, table in items.splits.items()},
            partial(encode_many, tokenizer),
            hashlib.sha256(identity.encode()).hexdigest(),
            columns(items.splits, "label"),
            columns(items.splits, "weight"),
        )
        manifest = {
            "domain": domain,
            "format_version": FORMAT_VERSION,
            "reader": f"data_prep.{domain} 1",
            "source": items.source,
            "source_sha256": items.source_sha256,
            "licence": items.licence,
            "tokenizer_sha256": tokenizer_sha256,
            "vocab_size": len(tokenizer),
            "counts": counts,
            "labels": _labels(items),
            "rejected": len(items.rejected),
            "rejected_reasons": dict(Counter(r.reason for r in items.rejected).most_common(20)),
            "duplicates": items.duplicates,
            "mean_length": {name: round(s.mean_length, 4) for name, s in summaries.items()},
            "longest": max(summary.longest for summary in summaries.values()),
            "seed": seed,
            "command": command,
            "versions": {name: version(name) for name in (*LIBRARIES, *libraries)},
        } | items.details
        if items.rejected:
            write_rejected(folder / "rejected.csv", items.rejected)
        for name, write in items.beside.items():
            write(folder / name)
        text = json.dumps(manifest, indent=2, ensure_ascii=False)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return manifest


def columns(splits: dict[str, pa.Table], name: str) -> dict[str, pa.ChunkedArray]:
    """A column of those splits that have it."""
    return {key: t.column(name) for key, t in splits.items() if name in t.column_names}


def _new_tokenizer(
    texts: pa.ChunkedArray, build: Callable[[list[str]], PreTrainedTokenizerFast], seed: int
) -> PreTrainedTokenizerFast:
    rows = np.arange(len(texts))
    if len(rows) > TOKENIZER_SAMPLE:
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.choice(rows, size=TOKENIZER_SAMPLE, replace=False))
    print(f"building the tokenizer from {len(rows):,} items", file=sys.stderr)
    with stdout_to_stderr():
        return build(texts.take(pa.array(rows)).to_pylist())


def summary(out: Path, manifest: dict[str, Any], unit: str) -> str:
    """The line that a preparation command ends with."""
    counts = ", ".join(f"{name} {count:,}" for name, count in manifest["counts"].items())
    return (
        f"{out}: {counts}; {manifest['vocab_size']} tokens in the vocabulary, "
        f"{manifest['mean_length']['train']:.2f} a {unit}, at most {manifest['longest']}; "
        f"{manifest['rejected']:,} rejected, {manifest['duplicates']:,} duplicates"
    )


def write_rejected(path: Path, rejected: Sequence[Rejected]) -> None:
    """The rejected rows as a table of line, text and reason."""
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "text", "reason"])
        writer.writerows([row.line, row.text, row.reason] for row in rejected)


def _labels(items: Items) -> dict[str, int]:
    found: Counter[str] = Counter()
    for table in items.splits.values():
        if "label" in table.column_names:
            found.update(label for label in table.column("label").to_pylist() if label)
    return dict(found.most_common())
