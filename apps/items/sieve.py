"""What of a batch is kept, by the funnel of `tvae_core.sampling` over items that are known already.

Moving a filter asks nothing anew: the funnel's questions are answered from what `facts` keeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from apps.common.bundle import Workbench
from apps.items.facts import Item, similarities
from apps.items.hooks import Choice
from apps.items.spec import Spec
from apps.items.workplace import known_of, novelty
from tvae_core.domain import FloatArray
from tvae_core.sampling.funnel import (
    NOVEL,
    RANKED,
    RAW,
    UNIQUE,
    VALID,
    WINDOW,
    Judge,
    Look,
    Result,
    Sample,
    Stage,
    Wanted,
    pour,
)

LABEL, SIMILARITY = "label", "similarity"
_LOST_AS = {
    VALID: "invalid",
    UNIQUE: "repeated",
    LABEL: "other kind",
    WINDOW: "outside the window",
    NOVEL: "known",
}


@dataclass(frozen=True)
class Filters:
    """What is let through.

    Attributes:
        wanted: limits, novelty and order, as the funnel has them.
        labels: wanted labels; empty for all.
        own: what is chosen at the domain's own stages, by name.
        reference: an item to compare with.
    """

    wanted: Wanted = field(default_factory=Wanted)
    labels: frozenset[str] = frozenset()
    own: Mapping[str, Choice] = field(default_factory=dict)
    reference: Item | None = None

    def told(self) -> dict[str, object]:
        """The choice for files."""
        return {
            "min": dict(self.wanted.minimum),
            "max": dict(self.wanted.maximum),
            "labels": sorted(self.labels),
            **{name: choice.note for name, choice in self.own.items()},
            "unique": self.wanted.unique,
            "novel_only": self.wanted.novel,
            "sort": self.wanted.sort,
            "reference": None if self.reference is None else self.reference.form,
        }

    def notes(self) -> dict[str, str]:
        """What each stage asks for, in words."""
        return {
            UNIQUE: "" if self.wanted.unique else "not asked for",
            LABEL: ", ".join(sorted(self.labels)) or "any",
            **{name: choice.note for name, choice in self.own.items()},
            WINDOW: self.wanted.window() or "not set",
            NOVEL: "required" if self.wanted.novel else "not required",
        }


def titles_of(spec: Spec) -> dict[str, str]:
    """The stages in order: name and title."""
    label = {} if spec.hooks.labels is None else {LABEL: "Of the wanted kind"}
    own = {stage.name: stage.title for stage in spec.hooks.stages}
    first = {RAW: "Decoded", VALID: "Valid", UNIQUE: "Unique"}
    return {**first, **label, **own, WINDOW: "In the window", NOVEL: "Novel", RANKED: "Kept"}


def lost_as(spec: Spec, stage: str) -> str:
    """How a card calls what stopped its item."""
    own = {each.name: each.lost_as for each in spec.hooks.stages}
    return own.get(stage) or _LOST_AS[stage]


def item_of_sample(sample: Sample) -> Item:
    """The item that a sample is."""
    found: Item = sample.look.facts["item"]
    return found


def label_of_sample(sample: Sample) -> str:
    """Its label; empty for none."""
    return str(sample.look.facts["label"])


def sift(
    spec: Spec, bench: Workbench, items: Sequence[Item], labels: Sequence[str], filters: Filters
) -> Result:
    """Passes a batch through the stages.

    Args:
        spec: of the app.
        bench: the bundle.
        items: in the order they were decoded.
        labels: of each, empty for none.
        filters: what is let through.
    """
    looks = [
        Look(item.ok, item.form, item.key, item.why, item.position, {"item": item, LABEL: label})
        for item, label in zip(items, labels, strict=True)
    ]
    names = list(bench.space.domain.score([]))

    def score(samples: Sequence[Sample], _: object) -> dict[str, FloatArray]:
        some = [item_of_sample(sample) for sample in samples]
        found = {n: np.array([i.scores[n] for i in some], dtype=np.float64) for n in names}
        return found | near(spec, bench, some, filters.reference)

    def known(samples: Sequence[Sample]) -> list[bool]:
        new = novelty(spec, bench, [item_of_sample(sample) for sample in samples])
        return [each is False for each in new]

    judge = Judge(
        check=lambda texts, _: looks,
        score=score,
        known=None if known_of(spec, bench) is None else known,
        stages=_stages(spec, filters),
    )
    return pour(judge, [item.text for item in items], filters.wanted)


def near(
    spec: Spec, bench: Workbench, items: Sequence[Item], reference: Item | None
) -> dict[str, FloatArray]:
    """What there is to tell of items beside a reference, each `(len(items),)`; nothing without."""
    if reference is None:
        return {}
    more = [spec.hooks.against(item, reference) for item in items]
    names = dict.fromkeys(name for each in more for name in each)
    found = {SIMILARITY: similarities(bench, items, reference)}
    found |= {name: [each[name] for each in more] for name in names}
    return {name: np.array(values, dtype=np.float64) for name, values in found.items()}


def _stages(spec: Spec, filters: Filters) -> tuple[Stage, ...]:
    """The stage of labels, where there are any, and the domain's own."""

    def label(samples: Sequence[Sample], _: object) -> list[str]:
        names = [label_of_sample(sample) for sample in samples]
        wanted = filters.labels or names
        return ["" if n in wanted else f"{n or 'no label'}, which is not wanted" for n in names]

    def own(choice: Choice, samples: Sequence[Sample], _: object) -> list[str]:
        return [choice.loss(item_of_sample(sample)) for sample in samples]

    first = () if spec.hooks.labels is None else (Stage(LABEL, label),)
    return (*first, *(Stage(name, partial(own, c)) for name, c in filters.own.items()))
