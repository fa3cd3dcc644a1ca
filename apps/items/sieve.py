"""What of a batch is kept: valid, unique, of the wanted labels, within limits, novel; counted."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from apps.common.widgets.windows import outside
from apps.items.facts import Item

STAGES = {
    "raw": "Decoded",
    "valid": "Valid",
    "unique": "Unique",
    "label": "Of the wanted kind",
    "window": "In the window",
    "novel": "Novel",
}
"""The stages in order, by name; the last count is that of the kept."""

LOST_AS = {
    "valid": "invalid",
    "unique": "repeated",
    "label": "other kind",
    "window": "outside the window",
    "novel": "known",
}
"""How a card calls what stopped its item."""


@dataclass(frozen=True)
class Wanted:
    """What is let through.

    Attributes:
        minimum: lower limits of scores.
        maximum: upper limits of scores.
        labels: wanted labels; empty for all.
        unique: drop repeated items.
        novel: drop items of the training set.
        sort: a score, with `-` before it for low ones first; empty for as they came.
    """

    minimum: dict[str, float] = field(default_factory=dict)
    maximum: dict[str, float] = field(default_factory=dict)
    labels: frozenset[str] = frozenset()
    unique: bool = True
    novel: bool = False
    sort: str = ""

    def told(self) -> dict[str, object]:
        """The choice for files."""
        return {
            "min": dict(self.minimum),
            "max": dict(self.maximum),
            "labels": sorted(self.labels),
            "unique": self.unique,
            "novel_only": self.novel,
            "sort": self.sort or None,
        }


@dataclass(frozen=True, slots=True)
class Sample:
    """An item of a batch: its number, label, novelty, and where and why it was lost."""

    index: int
    item: Item
    label: str = ""
    novel: bool | None = None
    stage: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Sifted:
    """Counts of the stages in `STAGES`, and the samples that were kept and lost."""

    counts: dict[str, int]
    kept: list[Sample]
    lost: list[Sample]

    @property
    def validity(self) -> float:
        """Share of valid texts among all; NaN for none."""
        return self.counts["valid"] / self.counts["raw"] if self.counts["raw"] else math.nan

    @property
    def uniqueness(self) -> float:
        """Share of distinct items among the valid; NaN for none."""
        valid = [s.item.key for s in (*self.kept, *self.lost) if s.item.ok]
        return len(set(valid)) / len(valid) if valid else math.nan

    @property
    def novelty(self) -> float:
        """Share of novel items among the distinct valid ones; NaN where it cannot be said."""
        told = {s.item.key: s.novel for s in (*self.kept, *self.lost) if s.novel is not None}
        return sum(told.values()) / len(told) if told else math.nan


def sift(
    items: Sequence[Item], labels: Sequence[str], novel: Sequence[bool | None], wanted: Wanted
) -> Sifted:
    """Passes a batch through the stages.

    Args:
        items: in the order they were decoded.
        labels: of each, empty for none.
        novel: of each, None where it cannot be said.
        wanted: what is let through.
    """
    first: dict[str, int] = {}
    kept: list[Sample] = []
    lost: list[Sample] = []
    for index, (item, label, new) in enumerate(zip(items, labels, novel, strict=True)):
        stage, reason = _loss(index, item, label, new, wanted, first)
        sample = Sample(index, item, label, new, stage, reason)
        (lost if stage else kept).append(sample)
    stopped = Counter(sample.stage for sample in lost)
    counts = {"raw": len(items)}
    for before, stage in itertools.pairwise(STAGES):
        counts[stage] = counts[before] - stopped[stage]
    if wanted.sort:
        name, low_first = wanted.sort.removeprefix("-"), wanted.sort.startswith("-")
        kept.sort(key=lambda s: _rank(s.item.scores.get(name, math.nan), low_first))
    return Sifted(counts, kept, lost)


def _rank(value: float, low_first: bool) -> tuple[bool, float]:
    return (math.isnan(value), value if low_first else -value)


def _loss(
    index: int, item: Item, label: str, novel: bool | None, wanted: Wanted, first: dict[str, int]
) -> tuple[str, str]:
    """The stage at which a text is lost and why; both empty if it is kept."""
    if not item.ok:
        return "valid", item.why
    earlier = first.setdefault(item.key, index)
    if wanted.unique and earlier != index:
        return "unique", f"the same as sample {earlier + 1}"
    if wanted.labels and label not in wanted.labels:
        return "label", f"{label or 'no label'}, which is not wanted"
    if broken := outside(item.scores, wanted.minimum, wanted.maximum):
        return "window", broken
    if wanted.novel and novel is False:
        return "novel", "in the training set"
    return "", ""
