"""Sets that go on from a trained bundle: its tokenizer, and held out only what it has not seen.

`--bundle FOLDER` of the preparation commands; `python -m domains.NAME.train --start FOLDER` then
trains the bundle on. What it was trained on is told by its set of known items, which never misses
one and takes one new item in 256 for known.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerFast

from data_prep.common import BAD_USAGE, CommandParser, PrepError, positive_int
from data_prep.tokenise import MAX_VOCAB_SIZE

if TYPE_CHECKING:
    from tvae_core.domain import Known

LEAST = 4
"""Held-out items without which nothing is trained."""

Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Earlier:
    """A bundle that a set is prepared for.

    Attributes:
        path: its folder.
        hash: first 12 hex digits of the sha256 of its weights.
        tokenizer: of the bundle.
        known: tells its training items; None if it has no set of them.
    """

    path: Path
    hash: str
    tokenizer: PreTrainedTokenizerFast
    known: Known | None

    def unknown(self, texts: Sequence[str]) -> Flags | None:
        """Which texts it has not been trained on, `(len(texts),)`; None where it cannot tell."""
        if self.known is None:
            print(
                f"{self.path} does not tell what it was trained on: held-out items may be known "
                "to it",
                file=sys.stderr,
            )
            return None
        return ~np.asarray(self.known(texts), dtype=np.bool_)

    def save_tokenizer(self, folder: Path) -> None:
        """Writes the tokenizer into a prepared set, `tokenizer.json` byte for byte."""
        self.tokenizer.save_pretrained(folder)
        shutil.copyfile(self.path / "tokenizer.json", folder / "tokenizer.json")


def open_earlier(
    path: Path | None, domain: str, known: Callable[[Path], Known | None] | None = None
) -> Earlier | None:
    """The bundle that `--bundle` names, if any.

    Args:
        path: a bundle's folder.
        domain: name that it must carry.
        known: reads a bundle's set of training items (default: as the domain's commands do).

    Raises:
        BundleError: there is no such bundle, or it cannot be used.
        ValueError: its set of known items cannot be read.
    """
    if path is None:
        return None
    # here, because without a bundle nothing needs torch
    import torch

    from domains.registry import commands_of
    from tvae_core.bundle import load_bundle

    # processes that read files are forked, which other threads do not outlive
    torch.set_num_threads(1)
    bundle = load_bundle(path, domain)
    settings = bundle.manifest.get("settings")
    if bundle.manifest.get("start") or (isinstance(settings, dict) and settings.get("stream")):
        print(
            f"{path} was trained on more than its set of known items tells (--start or --stream): "
            "held-out items may be known to it",
            file=sys.stderr,
        )
    known = known or commands_of(domain).known
    return Earlier(bundle.path, bundle.hash, bundle.tokenizer, known(bundle.path))


def add_tokenizer_arguments(parser: CommandParser, vocab_size: int) -> None:
    """The flags `--vocab-size` and `--bundle`."""
    parser.add_argument("--vocab-size", type=positive_int, help=f"tokens in all ({vocab_size})")
    add_bundle_argument(parser)


def add_bundle_argument(parser: CommandParser) -> None:
    """The flag `--bundle`."""
    parser.add_argument(
        "--bundle",
        type=Path,
        metavar="FOLDER",
        help="prepare for training this bundle on: with its tokenizer, and with nothing held out "
        "that it was trained on",
    )


def vocab_size_of(arguments: argparse.Namespace, least: int, default: int) -> int:
    """Entries of a new tokenizer.

    Raises:
        PrepError: too few, too many, or asked for where a bundle brings its tokenizer.
    """
    if arguments.bundle and arguments.vocab_size:
        raise PrepError("--bundle brings its tokenizer: leave out --vocab-size", BAD_USAGE)
    size: int = default if arguments.vocab_size is None else arguments.vocab_size
    if not least <= size <= MAX_VOCAB_SIZE:
        raise PrepError(f"--vocab-size must be from {least} to {MAX_VOCAB_SIZE}", BAD_USAGE)
    return size


def hold_out(order: Rows, size: int, unknown: Flags | None = None) -> dict[str, Rows]:
    """Cuts rows into `train`, `validation` and `test`.

    Args:
        order: shuffled rows.
        size: rows of validation and of test; `LEAST` each at least, as long as training keeps half
            of all.
        unknown: for each of `order`, whether it may be held out (default: all). Where fewer than
            `2 * size` may, validation and test have half of them each.

    Raises:
        PrepError: fewer than two rows may be held out.
    """
    free = np.ones(len(order), dtype=np.bool_) if unknown is None else unknown
    places = np.flatnonzero(free)
    if len(places) < 2:
        raise PrepError(
            f"validation and test need an item each that the bundle was not trained on; of "
            f"{len(order):,} items {len(places)} is new to it",
            BAD_USAGE,
        )
    size = min(max(size, min(LEAST, len(order) // 4)), len(places) // 2)
    if size < LEAST:
        print(
            f"{size} items of validation and of test are too few to train with: {LEAST} of each "
            "are needed",
            file=sys.stderr,
        )
    held = {"validation": places[:size], "test": places[size : 2 * size]}
    rest = np.delete(np.arange(len(order)), places[: 2 * size])
    return {"train": order[rest]} | {name: order[rows] for name, rows in held.items()}


def identity_of(earlier: Earlier | None) -> list[str]:
    """What a bundle adds to the identity of a set: two of one tokenizer may split it unlike."""
    return [] if earlier is None else [earlier.hash]


def told(earlier: Earlier | None, unknown: Flags | None = None) -> dict[str, Any]:
    """What a manifest tells of the bundle: its hash and, where it is known, how many were new."""
    if earlier is None:
        return {}
    return {
        "bundle": earlier.hash,
        "new_to_bundle": None if unknown is None else int(np.count_nonzero(unknown)),
    }
