"""Collects the corpus: standardised, each molecule once, held-out ones and their forms taken out.

What is held out is told apart by skeleton (no stereo, ions neutralised), so that no form of a test
molecule is trained on. Validation and test are whole scaffolds, small ones, drawn by a seed.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data_prep.common import BAD_USAGE, PrepError
from data_prep.druglike.describe import Described, described
from data_prep.druglike.sources import BLOCK, Given, Source
from data_prep.earlier import LEAST
from tvae_core.support.progress import Bar
from tvae_core.support.workers import Workers

HELD_OUT = 10_000
"""Molecules of validation and of test."""
LARGEST_SCAFFOLD = 50
"""Most molecules of a scaffold that is held out."""
_NAME = re.compile(r"\W+")


class Left(NamedTuple):
    """A row that is left out or changed, for rejected.csv and changed.csv."""

    source: str
    line: int
    text: str
    told: str


@dataclass(slots=True)
class Account:
    """What became of the rows of a source; rows = kept + duplicates + held_out + rejected."""

    kept: int = 0
    duplicates: int = 0
    held_out: int = 0
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """Rows of the source."""
        return self.kept + self.duplicates + self.held_out + self.rejected

    def to_dict(self) -> dict[str, Any]:
        """The counts, for a manifest; the commonest fifty reasons and changes."""
        return {
            "rows": self.rows,
            "kept": self.kept,
            "duplicates": self.duplicates,
            "held_out": self.held_out,
            "rejected": self.rejected,
            "rejected_reasons": dict(self.reasons.most_common(50)),
            "changed": dict(self.changes.most_common(50)),
        }


@dataclass(slots=True)
class Corpus:
    """The molecules that may be trained on, and those held out by name."""

    texts: list[str] = field(default_factory=list)
    scaffolds: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    accounts: dict[str, Account] = field(default_factory=dict)
    held: dict[str, list[str]] = field(default_factory=dict)
    rejected: list[Left] = field(default_factory=list)
    changed: list[Left] = field(default_factory=list)
    moses_held_out: bool = False
    _seen: set[int] = field(default_factory=set)
    _forbidden: set[int] = field(default_factory=set)

    def hold_out(self, source: Source, fragments: str, workers: Workers) -> None:
        """Keeps the molecules of a file as a split, and every form of them out of the others."""
        name = _NAME.sub("_", source.path.name.split(".")[0]).strip("_").lower()
        if name in {"train", "validation", "test", *self.held}:
            raise PrepError(f"{source.path}: a split {name!r} is there already", BAD_USAGE)
        account = self.accounts[source.name] = Account()
        texts: dict[str, None] = {}
        for given, found in _described(source, fragments, workers):
            if self._refused(account, source, given, found):
                continue
            self._forbidden.add(found.skeleton)
            account.kept += found.smiles not in texts
            account.duplicates += found.smiles in texts
            texts[found.smiles] = None
        if not texts:
            raise PrepError(f"{source.path} holds no molecule that could be held out", BAD_USAGE)
        self.held[name] = list(texts)

    def forbid(self, what: str, texts: Sequence[str], workers: Workers) -> None:
        """Keeps molecules of a published test split, and every form of them, out of all splits."""
        bar = Bar(f"reading {what}", "molecule")
        for start in range(0, len(texts), BLOCK):
            for found in described(texts[start : start + BLOCK], "largest", workers):
                if found.reason is None:
                    self._forbidden.add(found.skeleton)
            bar(min(start + BLOCK, len(texts)), len(texts))
        bar.close()

    def add(self, source: Source, fragments: str, workers: Workers) -> Account:
        """Takes in the molecules of a source that are new and not held out."""
        account = self.accounts[source.name] = Account()
        for given, found in _described(source, fragments, workers):
            if self._refused(account, source, given, found):
                continue
            if found.skeleton in self._forbidden:
                account.held_out += 1
            elif (key := hash(found.smiles)) in self._seen:
                account.duplicates += 1
            else:
                account.kept += 1
                self._seen.add(key)
                self.texts.append(found.smiles)
                self.scaffolds.append(found.scaffold)
                self.weights.append(found.weight)
        return account

    def _refused(self, account: Account, source: Source, given: Given, found: Described) -> bool:
        """Whether a row is no molecule; counts that, or what was changed in it."""
        if found.reason is not None:
            account.rejected += 1
            account.reasons[_general(found.reason)] += 1
            self.rejected.append(Left(source.name, given.line, given.text, found.reason))
            return True
        changes = (*given.changes, *found.changes)
        account.changes.update(change.kind for change in changes)
        if changes:
            told = "; ".join(change.kind for change in changes)
            self.changed.append(Left(source.name, given.line, found.smiles, told))
        return False

    def splits(self, seed: int, limit: int | None) -> dict[str, pa.Table]:
        """Train with weights, validation and test of whole scaffolds, and what is held by name.

        Raises:
            PrepError: too few molecules to split.
        """
        rows = np.arange(len(self.texts))
        if limit is not None and limit < len(rows):
            rows = np.sort(np.random.default_rng((seed, 2)).choice(rows, limit, replace=False))
        scaffolds = np.array(self.scaffolds, np.uint64)[rows]
        size = min(HELD_OUT, max(LEAST, len(rows) // 20))
        parts = scaffold_split(scaffolds, size, seed)
        if not all(len(part) for part in parts.values()):
            raise PrepError(
                f"{len(rows):,} molecules are too few, or too alike, to hold scaffolds out",
                BAD_USAGE,
            )
        texts, found = pa.array(self.texts, pa.string()), {}
        for name, part in parts.items():
            chosen = rows[part]
            table = pa.table({"text": texts.take(pa.array(chosen))})
            if name == "train":
                weights = np.array(self.weights, np.float32)[chosen]
                table = table.append_column("weight", pa.array(weights))
            found[name] = table
        held = {name: pa.table({"text": texts}) for name, texts in self.held.items()}
        return found | held


def scaffold_split(
    scaffolds: npt.NDArray[np.uint64], size: int, seed: int
) -> dict[str, npt.NDArray[np.int64]]:
    """Rows of `train`, `validation` and `test`, no scaffold in two of them.

    Args:
        scaffolds: `(n,)`, equal for molecules of one scaffold.
        size: rows of validation and of test, at most; they take scaffolds of at most
            `LARGEST_SCAFFOLD` molecules, drawn by `seed`.
    """
    _, group, counts = np.unique(scaffolds, return_inverse=True, return_counts=True)
    free = {"validation": size, "test": size}
    names = ("train", *free)
    of_group = np.zeros(len(counts), np.int8)
    eligible = np.flatnonzero(counts <= min(size, LARGEST_SCAFFOLD))
    for number in np.random.default_rng((seed, 3)).permutation(eligible):
        split = next((name for name, room in free.items() if counts[number] <= room), None)
        if split is not None:
            free[split] -= int(counts[number])
            of_group[number] = names.index(split)
        if not any(free.values()):
            break
    part = of_group[group]
    return {name: np.flatnonzero(part == number) for number, name in enumerate(names)}


def _described(
    source: Source, fragments: str, workers: Workers
) -> Iterator[tuple[Given, Described]]:
    for block in source.blocks(workers):
        readable = [given for given in block if given.reason is None]
        texts = [given.text for given in readable]
        canonical = bool(readable) and readable[0].canonical
        found = iter(described(texts, fragments, workers, canonical))
        for given in block:
            if given.reason is None:
                yield given, next(found)
            else:
                yield given, Described("", given.reason, given.changes)


def _general(reason: str) -> str:
    """A reason without what differs from row to row, for counting."""
    return re.sub(r"\d[\d,]*", "N", re.sub(r" \(at character .*\)", "", reason))


def report(accounts: dict[str, Account]) -> None:
    """A line a source on stderr."""
    for name, account in accounts.items():
        print(
            f"{name}: {account.rows:,} rows: {account.kept:,} kept, {account.duplicates:,} "
            f"duplicates, {account.held_out:,} held out, {account.rejected:,} rejected",
            file=sys.stderr,
        )
        for what, counts in (("changed", account.changes), ("rejected", account.reasons)):
            for kind, times in counts.most_common(5):
                print(f"  {what}: {kind}: {times:,}", file=sys.stderr)
