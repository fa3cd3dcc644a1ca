"""Training items read while they are needed, for sets that fit neither memory nor the patience."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from tvae_core.data.batches import ROWS
from tvae_core.data.prepared import TokenRows
from tvae_core.support import collectives

BUILDERS = {
    ".parquet": "parquet",
    ".jsonl": "json",
    ".json": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "text",
    ".smi": "text",
}
HUB = "hub:"
_ROWS = 4096


class StreamError(ValueError):
    """A stream that cannot be read, with the reason."""


class Source:
    """The texts of one column, a shard (a file) at a time.

    Args:
        name: paths with `*`, comma-separated, or `hub:NAME` of a set on the hub.
        column: of the texts; by default `text`, or the only one there is.
        split: of a set on the hub.

    Raises:
        StreamError: no such files, unknown endings, no such column.
    """

    def __init__(self, name: str, column: str = "", split: str = "train") -> None:
        import datasets
        import pandas as pd

        self.name = name
        columns: list[str] = []
        try:
            if name.startswith(HUB):
                self._set: Any = datasets.load_dataset(
                    name.removeprefix(HUB), split=split, streaming=True
                )
            else:
                files = _files(name)
                builder = _builder(files)
                options = {"delimiter": "\t"} if _ending(files[0]) == ".tsv" else {}
                self._set = datasets.load_dataset(
                    builder, data_files=files, split="train", streaming=True, **options
                )
                if builder == "csv":  # pandas leaves the file open when only a row is asked for
                    columns = list(pd.read_csv(files[0], nrows=0, **options).columns)
            columns = columns or self._set.column_names or list(next(iter(self._set), {}))
        except StreamError:
            raise
        except Exception as error:  # of pyarrow, pandas, fsspec, the hub's client
            raise StreamError(f"cannot stream {name}: {_reason(error)}") from error
        self.n_shards = int(self._set.num_shards)
        wanted = column or ("text" if "text" in columns or len(columns) != 1 else columns[0])
        if wanted not in columns:
            raise StreamError(
                f"{name} has no column {wanted!r}; --stream-column chooses one of "
                + ", ".join(columns)
            )
        self.column = wanted

    def texts(self, shard: int, skip: int) -> Iterator[list[str | None]]:
        """The texts of a shard from the `skip`-th on, some thousand at a time.

        Raises:
            StreamError: it cannot be read, or its column holds no texts.
        """
        try:
            part = self._set.shard(num_shards=self.n_shards, index=shard)
            for table in part.select_columns([self.column]).with_format("arrow").iter(_ROWS):
                if skip >= table.num_rows:
                    skip -= table.num_rows
                    continue
                found = table.column(self.column).slice(skip)
                skip = 0
                if not pa.types.is_string(found.type) and not pa.types.is_large_string(found.type):
                    raise StreamError(
                        f"column {self.column!r} of {self.name} holds {found.type}, not text"
                    )
                yield found.to_pylist()
        except StreamError:
            raise
        except Exception as error:
            raise StreamError(
                f"cannot read shard {shard} of {self.name}: {_reason(error)}"
            ) from error


def _files(name: str) -> list[str]:
    files = sorted({f for part in name.split(",") for f in glob.glob(part.strip(), recursive=True)})
    found = [file for file in files if Path(file).is_file()]
    if not found:
        raise StreamError(f"there are no files {name}")
    return found


def _ending(file: str) -> str:
    path = Path(file.lower())
    return Path(path.stem).suffix if path.suffix in (".gz", ".zst", ".bz2", ".xz") else path.suffix


def _builder(files: list[str]) -> str:
    endings = sorted({_ending(file) for file in files})
    if len(endings) > 1:
        raise StreamError(f"files of one kind are streamed together, not {' and '.join(endings)}")
    if endings[0] not in BUILDERS:
        raise StreamError(f"cannot stream {files[0]}; endings are {', '.join(BUILDERS)}")
    return BUILDERS[endings[0]]


def _reason(error: Exception) -> str:
    while error.__cause__ is not None and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


LANES = 16
"""Shards that are read side by side, and the most processes that share the reading."""
_REMEMBERED = 256
Rows = list[npt.NDArray[np.int32]]
Share = tuple[int, int, Rows]
"""Of a lane: shards done, rows done of the next one, tokens of what was read."""
Texts = Iterator[list[str | None]]


@dataclass(frozen=True)
class Place:
    """Where a buffer begins.

    Attributes:
        epoch: pass over the data.
        pool: buffers of this pass before it.
        lanes: for each lane its shards that are done, and rows done of the next one.
        items: items given to batches before it, of all passes.
        carry: tokens of the items that no batch has taken yet.
        batch: batches of it that have been given out.
    """

    epoch: int = 0
    pool: int = 0
    lanes: tuple[tuple[int, int], ...] = ()
    items: int = 0
    carry: tuple[tuple[int, ...], ...] = field(default=(), repr=False)
    batch: int = 0


class Stream(IterableDataset[list[dict[str, Tensor]]]):
    """Endless length-bucketed batches of streamed items, the same for any number of processes.

    Args:
        source: where the texts are.
        tokenizer: turns them to tokens.
        batch_size: items of a batch of all processes.
        max_length: longer items are left out, and empty ones.
        buffer: items that are shuffled and sorted together.
        seed: of the order.
    """

    def __init__(
        self,
        source: Source,
        tokenizer: Any,
        *,
        batch_size: int,
        max_length: int,
        buffer: int = 65536,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.source, self.tokenizer = source, tokenizer
        self.batch_size, self.max_length, self.seed = batch_size, max_length, seed
        self.n_lanes = min(LANES, source.n_shards)
        self.share = max(1, max(buffer, batch_size) // self.n_lanes)
        self._place = Place(lanes=((0, 0),) * self.n_lanes)
        self._given = 0
        self._marks: dict[int, Place] = {}
        self._recent: dict[int, npt.NDArray[np.int32]] = {}
        self._readers: dict[int, tuple[tuple[int, int, int], Texts, list[str | None]]] = {}

    def state_at(self, batches: int) -> dict[str, Any]:
        """The place after so many batches since the run began (one of the last few hundred)."""
        return asdict(self._marks.get(batches, self._place))

    def restore(self, state: dict[str, Any], batches: int) -> None:
        """Goes on from a `state_at`, which was taken after so many batches.

        Raises:
            StreamError: it is of other files.
        """
        try:
            lanes = tuple((int(at), int(row)) for at, row in state["lanes"])
            carry = tuple(tuple(map(int, row)) for row in state["carry"])
            numbers = {name: int(state[name]) for name in ("epoch", "pool", "items", "batch")}
        except (KeyError, TypeError, ValueError) as error:
            raise StreamError("the checkpoint's place in the stream is damaged") from error
        if len(lanes) != self.n_lanes:
            raise StreamError(
                f"the run was streaming {len(lanes)} shards side by side and there are "
                f"{self.n_lanes} now; give it the files that it began with"
            )
        self._place = Place(lanes=lanes, carry=carry, **numbers)
        self._given, self._marks = batches, {batches: self._place}

    def texts(self, numbers: Sequence[int]) -> list[str]:
        """Texts of items of the last buffer, by the number that their batch has them under."""
        known = [self._recent.get(int(number), np.zeros(0, np.int32)) for number in numbers]
        return [str(self.tokenizer.decode(row.tolist())) for row in known]

    def sample(self, n: int) -> TokenRows:
        """The first items of the stream, as rows in memory."""
        import datasets

        rows: Rows = []
        for lane in range(self.n_lanes):
            for texts in self.source.texts(self._shards(0, lane)[0], 0):
                rows += self._tokens(texts)
                if len(rows) * self.n_lanes >= n * (lane + 1):
                    break
        rows = rows[:n]
        if len(rows) < 2:
            raise self._nothing()
        texts = [str(self.tokenizer.decode(row.tolist())) for row in rows]
        return TokenRows(datasets.Dataset.from_dict({"text": texts, "input_ids": rows}))

    def __iter__(self) -> Iterator[list[dict[str, Tensor]]]:
        with ThreadPoolExecutor(1) as worker:
            place, idle = self._place, 0
            waiting = worker.submit(self._read, place)
            while True:
                rows, lanes = self._gathered(waiting.result())
                if not rows:
                    place, idle = self._after_nothing(place, lanes, idle)
                    waiting = worker.submit(self._read, place)
                    continue
                idle = 0
                batches, carry = self._batches(rows, place)
                used = len(batches) * self.batch_size
                onward = Place(
                    place.epoch,
                    place.pool + 1,
                    lanes,
                    place.items + used,
                    tuple(tuple(row.tolist()) for row in carry),
                )
                waiting = worker.submit(self._read, onward)
                for index in range(place.batch, len(batches)):
                    self._given += 1
                    self._marks[self._given] = replace(place, batch=index + 1)
                    self._marks.pop(self._given - _REMEMBERED, None)
                    yield batches[index]
                place = onward

    def _batches(self, rows: Rows, place: Place) -> tuple[list[list[dict[str, Tensor]]], Rows]:
        """The batches of a buffer, and the rows that fill none."""
        rows = [np.array(row, np.int32) for row in place.carry] + rows
        rng = np.random.default_rng((self.seed, place.epoch, place.pool))
        order = rng.permutation(len(rows))
        used = len(order) // self.batch_size * self.batch_size
        order, left = order[:used], order[used:]
        lengths = np.array([len(row) for row in rows])
        order = order[np.argsort(lengths[order], kind="stable")].reshape(-1, self.batch_size)
        order = order[rng.permutation(len(order))]
        self._recent = {}
        batches: list[list[dict[str, Tensor]]] = []
        for number, index in enumerate(order.ravel().tolist(), place.items):
            self._recent[number] = rows[index]
            if (number - place.items) % self.batch_size == 0:
                batches.append([])
            ids = torch.from_numpy(rows[index].astype(np.int64))
            batches[-1].append({"input_ids": ids, ROWS: torch.tensor(number)})
        return batches, [rows[index] for index in left.tolist()]

    def _after_nothing(
        self, place: Place, lanes: tuple[tuple[int, int], ...], idle: int
    ) -> tuple[Place, int]:
        """Where to read on when a buffer was empty, and the passes that were."""
        if any(at < len(self._shards(place.epoch, n)) for n, (at, _) in enumerate(lanes)):
            return replace(place, lanes=lanes), idle
        if idle:
            raise self._nothing()
        begun = ((0, 0),) * self.n_lanes
        return replace(place, epoch=place.epoch + 1, pool=0, lanes=begun), idle + 1

    def _nothing(self) -> StreamError:
        return StreamError(f"{self.source.name} has no items of 1 to {self.max_length} tokens")

    def _shards(self, epoch: int, lane: int) -> list[int]:
        order = np.random.default_rng((self.seed, epoch)).permutation(self.source.n_shards)
        return [int(shard) for shard in order[lane :: self.n_lanes]]

    def _read(self, place: Place) -> dict[int, Share]:
        """For each of this process's lanes where it is after its share, and the share's tokens."""
        found = {}
        for lane in range(collectives.rank(), self.n_lanes, collectives.world()):
            at, row = place.lanes[lane]
            shards = self._shards(place.epoch, lane)
            texts: list[str | None] = []
            while len(texts) < self.share and at < len(shards):
                more = self._texts(lane, (place.epoch, at, row), shards, self.share - len(texts))
                texts += more
                at, row = (at, row + len(more)) if more else (at + 1, 0)
            found[lane] = (at, row, self._tokens(texts))
        return found

    def _texts(
        self, lane: int, begin: tuple[int, int, int], shards: list[int], most: int
    ) -> list[str | None]:
        """At most so many texts of a lane's shard, none at its end; goes on where it was."""
        epoch, at, row = begin
        there, reader, held = self._readers.pop(lane, (None, None, []))
        if there != begin or reader is None:
            reader, held = self.source.texts(shards[at], row), []
        while len(held) < most:
            more = next(reader, None)
            if more is None:
                break
            held = held + more
        taken, held = held[:most], held[most:]
        if taken:
            self._readers[lane] = (epoch, at, row + len(taken)), reader, held
        return taken

    def _tokens(self, texts: Sequence[str | None]) -> Rows:
        real = [text for text in texts if text]
        if not real:
            return []
        encoded = self.tokenizer(real, add_special_tokens=False, return_attention_mask=False)
        rows = [np.array(ids, np.int32) for ids in encoded["input_ids"]]
        return [row for row in rows if 0 < len(row) <= self.max_length]

    def _gathered(self, own: dict[int, Share]) -> tuple[Rows, tuple[tuple[int, int], ...]]:
        """The rows of all lanes in order, and where the lanes are, from all processes."""
        lanes: dict[int, Share] = {}
        for part in collectives.gather_vectors(torch.from_numpy(_packed(own))):
            lanes |= _unpacked(part.numpy())
        inorder = [lanes[lane] for lane in range(self.n_lanes)]
        return [r for _, _, rows in inorder for r in rows], tuple((a, r) for a, r, _ in inorder)


def _packed(lanes: dict[int, Share]) -> npt.NDArray[np.int64]:
    """Lane, place, number of rows, their lengths and their tokens, lane after lane."""
    numbers: list[npt.NDArray[Any]] = [np.zeros(0, np.int64)]
    for lane, (at, row, rows) in lanes.items():
        numbers += [np.array([lane, at, row, len(rows), *map(len, rows)], np.int64), *rows]
    return np.concatenate(numbers)


def _unpacked(numbers: npt.NDArray[np.int64]) -> dict[int, Share]:
    lanes: dict[int, Share] = {}
    here = 0
    while here < len(numbers):
        lane, at, row, count = (int(n) for n in numbers[here : here + 4])
        begin = here + 4 + count
        ends = begin + np.cumsum(numbers[here + 4 : begin])
        here = int(ends[-1]) if count else begin
        tokens = numbers[begin:here].astype(np.int32)
        lanes[lane] = (at, row, np.split(tokens, ends[:-1] - begin) if count else [])
    return lanes
