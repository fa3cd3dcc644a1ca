"""What of a batch is kept: valid, unique, of the wanted labels, within limits, novel; counted."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from apps.common.widgets.windows import outside
from apps.items.facts import Item
from apps.items.hooks import Choice
from apps.items.spec import Spec
from tvae_core.search.limits import window_text

LABEL, SIMILARITY = "label", "similarity"


def titles_of(spec: Spec) -> dict[str, str]:
    """The stages in order: name and title; the last count is that of the kept."""
    label = {} if spec.hooks.labels is None else {LABEL: "Of the wanted kind"}
    own = {stage.name: stage.title for stage in spec.hooks.stages}
    first = {"raw": "Decoded", "valid": "Valid", "unique": "Unique"}
    return {**first, **label, **own, "window": "In the window", "novel": "Novel"}


def lost_as(spec: Spec, stage: str) -> str:
    """How a card calls what stopped its item."""
    own = {each.name: each.lost_as for each in spec.hooks.stages}
    usual = {
        "valid": "invalid",
        "unique": "repeated",
        LABEL: "other kind",
        "window": "outside the window",
        "novel": "known",
    }
    return own.get(stage) or usual[stage]


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
        own: what is chosen at the domain's own stages, by name.
        reference: an item to compare with.
    """

    minimum: dict[str, float] = field(default_factory=dict)
    maximum: dict[str, float] = field(default_factory=dict)
    labels: frozenset[str] = frozenset()
    unique: bool = True
    novel: bool = False
    sort: str = ""
    own: Mapping[str, Choice] = field(default_factory=dict)
    reference: Item | None = None

    def told(self) -> dict[str, object]:
        """The choice for files."""
        return {
            "min": dict(self.minimum),
            "max": dict(self.maximum),
            "labels": sorted(self.labels),
            **{name: choice.note for name, choice in self.own.items()},
            "unique": self.unique,
            "novel_only": self.novel,
            "sort": self.sort or None,
            "reference": None if self.reference is None else self.reference.form,
        }

    def notes(self) -> dict[str, str]:
        """What each stage asks for, in words."""
        return {
            "unique": "" if self.unique else "not asked for",
            LABEL: ", ".join(sorted(self.labels)) or "any",
            **{name: choice.note for name, choice in self.own.items()},
            "window": window_text(self.minimum, self.maximum) or "not set",
            "novel": "required" if self.novel else "not required",
        }


@dataclass(frozen=True, slots=True)
class Sample:
    """An item of a batch: its number, label, novelty, and where and why it was lost.

    `near` is what there is to tell of it beside a reference.
    """

    index: int
    item: Item
    label: str = ""
    novel: bool | None = None
    stage: str = ""
    reason: str = ""
    near: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Sifted:
    """Counts of the stages, and the samples that were kept and lost."""

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


def sift(samples: Sequence[Sample], wanted: Wanted, stages: Sequence[str]) -> Sifted:
    """Passes a batch through the stages.

    Args:
        samples: in the order they were decoded, none of them lost yet.
        wanted: what is let through.
        stages: names of the stages in order, from `raw` on.
    """
    first: dict[str, int] = {}
    kept: list[Sample] = []
    lost: list[Sample] = []
    for sample in samples:
        stage, reason = _loss(sample, wanted, first)
        if stage:
            lost.append(
                Sample(sample.index, sample.item, sample.label, sample.novel, stage, reason)
            )
        else:
            kept.append(sample)
    stopped = Counter(sample.stage for sample in lost)
    counts = {"raw": len(samples)}
    for before, stage in itertools.pairwise(stages):
        counts[stage] = counts[before] - stopped[stage]
    if wanted.sort:
        name, low_first = wanted.sort.removeprefix("-"), wanted.sort.startswith("-")
        kept.sort(key=lambda s: _rank({**s.item.scores, **s.near}.get(name, math.nan), low_first))
    return Sifted(counts, kept, lost)


def _rank(value: float, low_first: bool) -> tuple[bool, float]:
    return (math.isnan(value), value if low_first else -value)


def _loss(sample: Sample, wanted: Wanted, first: dict[str, int]) -> tuple[str, str]:
    """The stage at which a text is lost and why; both empty if it is kept."""
    item = sample.item
    if not item.ok:
        return "valid", item.why
    earlier = first.setdefault(item.key, sample.index)
    if wanted.unique and earlier != sample.index:
        return "unique", f"the same as sample {earlier + 1}"
    if wanted.labels and sample.label not in wanted.labels:
        return LABEL, f"{sample.label or 'no label'}, which is not wanted"
    for name, choice in wanted.own.items():
        if reason := choice.loss(item):
            return name, reason
    if broken := outside(item.scores, wanted.minimum, wanted.maximum):
        return "window", broken
    if wanted.novel and sample.novel is False:
        return "novel", "in the training set"
    return "", ""
