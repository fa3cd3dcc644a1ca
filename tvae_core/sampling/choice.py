"""Which of the sampled items are kept: counting, limits, ranking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tvae_core.domain import FloatArray, Verdict
from tvae_core.search.limits import check_window, window_text
from tvae_core.support.words import unknown_name


@dataclass(frozen=True)
class Choice:
    """Which of the distinct valid items are kept, and in which order.

    Attributes:
        minimum: lowest value allowed, by score; NaN never passes.
        maximum: highest value allowed, by score; NaN never passes.
        sort: score to rank by, largest first; `-name` puts the smallest first. None keeps the
            order in which they were drawn.
        top: how many to keep; None for all.
        novel: keep only those that are not in the training set.
    """

    minimum: dict[str, float]
    maximum: dict[str, float]
    sort: str | None = None
    top: int | None = None
    novel: bool = False

    def check(self, names: Sequence[str]) -> None:
        """Refuses limits that nothing meets and an unknown score to sort by, by `ValueError`."""
        check_window(self.minimum, self.maximum)
        if self.sort is not None and self.sort.lstrip("+-") not in names:
            raise unknown_name("score", self.sort.lstrip("+-"), names)

    def window(self) -> str:
        """The limits in words."""
        return window_text(self.minimum, self.maximum)

    def passes(self, scores: dict[str, FloatArray], n: int) -> list[bool]:
        """Which of `n` items lie within the limits."""
        held = np.ones(n, dtype=bool)
        for name, limit in self.minimum.items():
            held &= scores[name] >= limit
        for name, limit in self.maximum.items():
            held &= scores[name] <= limit
        return [bool(one) for one in held]

    def ranked(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows to keep, best first; those without the score stand last."""
        if self.sort is not None:
            name, sign = self.sort.lstrip("+-"), 1 if self.sort.startswith("-") else -1
            known = [row for row in rows if row[name] == row[name]]
            unknown = [row for row in rows if row[name] != row[name]]
            rows = sorted(known, key=lambda row: sign * float(row[name])) + unknown
        return rows[: self.top]


@dataclass
class Drawn:
    """What was drawn: the distinct valid items with the sample they came from, and the rest."""

    keep_rejected: bool = False
    count: int = 0
    valid: int = 0
    first: dict[str, int] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    rejected: list[dict[str, Any]] = field(default_factory=list)

    def add(self, texts: Sequence[str], verdicts: Sequence[Verdict]) -> None:
        """Counts a batch."""
        for text, verdict in zip(texts, verdicts, strict=True):
            self.count += 1
            if not verdict.ok:
                reason = verdict.reason or "not valid"
                self.reasons[reason] += 1
                self.reject(text, self.count, "invalid", reason, verdict.position)
                continue
            self.valid += 1
            form = text if verdict.canonical is None else verdict.canonical
            if form in self.first:
                self.reject(text, self.count, "repeated", f"as sample {self.first[form]}")
            else:
                self.first[form] = self.count

    def reject(
        self, text: str, sample: int, stage: str, reason: str, position: int | None = None
    ) -> None:
        """Notes a text that is not kept, if those are asked for."""
        if self.keep_rejected:
            place = None if position is None else position + 1
            told = {"sample": sample, "stage": stage, "reason": reason, "character": place}
            self.rejected.append({"text": text} | told)


def with_verdicts(rows: Sequence[dict[str, Any]], drawn: Drawn) -> list[dict[str, Any]]:
    """The kept rows as valid ones, and after them the invalid texts with their reasons.

    Args:
        rows: kept items.
        drawn: what was drawn, with `keep_rejected`.
    """
    kept = [{"valid": True, "reason": None} | row for row in rows]
    failed = [row for row in drawn.rejected if row["stage"] == "invalid"]
    names = ("text", "sample", "reason", "character")
    return kept + [{"valid": False} | {name: row[name] for name in names} for row in failed]
