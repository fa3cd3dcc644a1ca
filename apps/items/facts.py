"""What there is to know of a text: its verdict and its scores, kept for all sessions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from apps.common.bundle import Workbench
from apps.common.codes import fits
from apps.common.kept import Kept
from tvae_core.domain import DomainError
from tvae_core.space.similarity import similarity_of

KEPT = 64_000_000
"""Bytes, about, of items that are kept for all sessions."""
_CHUNK = 64
_ITEM = 1500
"""Bytes, about, of an item besides its text: its scores."""


@dataclass(frozen=True, slots=True)
class Item:
    """A text as its domain sees it.

    Attributes:
        text: as it was decoded or typed.
        canonical: its canonical form; None if it is invalid.
        reason: why it is invalid.
        position: the 0-based character to blame, if one is known.
        scores: all scores of the domain, NaN where one is not defined.
        same: equal for two forms of one item, where the canonical form is not.
    """

    text: str
    canonical: str | None = None
    reason: str = ""
    position: int | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    same: str = ""

    @property
    def ok(self) -> bool:
        """Whether the text is valid."""
        return self.canonical is not None

    @property
    def why(self) -> str:
        """What is wrong with the text, with the place; empty for a valid one."""
        return "" if self.ok else str(DomainError(self.reason, self.position))

    @property
    def form(self) -> str:
        """What is encoded and shown: the canonical form, or the text where there is none."""
        return self.text if self.canonical is None else self.canonical

    @property
    def key(self) -> str:
        """Tells distinct items apart: equal for two spellings of one item."""
        if self.canonical is None:
            return f"invalid {self.text}"
        return self.same or self.canonical


_items: Kept[tuple[int, str], Item] = Kept(KEPT, lambda key, item: 3 * len(key[1]) + _ITEM)


def read_items(bench: Workbench, texts: Sequence[str]) -> list[Item]:
    """What there is to know of texts; what was read before costs nothing. Never raises."""
    found: dict[str, Item] = {}
    for text in texts:
        kept = _items.get((bench.number, text))
        if kept is not None:
            found[text] = kept
    fresh = [text for text in dict.fromkeys(texts) if text not in found]
    for start in range(0, len(fresh), _CHUNK):
        found |= _read(bench, fresh[start : start + _CHUNK])
    return [found[text] for text in texts]


def _read(bench: Workbench, texts: list[str]) -> dict[str, Item]:
    domain = bench.space.domain
    verdicts = domain.check(texts)
    valid = [v.canonical for v in verdicts if v.ok and v.canonical is not None]
    scores = domain.score(valid) if valid else {}
    rows = iter(range(len(valid)))
    made: dict[str, Item] = {}
    for text, verdict in zip(texts, verdicts, strict=True):
        if verdict.ok and verdict.canonical is not None:
            row = next(rows)
            values = {name: float(column[row]) for name, column in scores.items()}
            made[text] = Item(
                text, verdict.canonical, scores=values, same=bench.key(verdict.canonical)
            )
        else:
            made[text] = Item(text, reason=verdict.reason or "invalid", position=verdict.position)
    for text, item in made.items():
        _items.put((bench.number, text), item)
    return made


def prepare(bench: Workbench, texts: Sequence[str], seconds: float = 0.7) -> int:
    """Reads texts until the time is up; gives how many of the first ones are ready."""
    end = time.monotonic() + seconds
    for start in range(0, len(texts), _CHUNK):
        if time.monotonic() > end:
            return start
        read_items(bench, texts[start : start + _CHUNK])
    return len(texts)


def distinct_items(bench: Workbench, texts: Sequence[str]) -> list[Item]:
    """The distinct valid items of texts that are short enough for the bundle."""
    found: dict[str, Item] = {}
    for item in read_items(bench, texts):
        if item.ok:
            found.setdefault(item.key, item)
    short = fits(bench, [item.form for item in found.values()])
    return [item for item, fit in zip(found.values(), short, strict=True) if fit]


def similarities(bench: Workbench, items: Sequence[Item], other: Item) -> list[float]:
    """Similarity of each item to another one, 0 to 1; NaN where either is invalid."""
    return pair_similarities(bench, items, [other] * len(items))


def pair_similarities(
    bench: Workbench, some: Sequence[Item], others: Sequence[Item]
) -> list[float]:
    """Similarity of `some[i]` to `others[i]`, 0 to 1; NaN where either is invalid."""
    out = np.full(len(some), np.nan)
    valid = [i for i, (a, b) in enumerate(zip(some, others, strict=True)) if a.ok and b.ok]
    if valid:
        forms = [some[i].form for i in valid], [others[i].form for i in valid]
        out[valid] = similarity_of(bench.space)(*forms)
    return [float(value) for value in out]
