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
LABELLED = Features(FEATURES | {"label": Value("string")})


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


def tokenise(
    name: str,
    texts: pa.ChunkedArray,
    encode: Encode,
    labels: pa.ChunkedArray | None = None,
    weights: pa.ChunkedArray | None = None,
) -> tuple[pa.Table, SplitSummary]:
    """A table with the columns ``text``, ``input_ids`` (no special tokens), ``length``.

    With ``labels``, as many as texts, also ``label``; with ``weights`` also ``weight``.
    """
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
    if labels is not None:
        table = table.append_column("label", labels.cast(pa.string()))
        table = table.cast(LABELLED.arrow_schema)
    if weights is not None:
        features = LABELLED if labels is not None else FEATURES
        table = table.append_column("weight", weights.cast(pa.float32()))
        table = table.cast(Features(features | {"weight": Value("float32")}).arrow_schema)
    return table, SplitSummary(len(texts), n_tokens / max(1, len(texts)), longest)


def save_splits(
    folder: Path,
    splits: Mapping[str, pa.ChunkedArray],
    encode: Encode,
    fingerprint: str,
    labels: Mapping[str, pa.ChunkedArray] | None = None,
    weights: Mapping[str, pa.ChunkedArray] | None = None,
) -> dict[str, SplitSummary]:
    """Tokenise every split and write all of them with ``save_to_disk``.

    Args:
        folder: an existing folder, which the ``datasets`` tree is written into.
        splits: name to texts.
        encode: texts to bare token ids, each below 32,768.
        fingerprint: what the ``datasets`` cache knows the data by; equal for equal data.
        labels: name of a split to its labels, as many as texts.
        weights: name of a split to how often each of its texts is drawn while training.

    Returns:
        The summary of each split.
    """
    disable_progress_bars()
    summaries: dict[str, SplitSummary] = {}
    saved: dict[str, Dataset] = {}
    for name, texts in splits.items():
        more = (labels or {}).get(name), (weights or {}).get(name)
        table, summaries[name] = tokenise(name, texts, encode, *more)
        saved[name] = Dataset(table, fingerprint=f"{fingerprint[:16]}-{name}")
    DatasetDict(saved).save_to_disk(folder, num_shards=dict.fromkeys(saved, 1))
    return summaries
