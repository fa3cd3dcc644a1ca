"""What a search is for, in any domain: targets, which are maximised, and constraints.

    objective = ItemObjective(domain, ["length - 2*depth"], bounds={"depth": (None, 4)})
    objective(["x = 1", "x = (1"]).score

A target is an expression over scores (`tvae_core.search.expressions`) or a function of the user's
(`tvae_core.search.user_function`). A domain may add scores and constraints of its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tvae_core.domain import Domain, DomainError, FloatArray
from tvae_core.search.expressions import Expression
from tvae_core.search.limits import Bounds, check_bounds, missed_bounds
from tvae_core.search.types import Call, Scored
from tvae_core.search.user_function import UserFunction
from tvae_core.space.similarity import Similarity
from tvae_core.support.words import unknown_name

SIMILARITY = "similarity"
"""The name of the similarity to the start, where there is one."""

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


class Scores(Protocol):
    """The scores that targets and limits may name."""

    @property
    def one_by_one(self) -> bool:
        """Whether limits on scores that no target is made of are told before the targets."""
        ...

    def names(self, with_start: bool) -> list[str]:
        """The names, in the order of tables; some may need a start to compare with."""
        ...

    def __call__(
        self, texts: Sequence[str], names: Sequence[str], start: str | None
    ) -> dict[str, FloatArray]:
        """Named scores of canonical texts, each `(n,)`; NaN where one is not defined."""
        ...

    def why_undefined(self, text: str) -> str:
        """Why scores have no value for a text, where that is known; else empty."""
        ...


class Term(Protocol):
    """A constraint of a domain's own, told without the targets."""

    @property
    def name(self) -> str:
        """The constraint in words."""
        ...

    def missed(self, texts: Sequence[str]) -> FloatArray:
        """How far canonical texts miss it, `(n,)`; 0 where they meet it."""
        ...

    def why(self, text: str) -> str:
        """How a text misses it, in words; empty where it does not."""
        ...


class DomainScores:
    """A domain's scores, which come all at once, and the similarity to a start.

    Attributes:
        measure: how alike two texts are; needed before a score is asked for with a start.
    """

    one_by_one = False

    def __init__(self, domain: Domain, measure: Similarity | None = None) -> None:
        self.domain, self.measure = domain, measure

    def names(self, with_start: bool) -> list[str]:
        """The domain's names, then the similarity."""
        names = list(self.domain.score([]))
        return [*names, *([SIMILARITY] if with_start and SIMILARITY not in names else [])]

    def __call__(
        self, texts: Sequence[str], names: Sequence[str], start: str | None
    ) -> dict[str, FloatArray]:
        """All that the domain scores, if any of it is named, and the similarity."""
        found = dict(self.domain.score(texts)) if set(names) - {SIMILARITY} else {}
        if start is not None and SIMILARITY in names:
            assert self.measure is not None
            found[SIMILARITY] = self.measure(list(texts), [start] * len(texts))
        return found

    def why_undefined(self, text: str) -> str:
        """Nothing is known."""
        return ""


