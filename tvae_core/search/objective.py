"""What `optimise` searches for in any domain: expressions over its scores, and constraints.

objective = ItemObjective(domain, ["length - 2*depth"], bounds={"depth": (None, 4)})
objective(["x = 1", "x = (1"]).score
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tvae_core.domain import Domain, FloatArray, Verdict
from tvae_core.search.expressions import Expression
from tvae_core.search.limits import Bounds, check_bounds, missed_bounds
from tvae_core.search.types import Call, Scored
from tvae_core.space.similarity import Similarity

SIMILARITY = "similarity"
"""The name of the similarity to the start, where there is one."""


class ItemObjective:
    """A score of items with constraints.

    Args:
        domain: checks and scores.
        targets: expressions over its scores, all maximised.
        start: canonical text that `similarity` compares with.
        similarity: smallest similarity to the start, 0..1.
        bounds: least and most of named scores.

    Attributes:
        name: the targets and constraints in words.
        targets: the targets, in one spelling.
        measure: how alike two texts are; needed for what has a start, before it is called.

    Raises:
        ValueError: for an unknown name (the nearest are named) or a constraint nothing can meet.
    """

    def __init__(
        self,
        domain: Domain,
        targets: Sequence[str],
        *,
        start: str | None = None,
        similarity: float = 0.0,
        bounds: Bounds | None = None,
        measure: Similarity | None = None,
    ) -> None:
        if not targets:
            raise ValueError("there is nothing to optimise: name at least one --target")
        if not 0 <= similarity <= 1:
            raise ValueError(f"similarity must lie in 0..1, not {similarity:g}")
        if similarity and start is None:
            raise ValueError("similarity needs a start to be similar to")
        self.domain, self.start, self.similarity = domain, start, similarity
        self.bounds, self.measure = dict(bounds or {}), measure
        names = list(domain.score([]))
        names += [SIMILARITY] if start is not None and SIMILARITY not in names else []
        self._parts = [Expression(text, names) for text in targets]
        self.targets = tuple(part.text for part in self._parts)
        if len(set(self.targets)) != len(self.targets):
            raise ValueError("a target is named twice")
        check_bounds(self.bounds)
        self.name = self._name()

    def _name(self) -> str:
        limits = [
            f"{name} {sign} {limit:g}"
            for name, pair in sorted(self.bounds.items())
            for sign, limit in zip((">=", "<="), pair, strict=True)
            if limit is not None
        ]
        constraints = [f"{SIMILARITY} >= {self.similarity:g}"] if self.similarity else []
        origin = f" from {self.start}" if self.start is not None else ""
        return "; ".join([", ".join(self.targets) + origin, *constraints, *limits])

    def __call__(self, texts: list[str]) -> Scored:
        """Scores a batch; texts that the domain refuses score NaN.

        With several targets the score is their plain sum.
        """
        verdicts = self.domain.check(texts)
        shown = [
            t if v.canonical is None else v.canonical for t, v in zip(texts, verdicts, strict=True)
        ]
        valid = np.array([verdict.ok for verdict in verdicts], dtype=bool)
        found = dict(self.domain.score(shown))
        if self.start is not None:
            found[SIMILARITY] = self._likeness(shown, verdicts)
        used = {name for part in self._parts for name in part.names} | set(self.bounds)
        if self.start is not None:
            used.add(SIMILARITY)
        values = {name: column for name, column in found.items() if name in used}
        for text, part in zip(self.targets, self._parts, strict=True):
            values[text] = part.evaluate(found)
        score = np.sum([values[text] for text in self.targets], axis=0)
        violation = np.where(valid, self._violation(found, len(texts)), np.inf)
        return Scored(
            values, np.where(valid, score, np.nan), valid & (violation == 0), shown, violation
        )

    def screen(self, texts: list[str]) -> FloatArray:
        """How far texts fall short of the similarity to the start, which no score is needed for.

        Returns:
            `(n,)`; infinite for what the domain refuses.
        """
        if not self.similarity:
            return np.zeros(len(texts))
        verdicts = self.domain.check(texts)
        shown = [v.canonical or t for t, v in zip(texts, verdicts, strict=True)]
        missed = np.maximum(0, self.similarity - self._likeness(shown, verdicts))
        return np.nan_to_num(missed, nan=np.inf)

    def why_unlisted(self, call: Call) -> str:
        """Why a call is not among the results: what has no value, which limits it misses."""
        reasons = [f"{name} has no value" for name in unscored(call, self.targets)]
        return ", ".join(dict.fromkeys([*reasons, *missed_bounds(call.values, self.bounds)]))

    def _likeness(self, texts: Sequence[str], verdicts: Sequence[Verdict]) -> FloatArray:
        assert self.measure is not None
        assert self.start is not None
        out = np.full(len(texts), np.nan)
        rows = [index for index, verdict in enumerate(verdicts) if verdict.ok]
        if rows:
            out[rows] = self.measure([texts[i] for i in rows], [self.start] * len(rows))
        return out

    def _violation(self, values: dict[str, FloatArray], n: int) -> FloatArray:
        """How far the constraints are missed, `(n,)`; each in units of its limit."""
        total = np.zeros(n)
        if self.similarity:
            total += np.nan_to_num(np.maximum(0, self.similarity - values[SIMILARITY]), nan=1)
        for name, (low, high) in self.bounds.items():
            for limit, sign in ((low, 1.0), (high, -1.0)):
                if limit is not None:
                    missed = sign * (limit - values[name]) / max(abs(limit), 1.0)
                    total += np.nan_to_num(np.maximum(0, missed), nan=1)
        return total


def unscored(call: Call, targets: Sequence[str]) -> list[str]:
    """The targets that have no value for a call's item."""
    return [name for name in targets if math.isnan(call.values.get(name, math.nan))]
