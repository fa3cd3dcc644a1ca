"""What there is to know of a text: its verdict and its scores, kept for all sessions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from apps.common.bundle import Workbench
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
    """

    text: str
    canonical: str | None = None
    reason: str = ""
    position: int | None = None
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the text is valid."""
        return self.canonical is not None

    @property
    def why(self) -> str:
        """What is wrong with the text, with the place; empty for a valid one."""
        return "" if self.ok else str(DomainError(self.reason, self.position))

    @property
    def key(self) -> str:
        """Tells distinct items apart: equal for two spellings of one item."""
        return f"invalid {self.text}" if self.canonical is None else self.canonical


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
            made[text] = Item(text, verdict.canonical, scores=values)
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


def similarities(bench: Workbench, items: Sequence[Item], other: Item) -> list[float]:
    """Similarity of each item to another one, 0 to 1; NaN where either is invalid."""
    out = np.full(len(items), np.nan)
    valid = [i for i, item in enumerate(items) if item.ok]
    if other.ok and valid:
        forms = [items[i].canonical or "" for i in valid]
        out[valid] = similarity_of(bench.space)(forms, [other.canonical or ""] * len(forms))
    return [float(value) for value in out]
