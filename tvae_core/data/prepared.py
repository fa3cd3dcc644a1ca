"""Prepared sets, memory-mapped.

A prepared set is a folder written by `data_prep`: a `datasets.DatasetDict` (columns `text`,
`input_ids`, `length`, `label` where there is one), `tokenizer.json` and `manifest.json`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerFast

from tvae_core.support.errors import PreparedSetError

if TYPE_CHECKING:
    import datasets


FEATURES = "features"
"""Folder of a prepared set: `SPLIT.npy`, rows of whitened features, and their `FeatureBasis`."""
IntArray = npt.NDArray[np.int64]
Lengths = npt.NDArray[np.int32]


class TokenRows(Dataset[dict[str, Tensor]]):
    """The token rows of one split, read from the memory-mapped Arrow file without copies.

    Args:
        split: a `datasets.Dataset` with a list column `input_ids`.
    """

    def __init__(self, split: datasets.Dataset) -> None:
        self.split = split
        column = split.data.column("input_ids")
        if split._indices is not None:
            column = split.flatten_indices().data.column("input_ids")
        self._values, self._offsets = [], []
        for chunk in column.chunks:
            self._values.append(chunk.values.to_numpy(zero_copy_only=True))
            self._offsets.append(chunk.offsets.to_numpy(zero_copy_only=True))
        self._starts = np.cumsum([0] + [len(o) - 1 for o in self._offsets])
        self.lengths: Lengths = np.zeros(self._starts[-1], np.int32)
        for start, offsets in zip(self._starts, self._offsets, strict=False):
            np.subtract(
                offsets[1:], offsets[:-1], out=self.lengths[start : start + len(offsets) - 1]
            )
        self._chosen: IntArray | None = None
        self.features: npt.NDArray[np.float16] | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    def chosen(self, indices: IntArray) -> TokenRows:
        """Some of the rows, in the given order, without copying their tokens."""
        some = copy.copy(self)
        some.lengths = self.lengths[indices]
        some._chosen = indices if self._chosen is None else self._chosen[indices]
        return some

    def row(self, index: int) -> IntArray:
        """The bare tokens of one row, `(length,)`."""
        index = int(index if self._chosen is None else self._chosen[index])
        chunk = int(np.searchsorted(self._starts, index, side="right")) - 1
        offsets, at = self._offsets[chunk], index - int(self._starts[chunk])
        return np.asarray(self._values[chunk][offsets[at] : offsets[at + 1]], dtype=np.int64)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        item = {"input_ids": torch.from_numpy(self.row(index))}
        if self.features is not None:
            row = index if self._chosen is None else self._chosen[index]
            item["features"] = torch.from_numpy(self.features[int(row)].astype(np.float32))
        return item

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Tensor]]:
        return [self[i] for i in indices]

    def texts(self, indices: Sequence[int]) -> list[str]:
        """The texts of the given rows."""
        return [str(text) for text in self._column("text", indices)]

    def labels(self, indices: Sequence[int]) -> list[str]:
        """The labels of the given rows, empty where there is none.

        Raises:
            PreparedSetError: the set has no labels.
        """
        if "label" not in self.split.column_names:
            raise PreparedSetError("the prepared set has no labels")
        return [label or "" for label in self._column("label", indices)]

    def weights(self) -> npt.NDArray[np.float32] | None:
        """How often each row is drawn while training, `(rows,)`; None where all are alike."""
        if "weight" not in self.split.column_names:
            return None
        split = self.split if self.split._indices is None else self.split.flatten_indices()
        found = split.data.column("weight").to_numpy()
        return np.asarray(found if self._chosen is None else found[self._chosen], np.float32)

    def _column(self, name: str, indices: Sequence[int]) -> list[Any]:
        rows = np.asarray(indices, dtype=np.int64)
        rows = rows if self._chosen is None else self._chosen[rows]
        return list(self.split.select(rows.tolist())[name])


class PreparedSet:
    """A prepared set on disk.

    Args:
        path: folder written by `data_prep`.
        domain: name that its manifest must carry; None accepts any.

    Raises:
        PreparedSetError: naming the folder and what it lacks.
    """

    def __init__(self, path: str | Path, domain: str | None = None) -> None:
        self.path = Path(path)
        for name in ("manifest.json", "tokenizer.json", "dataset_dict.json"):
            if not (self.path / name).is_file():
                raise PreparedSetError(
                    f"{self.path} is not a prepared set: it has no {name}; "
                    f"make one with python -m data_prep.{domain or 'DOMAIN'}"
                )
        try:
            manifest = json.loads((self.path / "manifest.json").read_text())
        except ValueError as error:
            raise PreparedSetError(f"{self.path}/manifest.json is not readable JSON") from error
        if not isinstance(manifest, dict):
            raise PreparedSetError(f"{self.path}/manifest.json does not hold a JSON object")
        self.manifest: dict[str, Any] = manifest
        if domain is not None and self.manifest.get("domain") != domain:
            raise PreparedSetError(
                f"{self.path} was prepared for {self.manifest.get('domain')!r}, not {domain!r}"
            )
        import datasets  # here, because those who only decode have no use for its 200 MB

        try:
            self._splits = datasets.load_from_disk(str(self.path))
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise PreparedSetError(f"the rows of {self.path} cannot be read: {reason}") from error

    @property
    def splits(self) -> list[str]:
        """Names of the splits, `train` first."""
        return sorted(self._splits, key=lambda name: (name != "train", name))

    def rows(self, split: str) -> TokenRows:
        """Token rows of a split.

        Raises:
            PreparedSetError: for an unknown split, naming those there are.
        """
        if split not in self._splits:
            raise PreparedSetError(f"{self.path} has no split {split!r}; it has {self.splits}")
        return TokenRows(self._splits[split])

    def with_features(self, split: str, size: int) -> TokenRows:
        """Token rows of a split, each with the first `size` of its whitened features.

        Raises:
            PreparedSetError: the set has none, not of all rows, or fewer than that.
        """
        rows = self.rows(split)
        where = self.path / FEATURES / f"{split}.npy"
        try:
            found = np.load(where, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise PreparedSetError(
                f"{self.path} has no features of its items; "
                f"add them with python -m data_prep.features {self.path}"
            ) from None
        except (OSError, ValueError) as error:
            raise PreparedSetError(f"{where} cannot be read: {error}") from None
        if found.ndim != 2 or len(found) != len(rows):
            raise PreparedSetError(f"{where} does not have a row for each of {len(rows):,} items")
        rows.features = found[:, :size]
        return rows

    @property
    def held_out(self) -> str:
        """The split that a run looks at on the way: `validation` if there is one, else `test`."""
        return "validation" if "validation" in self._splits else "test"

    @property
    def final(self) -> str:
        """The split that a finished model is judged on: `test` if there is one."""
        return "test" if "test" in self._splits else self.held_out

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The tokenizer that made the set."""
        found: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(
            str(self.path), local_files_only=True
        )
        return found
