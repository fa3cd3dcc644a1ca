"""Packs a prepared set and a preset into one file for the training kit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tvae_core.model.config import TVAEConfig
from tvae_core.support.files import write_whole
from tvae_core.train_kit.packed import Floats, Packed, fit_levels, in_four_bits, squeezed, to_bytes

if TYPE_CHECKING:
    from tvae_core.data.prepared import PreparedSet, TokenRows
    from tvae_core.training.presets import Merged

MEGABYTES = 48.0
SAMPLE = 50_000
"""Items that the levels of four bits are fitted to."""
_SPARE = 4_000
"""Bytes for what stands in the file beside tokens and features."""
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
_TRAIN = (
    "mmd_warmup_steps",
    "moment_start",
    "moment_warmup",
    "weight_decay",
    "adam_beta2",
    "max_grad_norm",
    "learning_rate",
    "batch_size",
    "warmup_steps",
    "seed",
)
_TOLD = ("domain", "source", "source_sha256", "licence", "tokenizer_sha256", "counts", "seed")


def pack(prepared: PreparedSet, merged: Merged, megabytes: float = MEGABYTES) -> Packed:
    """The training split as a packed set of at most `megabytes`.

    All items stay where their tokens fit; features are of as many items as there is room for.

    Args:
        prepared: with features, where the preset anchors its code.
        merged: settings.
        megabytes: of the file; items or features that do not fit are left out and told.

    Raises:
        PreparedSetError: it has no features and the preset needs them.
        ValueError: not even a tenth of the items fits.
    """
    tokenizer = prepared.tokenizer()
    wanted = TVAEConfig(**merged.model)
    size = wanted.coarse_size if wanted.anchor_weight else 0
    rows = prepared.with_features("train", size) if size else prepared.rows("train")
    longest = int(merged.model.get("max_length") or rows.lengths.max())
    chosen = np.flatnonzero((rows.lengths > 0) & (rows.lengths <= longest))
    if len(chosen) < len(rows):
        _tell(f"left out {len(rows) - len(chosen):,} items longer than {longest} tokens, or empty")
    rng = np.random.default_rng(int(merged.train.get("seed", 0)))
    room = int(megabytes * 1e6) - sum(len(text) for text in _files(prepared).values()) - _SPARE
    chosen = np.sort(_fitting(rows, chosen, room, rng))
    packed = Packed(
        ids=np.concatenate([rows.row(int(i)).astype(np.int16) for i in chosen]),
        lengths=rows.lengths[chosen].astype(np.int32),
        weights=_weights(rows, chosen),
        features=np.zeros((0, size // 2), np.uint8),
        featured=np.zeros(0, np.int64),
        levels=np.zeros(16, np.float32),
        model=dict(merged.model) | {"max_length": longest, "vocab_size": len(tokenizer)},
        train={name: merged.train[name] for name in _TRAIN if name in merged.train},
        files=_files(prepared),
        about={name: prepared.manifest.get(name) for name in _TOLD}
        | {"presets": list(merged.presets), "items": len(chosen)},
    )
    if size:
        left = int(megabytes * 1e6) - len(to_bytes(packed)) - _SPARE
        _add_features(packed, rows, chosen, left, size, rng)
    return packed


def _fitting(
    rows: TokenRows, chosen: npt.NDArray[np.int64], room: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """As many of the items, drawn evenly, as their tokens leave a tenth of the room for features.

    Raises:
        ValueError: not even a tenth of them.
    """
    some = rng.permutation(chosen)[:SAMPLE]
    sample = np.concatenate([rows.row(int(i)).astype(np.int16) for i in some])
    an_item = (len(squeezed(sample)) + len(squeezed(rows.lengths[some].astype(np.uint16)))) / len(
        some
    )
    fit = int(0.9 * room / an_item)
    if fit >= len(chosen):
        return chosen
    if fit < len(chosen) // 10:
        raise ValueError(f"only {max(0, fit):,} of {len(chosen):,} items fit; give --megabytes")
    _tell(f"{fit:,} of {len(chosen):,} items fit, drawn evenly")
    return rng.permutation(chosen)[:fit]


def _weights(rows: TokenRows, chosen: npt.NDArray[np.int64]) -> Floats | None:
    weights = rows.weights()
    return None if weights is None else weights[chosen]


def _add_features(
    packed: Packed,
    rows: TokenRows,
    chosen: npt.NDArray[np.int64],
    room: int,
    size: int,
    rng: np.random.Generator,
) -> None:
    if size % 2:
        raise ValueError(f"features are packed in pairs: {size} is odd")
    an_item = size / 2 + 3.0
    featured = np.sort(rng.permutation(len(chosen))[: max(0, int(room / an_item))])
    if len(featured) < len(chosen):
        _tell(f"{len(featured):,} of {len(chosen):,} items have room for their features")
    if not len(featured):
        return
    assert rows.features is not None
    values = np.asarray(rows.features[chosen[featured]], np.float32)
    known = np.isfinite(values).all(1)
    values, packed.featured = values[known], featured[known]
    packed.levels = fit_levels(values[rng.permutation(len(values))[:SAMPLE]])
    packed.features = in_four_bits(values, packed.levels)


def _files(prepared: PreparedSet) -> dict[str, str]:
    return {
        name: (prepared.path / name).read_text(encoding="utf-8")
        for name in _TOKENIZER
        if (prepared.path / name).is_file()
    }


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


def write_packed(packed: Packed, path: Path) -> dict[str, Any]:
    """Writes a packed set; returns what there is to tell of it."""
    data = to_bytes(packed)
    write_whole(path, data)
    return {
        "items": len(packed),
        "tokens": len(packed.ids),
        "featured": len(packed.featured),
        "megabytes": round(len(data) / 1e6, 1),
    }
