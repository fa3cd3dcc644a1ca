"""A packed set: tokens, lengths, weights and features of a training split in one file.

What a machine needs to train that has torch, transformers, tokenizers, safetensors and numpy alone:
no `datasets`, no RDKit, no network. Tokens and lengths are compressed (lzma); features, which are
whitened, are kept in four bits each, of as many items as fit (levels by Lloyd 1982, IEEE
Transactions on Information Theory 28, 129: 1% of their variance is lost). The file is a safetensors
file, and its metadata carry the tokenizer, the settings and where the data come from.
"""

from __future__ import annotations

import json
import lzma
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

FORMAT = "tvae packed set 1"
LEVELS = 16
_PRESET = 6
"""Of lzma: higher ones take longer and gain a percent."""

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]


class PackedError(ValueError):
    """A file that is no packed set, or not one of this vocabulary, with the reason."""


@dataclass(slots=True)
class Packed:
    """A training split in memory.

    Attributes:
        ids: `(tokens,)` int16, the bare tokens of all items, one after another.
        lengths: `(n,)` int32, tokens an item.
        weights: `(n,)`, how often each item is drawn; None where all are alike.
        features: `(m, size)` in four bits, two a byte: `(m, size / 2)` uint8.
        featured: `(m,)` int64, the items that have features, in order.
        levels: `(16,)`, what the four bits stand for.
        model: settings of `TVAEConfig`.
        train: settings of the training.
        files: name to text of the tokenizer's files.
        about: domain, source, licence, hashes, seed.
    """

    ids: npt.NDArray[np.int16]
    lengths: npt.NDArray[np.int32]
    weights: Floats | None
    features: Bytes
    featured: npt.NDArray[np.int64]
    levels: Floats
    model: dict[str, Any]
    train: dict[str, Any]
    files: dict[str, str]
    about: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def offsets(self) -> npt.NDArray[np.int64]:
        """`(n,)`, where each item begins in `ids`."""
        return np.concatenate(([0], np.cumsum(self.lengths[:-1], dtype=np.int64)))


def fit_levels(values: Floats, rounds: int = 40) -> Floats:
    """The 16 levels that numbers are kept as with the least squared error, `(16,)` ascending."""
    flat = np.sort(values.ravel().astype(np.float32))
    levels = np.quantile(flat, (np.arange(LEVELS) + 0.5) / LEVELS).astype(np.float32)
    sums = np.concatenate(([0.0], np.cumsum(flat, dtype=np.float64)))
    for _ in range(rounds):
        ends = np.searchsorted(flat, (levels[1:] + levels[:-1]) / 2)
        starts, stops = np.concatenate(([0], ends)), np.concatenate((ends, [len(flat)]))
        count = np.maximum(stops - starts, 1)
        means = (sums[stops] - sums[starts]) / count
        levels = np.where(stops > starts, means, levels).astype(np.float32)
    return levels


def in_four_bits(values: Floats, levels: Floats) -> Bytes:
    """Numbers `(m, size)` as the nearest levels, two a byte, `(m, size / 2)`; size must be even."""
    nearest = np.searchsorted((levels[1:] + levels[:-1]) / 2, values).astype(np.uint8)
    return np.asarray(nearest[:, ::2] | (nearest[:, 1::2] << 4), np.uint8)


def from_four_bits(packed: Bytes, levels: Floats) -> Floats:
    """What `in_four_bits` gave, as numbers `(m, size)`."""
    found = np.empty((len(packed), 2 * packed.shape[1]), np.float32)
    found[:, ::2], found[:, 1::2] = levels[packed & 15], levels[packed >> 4]
    return found


def squeezed(array: npt.NDArray[Any]) -> Bytes:
    """An array's bytes, compressed."""
    return np.frombuffer(lzma.compress(array.tobytes(), preset=_PRESET), np.uint8)


def _opened(part: Bytes, kind: Any, most: int) -> npt.NDArray[Any]:
    """The array that `squeezed` made; no more than `most` bytes are unpacked."""
    opener = lzma.LZMADecompressor()
    data = opener.decompress(part.tobytes(), most)
    if not opener.eof:
        raise PackedError("holds more than it says")
    return np.frombuffer(data, kind)


def to_bytes(packed: Packed) -> bytes:
    """The file."""
    parts: dict[str, npt.NDArray[Any]] = {
        "ids": squeezed(packed.ids),
        "lengths": squeezed(packed.lengths.astype(np.uint16)),
        "features": packed.features,
        "featured": squeezed(packed.featured.astype(np.uint32)),
        "levels": packed.levels,
    }
    if packed.weights is not None:
        parts["weights"] = squeezed(packed.weights.astype(np.float16))
    told = {
        "format": FORMAT,
        "items": str(len(packed)),
        "tokens": str(len(packed.ids)),
        "model": json.dumps(packed.model),
        "train": json.dumps(packed.train),
        "files": json.dumps(packed.files),
        "about": json.dumps(packed.about),
    }
    return bytes(save(parts, told))


def read_packed(path: Path) -> Packed:
    """Reads a packed set.

    Raises:
        PackedError: there is no such file, or it is not a whole packed set.
    """
    try:
        with safe_open(path, "np") as file:
            told = file.metadata() or {}
            if told.get("format") != FORMAT:
                raise PackedError(f"{path} is not a packed set ({FORMAT})")
            parts = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        found = _read(told, parts)
    except FileNotFoundError:
        raise PackedError(f"no such file: {path}") from None
    except PackedError as error:
        raise PackedError(f"{path}: {error}" if str(path) not in str(error) else error) from None
    except (OSError, SafetensorError, ValueError, KeyError, lzma.LZMAError) as error:
        raise PackedError(f"{path} is not a whole packed set: {error}") from error
    return found


def _read(told: dict[str, str], parts: dict[str, npt.NDArray[Any]]) -> Packed:
    items, tokens = int(told["items"]), int(told["tokens"])
    weights = _opened(parts["weights"], np.float16, 2 * items) if "weights" in parts else None
    found = Packed(
        ids=_opened(parts["ids"], np.int16, 2 * tokens),
        lengths=_opened(parts["lengths"], np.uint16, 2 * items).astype(np.int32),
        weights=None if weights is None else weights.astype(np.float32),
        features=parts["features"],
        featured=_opened(parts["featured"], np.uint32, 4 * items).astype(np.int64),
        levels=parts["levels"],
        model=json.loads(told["model"]),
        train=json.loads(told["train"]),
        files=json.loads(told["files"]),
        about=json.loads(told["about"]),
    )
    if len(found.lengths) != items or int(found.lengths.sum()) != len(found.ids):
        raise PackedError("its lengths do not add up to its tokens")
    if len(found.featured) != len(found.features) or (found.featured >= items).any():
        raise PackedError("its features are not of its items")
    vocabulary = int(found.model["vocab_size"])
    if len(found.ids) and not 0 <= int(found.ids.min()) <= int(found.ids.max()) < vocabulary:
        raise PackedError(
            f"it has token {int(found.ids.max())}, of another vocabulary than its model's "
            f"{vocabulary} entries"
        )
    return found
