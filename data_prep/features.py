"""Add to a prepared set what its items are like, so that trainings can organise their codes by it.

    python -m data_prep.features data/smiles              64 whitened components an item
    python -m data_prep.features data/smiles --size 96

A domain's features (of molecules the Morgan fingerprint and descriptors) are brought to whitened
principal components, fitted to a sample of the training split, and kept in `features/` of the set:
a row an item and split in half precision, memory-mapped when read, and the basis, which turns other
items' features into the same numbers.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_prep.common import (
    BAD_USAGE,
    MANIFEST,
    CommandParser,
    PrepError,
    available_cores,
    check_not_negative,
    is_prepared_set,
    positive_int,
    run_preparation,
)
from domains.registry import commands_of
from tvae_core.domain import HasFeatures
from tvae_core.support.features import FEATURES, FILE, FeatureBasis, Floats
from tvae_core.support.files import whole_folder
from tvae_core.support.progress import Bar

if TYPE_CHECKING:
    from tvae_core.data.prepared import TokenRows

SIZE = 64
SAMPLE = 50_000
"""Training items that the basis is fitted to."""
CHUNK = 2_000


def raw_features(domain: str, texts: Sequence[str]) -> Floats:
    """A domain's features of texts, `(n, k)`."""
    found = commands_of(domain).domain
    assert isinstance(found, HasFeatures)
    return np.asarray(found.features(texts), dtype=np.float32)


def whitened(domain: str, basis: FeatureBasis, texts: Sequence[str]) -> Floats:
    """Whitened components of texts, `(n, size)`."""
    return basis(raw_features(domain, texts))


def fitted(domain: str, rows: TokenRows, size: int, seed: int, jobs: int) -> FeatureBasis:
    """The basis of a sample of the training split.

    Raises:
        PrepError: the features of all items are equal.
    """
    chosen = np.random.default_rng(seed).permutation(len(rows))[:SAMPLE]
    work = partial(raw_features, domain)
    parts = _mapped(work, rows, np.sort(chosen).tolist(), jobs, "features of a sample")
    features = np.concatenate(parts)
    features = features[np.isfinite(features).all(1)]
    try:
        return FeatureBasis.fit(features, size)
    except ValueError as error:
        raise PrepError(f"no basis can be fitted: {error}") from error


def _mapped(
    work: Callable[[Sequence[str]], Floats],
    rows: TokenRows,
    chosen: Sequence[int],
    jobs: int,
    what: str,
) -> list[Floats]:
    from multiprocessing import get_context

    chunks = [chosen[i : i + CHUNK] for i in range(0, len(chosen), CHUNK)]
    texts = (rows.texts(chunk) for chunk in chunks)
    bar, found = Bar(what, "item"), list[Floats]()
    jobs = min(jobs, len(chunks))
    if jobs == 1:
        for part in map(work, texts):
            found.append(part)
            bar(min(len(found) * CHUNK, len(chosen)), len(chosen))
        return found
    with get_context("spawn").Pool(jobs) as pool:
        for part in pool.imap(work, texts):
            found.append(part)
            bar(min(len(found) * CHUNK, len(chosen)), len(chosen))
    return found


def add_features(folder: Path, size: int, seed: int, jobs: int, command: str) -> FeatureBasis:
    """Computes and writes the features of a prepared set.

    Raises:
        PrepError: it is no prepared set, or its domain has no features.
    """
    from tvae_core.data.prepared import PreparedSet

    if not is_prepared_set(folder):
        raise PrepError(f"{folder} is not a prepared set", BAD_USAGE)
    prepared = PreparedSet(folder)
    domain = str(prepared.manifest.get("domain"))
    if not isinstance(commands_of(domain).domain, HasFeatures):
        raise PrepError(f"the domain {domain} has no features of its items", BAD_USAGE)
    basis = fitted(domain, prepared.rows("train"), size, seed, jobs)
    work = partial(whitened, domain, basis)
    with whole_folder(folder / FEATURES) as fresh:
        basis.save(fresh / FILE)
        for split in prepared.splits:
            rows = prepared.rows(split)
            parts = _mapped(work, rows, range(len(rows)), jobs, f"features of {split}")
            np.save(fresh / f"{split}.npy", np.concatenate(parts).astype(np.float16))
        about = {
            "size": len(basis.share),
            "share_of_variance": round(float(basis.share.sum()), 4),
            "sample": min(SAMPLE, len(prepared.rows("train"))),
            "seed": seed,
            "tokenizer_sha256": prepared.manifest.get("tokenizer_sha256"),
            "command": command,
        }
        (fresh / MANIFEST).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return basis


def make_parser() -> CommandParser:
    """The flags of the command."""
    parser = CommandParser(prog="python -m data_prep.features", description=__doc__)
    add = parser.add_argument
    add("data", type=Path, help="the prepared set")
    add("--size", type=positive_int, default=SIZE, help="components an item (%(default)s)")
    add("--seed", type=int, default=0, help="of the sample (%(default)s)")
    add("--jobs", type=positive_int, default=available_cores(), help="processors (%(default)s)")
    return parser


def prepare(arguments: argparse.Namespace, command: str) -> None:
    """Run the command with parsed arguments."""
    check_not_negative(arguments, "seed")
    data, size, seed, jobs = arguments.data, arguments.size, arguments.seed, arguments.jobs
    basis = add_features(data, size, seed, jobs, command)
    share = f"{100 * float(basis.share.sum()):.0f}% of their variance"
    print(f"{data / FEATURES}: {len(basis.share)} components an item, {share}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    return run_preparation("features", arguments, make_parser, prepare)


if __name__ == "__main__":
    sys.exit(main())
