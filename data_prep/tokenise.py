"""Texts to token ids, as the ``datasets`` folder that training memory-maps."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
from datasets import Dataset, DatasetDict, Features, List, Value, disable_progress_bars
from tqdm import tqdm

CHUNK = 20_000
MAX_VOCAB_SIZE = 2**15
Encode = Callable[[Sequence[str]], Sequence[Sequence[int]]]
FEATURES = Features(
    {"text": Value("string"), "input_ids": List(Value("int16")), "length": Value("int32")}
)
MORE = {"label": Value("string"), "weight": Value("float32")}


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


def tokenise(name: str, items: pa.Table, encode: Encode) -> tuple[pa.Table, SplitSummary]:
    """A table with the columns ``text``, ``input_ids`` (no special tokens), ``length``.

    The columns ``label`` and ``weight`` of the items, where there are any, follow.
    """
    texts, features = items.column("text"), FEATURES
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
                    schema=FEATURES.arrow_schema,
                )
            )
            n_tokens += int(offsets[-1])
            longest = max(longest, int(lengths.max(initial=0)))
            bar.update(len(encodings))
    table = pa.Table.from_batches(batches, schema=FEATURES.arrow_schema)
    for column, kind in MORE.items():
        if column in items.column_names:
            features = Features(features | {column: kind})
            table = table.append_column(column, items.column(column).cast(kind.pa_type))
            table = table.cast(features.arrow_schema)
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
    disable_progress_bars()
    summaries: dict[str, SplitSummary] = {}
    saved: dict[str, Dataset] = {}
    for name, items in splits.items():
        table, summaries[name] = tokenise(name, items, encode)
        saved[name] = Dataset(table, fingerprint=f"{fingerprint[:16]}-{name}")
    DatasetDict(saved).save_to_disk(folder, num_shards=dict.fromkeys(saved, 1))
    return summaries
