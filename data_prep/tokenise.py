"""Texts to token ids, as the ``datasets`` folder that training memory-maps."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
from tqdm import tqdm

CHUNK = 20_000
MAX_VOCAB_SIZE = 2**15
Encode = Callable[[Sequence[str]], Sequence[Sequence[int]]]
MORE = ("label", "weight")
"""Columns that a split may have beside."""


@dataclass(frozen=True, slots=True)
class SplitSummary:
    """How many items a split holds, and how many tokens they have."""

    count: int
    mean_length: float
    longest: int


def use_threads(jobs: int) -> None:
    """Let the tokenizer use this many threads; only works before its first batch."""
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if jobs > 1 else "false"
    os.environ["RAYON_NUM_THREADS"] = str(jobs)


@cache
def _schema(*more: str) -> pa.Schema:
    """The columns of a split, those of `MORE` that it has among them, as ``datasets`` has them."""
    from datasets import Features, List, Value

    columns = {"text": Value("string"), "input_ids": List(Value("int16")), "length": Value("int32")}
    others = {"label": Value("string"), "weight": Value("float32")}
    return Features(columns | {name: others[name] for name in more}).arrow_schema


def tokenise(name: str, items: pa.Table, encode: Encode) -> tuple[pa.Table, SplitSummary]:
    """A table with the columns ``text``, ``input_ids`` (no special tokens), ``length``.

    The columns ``label`` and ``weight`` of the items, where there are any, follow.
    """
    texts = items.column("text")
    batches: list[pa.RecordBatch] = []
    n_tokens = longest = 0
    with tqdm(total=len(texts), desc=f"tokenising {name}", unit="text", unit_scale=True) as bar:
        for start in range(0, len(texts), CHUNK):
            column = texts.slice(start, CHUNK).combine_chunks()
            encodings = encode(column.to_pylist())
            lengths = np.fromiter(map(len, encodings), dtype=np.int32, count=len(encodings))
            offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
            ids = np.fromiter(chain.from_iterable(encodings), dtype=np.int16, count=offsets[-1])
            input_ids = pa.ListArray.from_arrays(pa.array(offsets), pa.array(ids))
            batches.append(
                pa.record_batch(
                    [column.cast(pa.string()), input_ids, pa.array(lengths)],
                    schema=_schema(),
                )
            )
            n_tokens += int(offsets[-1])
            longest = max(longest, int(lengths.max(initial=0)))
            bar.update(len(encodings))
    table = pa.Table.from_batches(batches, schema=_schema())
    more = [name for name in MORE if name in items.column_names]
    schema = _schema(*more)
    for column in more:
        kind = schema.field(column).type
        table = table.append_column(column, items.column(column).cast(kind))
    table = table.cast(schema)
    return table, SplitSummary(len(texts), n_tokens / max(1, len(texts)), longest)


def save_splits(
    folder: Path, splits: Mapping[str, pa.Table], encode: Encode, fingerprint: str
) -> dict[str, SplitSummary]:
    """Tokenise every split and write all of them with ``save_to_disk``.

    Args:
        folder: an existing folder, which the ``datasets`` tree is written into.
        splits: name to a table with ``text``, and perhaps ``label`` and ``weight`` (how often an
            item is drawn while training).
        encode: texts to bare token ids, each below 32,768.
        fingerprint: what the ``datasets`` cache knows the data by; equal for equal data.

    Returns:
        The summary of each split.
    """
    from datasets import Dataset, DatasetDict, disable_progress_bars

    disable_progress_bars()
    summaries: dict[str, SplitSummary] = {}
    saved: dict[str, Dataset] = {}
    for name, items in splits.items():
        table, summaries[name] = tokenise(name, items, encode)
        saved[name] = Dataset(table, fingerprint=f"{fingerprint[:16]}-{name}")
    DatasetDict(saved).save_to_disk(folder, num_shards=dict.fromkeys(saved, 1))
    return summaries