class ItemObjective:
    """A score of items with constraints.

    Args:
        domain: checks.
        targets: expressions over its scores or `module:function`, all maximised.
        start: text that `similarity` compares with, as the objective's name spells it.
        similarity: smallest similarity to the start, 0..1.
        bounds: least and most of named scores.
        scores: by default those of the domain.
        terms: constraints of the domain's own.

    Attributes:
        name: the targets and constraints in words.
        targets: the targets, in one spelling.

    Raises:
        ValueError: for an unknown name (the nearest are named), a constraint nothing can meet, or
            a start that its domain refuses.
    """

    def __init__(
        self,
        domain: Domain,
        targets: Sequence[str],
        *,
        start: str | None = None,
        similarity: float = 0.0,
        bounds: Bounds | None = None,
        scores: Scores | None = None,
        terms: Sequence[Term] = (),
    ) -> None:
        if not targets:
            raise ValueError("there is nothing to optimise: name at least one --target")
        if not 0 <= similarity <= 1:
            raise ValueError(f"similarity must lie in 0..1, not {similarity:g}")
        if similarity and start is None:
            raise ValueError("similarity needs a start to be similar to")
        self.domain, self.start, self.similarity = domain, start, similarity
        self.scores = DomainScores(domain) if scores is None else scores
        self.bounds, self.terms = dict(bounds or {}), tuple(terms)
        if start is not None:
            (verdict,) = domain.check([start])
            if not verdict.ok:
                raise DomainError(f"start {start!r}: {verdict.reason}", verdict.position)
        self._parts = [self._part(text) for text in targets]
        self.targets = tuple(" ".join(text.split()) for text in targets)
        if len(set(self.targets)) != len(self.targets):
            raise ValueError("a target is named twice")
        self._check_names(list(self.bounds))
        check_bounds(self.bounds)
        expressions = [part for part in self._parts if isinstance(part, Expression)]
        self._of_targets = {name for part in expressions for name in part.names}
        used = self._of_targets | set(self.bounds) | ({SIMILARITY} if start is not None else set())
        self._used = [name for name in self.scores.names(start is not None) if name in used]
        self.name = self._name()

    def _part(self, text: str) -> Expression | UserFunction:
        if _FUNCTION.fullmatch(text.strip()):
            return UserFunction(text.strip())
        part = Expression(text, self.scores.names(with_start=True))
        self._check_names(part.names)
        return part

    def _check_names(self, names: Sequence[str]) -> None:
        known = self.scores.names(with_start=True)
        here = self.scores.names(self.start is not None)
        for name in names:
            if name not in known:
                raise unknown_name("score", name, known)
            if name not in here:
                raise ValueError(f"score {name!r} needs a start to compare with")

    def _name(self) -> str:
        limits = [
            f"{name} {sign} {limit:g}"
            for name, pair in sorted(self.bounds.items())
            for sign, limit in zip((">=", "<="), pair, strict=True)
            if limit is not None
        ]
        constraints = [f"{SIMILARITY} >= {self.similarity:g}"] if self.similarity else []
        constraints += [term.name for term in self.terms]
        origin = f" from {self.start}" if self.start is not None else ""
        return "; ".join([", ".join(self.targets) + origin, *constraints, *limits])

    def __call__(self, texts: list[str]) -> Scored:
        """Scores a batch; texts that the domain refuses score NaN.

        With several targets the score is their plain sum.

        Raises:
            ValueError: a function of the user's fails.
        """
        shown, valid = self._checked(texts)
        values = self._values(shown, valid, self._used)
        for text, part in zip(self.targets, self._parts, strict=True):
            values[text] = part(texts) if isinstance(part, UserFunction) else part.evaluate(values)
        score = np.sum([values[text] for text in self.targets], axis=0)
        violation = self._violation(shown, valid, values, self.bounds)
        return Scored(
            values, np.where(valid, score, np.nan), valid & (violation == 0), shown, violation
        )

    def screen(self, texts: list[str]) -> FloatArray:
        """How far texts miss the constraints that no target is needed for.

        These are the similarity to the start, the domain's own terms and, where scores are made
        one by one, the limits of those that no target is made of.

        Returns:
            `(n,)`; infinite for what the domain refuses.
        """
        bounds: Bounds = {}
        if self.scores.one_by_one:
            own = self._of_targets
            bounds = {name: pair for name, pair in self.bounds.items() if name not in own}
        if not (self.similarity or self.terms or bounds):
            return np.zeros(len(texts))
        shown, valid = self._checked(texts)
        names = [*bounds, *([SIMILARITY] if self.similarity else [])]
        return self._violation(shown, valid, self._values(shown, valid, names), bounds)

    def why_unlisted(self, call: Call) -> str:
        """Why a call is not among the results: what has no value, which constraints it misses."""
        reasons = [f"{name} has no value" for name in self.targets if _undefined(call, name)]
        reasons += missed_bounds(call.values, self.bounds)
        if reasons:
            reasons.append(self.scores.why_undefined(call.text))
        reasons += [term.why(call.text) for term in self.terms]
        return ", ".join(reason for reason in dict.fromkeys(reasons) if reason)

    def _checked(self, texts: Sequence[str]) -> tuple[list[str], npt.NDArray[np.bool_]]:
        """Canonical forms, and which texts are valid."""
        verdicts = self.domain.check(texts)
        shown = [
            t if v.canonical is None else v.canonical for t, v in zip(texts, verdicts, strict=True)
        ]
        return shown, np.array([verdict.ok for verdict in verdicts], dtype=bool)

    def _values(
        self, texts: Sequence[str], valid: npt.NDArray[np.bool_], names: Sequence[str]
    ) -> dict[str, FloatArray]:
        """Named scores, each `(n,)`; NaN for what is not valid."""
        values = {name: np.full(len(texts), np.nan) for name in names}
        rows = np.flatnonzero(valid).tolist()
        if names and rows:
            found = self.scores([texts[row] for row in rows], names, self.start)
            for name, column in values.items():
                column[rows] = found[name]
        return values

    def _violation(
        self,
        texts: Sequence[str],
        valid: npt.NDArray[np.bool_],
        values: dict[str, FloatArray],
        bounds: Bounds,
    ) -> FloatArray:
        """How far the constraints are missed, `(n,)`; limits each in units of its own."""
        total = np.zeros(len(texts))
        if self.similarity:
            total += np.nan_to_num(np.maximum(0, self.similarity - values[SIMILARITY]), nan=1)
        for name, (low, high) in bounds.items():
            for limit, sign in ((low, 1.0), (high, -1.0)):
                if limit is not None:
                    missed = sign * (limit - values[name]) / max(abs(limit), 1.0)
                    total += np.nan_to_num(np.maximum(0, missed), nan=1)
        rows = np.flatnonzero(valid).tolist()
        for term in self.terms:
            total[rows] += term.missed([texts[row] for row in rows])
        return np.where(valid, total, np.inf)


def _undefined(call: Call, name: str) -> bool:
    return math.isnan(call.values.get(name, math.nan))
