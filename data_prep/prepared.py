"""Writing a prepared set of any domain: split, tokenizer, tokens, labels, manifest.

A domain's module collects `Items` and calls `write_prepared`; the folder appears whole or not at
all.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

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

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

FORMAT_VERSION = 1
TOKENIZER_SAMPLE = 300_000
HELD_OUT = 10_000
"""Most items of a held-out split."""
SHOWN_REJECTED = 10
"""Rejected rows that are told on stderr."""
LIBRARIES = ("datasets", "numpy", "pyarrow", "tokenizers", "transformers")


class Rejected(NamedTuple):
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
        beside: name of a file or folder beside the splits to what writes it.
        unit: what an item is called.
        learned_from: texts that the tokenizer is learned from; by default those of `train`.
        identity: what tells two sets of one source, tokenizer and seed apart; by default the
            counts, and the bundle.
        keys: of the manifest, in their order; by default all there are.
    """

    splits: dict[str, pa.Table]
    source: str
    source_sha256: str
    licence: str
    rejected: list[Rejected] = field(default_factory=list)
    duplicates: int = 0
    details: dict[str, Any] = field(default_factory=dict)
    beside: dict[str, Callable[[Path], None]] = field(default_factory=dict)
    unit: str = "item"
    learned_from: pa.ChunkedArray | None = None
    identity: list[object] | None = None
    keys: Sequence[str] = ()


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
        tokenizer = _save_tokenizer(folder, items, build, seed, earlier)
        tokenizer_sha256 = sha256_file(folder / "tokenizer.json")
        counts = {name: len(table) for name, table in items.splits.items()}
        apart = [counts, *identity_of(earlier)] if items.identity is None else items.identity
        identity = json.dumps([items.source_sha256, tokenizer_sha256, seed, *apart])
        summaries = save_splits(
            folder,
            items.splits,
            partial(encode_many, tokenizer),
            hashlib.sha256(identity.encode()).hexdigest(),
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
        manifest = {key: manifest[key] for key in items.keys or manifest}
        if items.rejected:
            write_csv(folder / "rejected.csv", ("line", "text", "reason"), items.rejected)
        for name, write in items.beside.items():
            write(folder / name)
        text = json.dumps(manifest, indent=2, ensure_ascii=False)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return manifest


def _save_tokenizer(
    folder: Path,
    items: Items,
    build: Callable[[list[str]], PreTrainedTokenizerFast],
    seed: int,
    earlier: Earlier | None,
) -> PreTrainedTokenizerFast:
    """Writes the bundle's tokenizer, or one learned from a sample of at most `TOKENIZER_SAMPLE`."""
    if earlier is not None:
        tokenizer = earlier.tokenizer
        earlier.save_tokenizer(folder)
    else:
        texts = items.learned_from
        texts = items.splits["train"].column("text") if texts is None else texts
        sample = sample_rows(texts, TOKENIZER_SAMPLE, seed).to_pylist()
        print(f"building the tokenizer from {len(sample):,} {items.unit}s", file=sys.stderr)
        with stdout_to_stderr():
            tokenizer = build(sample)
        tokenizer.save_pretrained(folder)
    if len(tokenizer) > MAX_VOCAB_SIZE:
        raise PrepError(f"a vocabulary has at most {MAX_VOCAB_SIZE} entries", BAD_USAGE)
    return tokenizer


def sample_rows(rows: Any, n: int, seed: int) -> Any:
    """`n` rows of a table or column, drawn without replacement, in their order; all if no more."""
    if n >= len(rows):
        return rows
    chosen = np.random.default_rng(seed).choice(len(rows), size=n, replace=False)
    return rows.take(pa.array(np.sort(chosen)))


def summary(out: Path, manifest: dict[str, Any], unit: str, rows: str | None = None) -> str:
    """The line that a preparation command ends with; `rows` is what became of those of the file."""
    counts = ", ".join(f"{name} {count:,}" for name, count in manifest["counts"].items())
    if rows is None:
        rows = f"{manifest['rejected']:,} rejected, {manifest['duplicates']:,} duplicates"
    return (
        f"{out}: {counts}; {manifest['vocab_size']} tokens in the vocabulary, "
        f"{manifest['mean_length']['train']:.2f} a {unit}, at most {manifest['longest']}"
        + (f"; {rows}" if rows else "")
    )


def tell_rejected(source: str | Path, rejected: Sequence[Rejected]) -> None:
    """Tells the first rejected rows on stderr."""
    for row in rejected[:SHOWN_REJECTED]:
        shown = row.text[:80].encode("utf-8", "backslashreplace").decode()
        print(f"{source}:{row.line}: rejected {shown!r}: {row.reason}", file=sys.stderr)


def write_csv(path: Path, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows as a table; what is no text, as bytes of another encoding, is written as escapes."""
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(heads)
        writer.writerows(rows)


def _labels(items: Items) -> dict[str, int]:
    found: Counter[str] = Counter()
    for table in items.splits.values():
        if "label" in table.column_names:
            found.update(label for label in table.column("label").to_pylist() if label)
    return dict(found.most_common())
