"""The funnel: from decoded texts to ranked items, every loss counted once, in any domain.

    funnel = Funnel(judge_of(domain, known), Wanted(minimum={"length": 10}, sort="-depth", top=100))
    funnel.add(texts)
    found = funnel.result()
    found.counts, found.kept, found.lost

The stages are `valid`, `unique`, a domain's own, `window`, `novel` and `ranked`. Commands pour all
texts in at once, pages in instalments, long runs part by part. What the stages ask is a domain's:
`Judge`.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tvae_core.domain import Domain, FloatArray, Known, Verdict
from tvae_core.search.limits import check_window, outside, window_text
from tvae_core.support.words import unknown_name

RAW, VALID, UNIQUE, WINDOW, NOVEL, RANKED = "raw", "valid", "unique", "window", "novel", "ranked"

Progress = Callable[[int, int], None] | None
"""Called as `progress(done, total)`."""
StageProgress = Callable[[str, int, int], None]
"""Called as `progress(stage, done, total)`."""


@dataclass(frozen=True)
class Wanted:
    """What is let through, whatever the domain.

    Attributes:
        minimum: lowest value allowed, by score; NaN never passes.
        maximum: highest value allowed, by score; NaN never passes.
        novel: drop the items of the training set, instead of marking them.
        unique: drop repeated items.
        sort: score to rank by, best first; `-name` puts the smallest first and `+name` the
            largest. None keeps the order in which they were drawn.
        top: how many to keep after ranking; None for all.
    """

    minimum: Mapping[str, float] = field(default_factory=dict)
    maximum: Mapping[str, float] = field(default_factory=dict)
    novel: bool = False
    unique: bool = True
    sort: str | None = None
    top: int | None = None

    def check(self, names: Sequence[str]) -> None:
        """Refuses, by `ValueError`, unknown scores and limits that nothing meets.

        Args:
            names: the scores that there are.
        """
        check_window(self.minimum, self.maximum)
        for name in self.names():
            if name not in names:
                raise unknown_name("score", name, names)
        if self.top is not None and self.top < 1:
            raise ValueError(f"top must be at least 1, not {self.top}")

    def names(self) -> list[str]:
        """The scores that the window and the ranking look at."""
        sort = [self.sort.lstrip("+-")] if self.sort else []
        return list(dict.fromkeys([*self.minimum, *self.maximum, *sort]))

    def window(self) -> str:
        """The limits in words, such as `qed >= 0.6, sa <= 4`."""
        return window_text(self.minimum, self.maximum)


@dataclass(frozen=True, slots=True)
class Look:
    """What there is to say of one text before anything is filtered.

    Attributes:
        ok: whether it is an item.
        form: canonical form.
        key: tells distinct items apart.
        reason: what is wrong with it.
        position: 0-based character at fault.
        facts: what else the domain found, for its own stages and files.
    """

    ok: bool
    form: str = ""
    key: str = ""
    reason: str = ""
    position: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str, verdict: Verdict) -> Look:
        """A domain's verdict, distinct by the canonical form."""
        form = text if verdict.canonical is None else verdict.canonical
        return cls(verdict.ok, form, form, verdict.reason or "not valid", verdict.position)


@dataclass(slots=True)
class Sample:
    """A text on its way through the funnel.

    Attributes:
        index: its 0-based place among all texts.
        text: as it was decoded.
        look: what there was to say of it.
        scores: by name; empty before they are asked for.
        novel: not in the training set; None where that was not looked up.
        stage: the one that stopped it; empty for what is kept.
        reason: why it did.
        marks: what a domain's own stages noted.
    """

    index: int
    text: str
    look: Look
    scores: Mapping[str, float] = field(default_factory=dict)
    novel: bool | None = None
    stage: str = ""
    reason: str = ""
    marks: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """Its place as people count, from 1."""
        return self.index + 1


@dataclass(frozen=True)
class Stage:
    """A stage of a domain's own: `look(samples, progress)` says why each is stopped, or nothing."""

    name: str
    look: Callable[[Sequence[Sample], Progress], Sequence[str]]


@dataclass(frozen=True)
class Words:
    """How the funnel words its reasons.

    Attributes:
        repeated: of an item that was there before, as sample `{first}`.
        window: of one outside the limits: `{broken}` are those it breaks, `{window}` is all.
        known: of one of the training set.
    """

    repeated: str = "the same as sample {first}"
    window: str = "{broken}"
    known: Callable[[Sample], str] = lambda sample: "in the training set"


@dataclass(frozen=True)
class Judge:
    """What a domain says of texts; all functions take many and answer one each, in order.

    Attributes:
        check: looks at texts.
        score: the scores of valid samples, `(n,)` each.
        known: which valid samples are in the training set; None where that cannot be said.
        stages: the domain's own, between `unique` and `window`.
        novel_first: whether novelty is asked before the window, so that its share is of all
            distinct items; otherwise it is of those inside the window.
        smallest: scores of which the smallest is the best.
        chunk: samples scored at a time; None for all.
        words: how reasons are worded.
        close: ends processes that it started.
        false_known: the share of novel items that `known` calls known.
    """

    check: Callable[[Sequence[str], Progress], Sequence[Look]]
    score: Callable[[Sequence[Sample], Progress], Mapping[str, FloatArray]]
    known: Callable[[Sequence[Sample]], Sequence[bool]] | None = None
    stages: tuple[Stage, ...] = ()
    novel_first: bool = False
    smallest: frozenset[str] = frozenset()
    chunk: int | None = None
    words: Words = field(default_factory=Words)
    close: Callable[[], None] = lambda: None
    false_known: float = 0.0

    @property
    def order(self) -> tuple[str, ...]:
        """The names of all stages, beginning with `raw`."""
        last = (NOVEL, WINDOW) if self.novel_first else (WINDOW, NOVEL)
        return (RAW, VALID, UNIQUE, *(stage.name for stage in self.stages), *last, RANKED)


def judge_of(domain: Domain, known: Known | None = None) -> Judge:
    """The judge of a domain that has no stages of its own, as the commands ask it."""

    def is_known(samples: Sequence[Sample]) -> Sequence[bool]:
        assert known is not None
        return known([sample.look.form for sample in samples])

    return Judge(
        check=lambda texts, _: list(map(Look.of, texts, domain.check(texts))),
        score=lambda samples, _: domain.score([sample.look.form for sample in samples]),
        known=None if known is None else is_known,
        novel_first=True,
        chunk=1000,
        words=Words("as sample {first}", "not within {window}"),
    )


def smallest_first(sort: str, smallest: frozenset[str]) -> bool:
    """Whether the best of a ranking are its smallest values."""
    return sort.startswith("-") or (not sort.startswith("+") and sort in smallest)


def ranked(samples: Sequence[Sample], sort: str | None, smallest: frozenset[str]) -> list[Sample]:
    """Samples best first, those without the score last, ties in the order they came."""
    if not sort:
        return list(samples)
    name, sign = sort.lstrip("+-"), 1 if smallest_first(sort, smallest) else -1

    def key(sample: Sample) -> tuple[bool, float]:
        value = sample.scores.get(name, math.nan)
        return (True, 0.0) if math.isnan(value) else (False, sign * value)

    return sorted(samples, key=key)


@dataclass(frozen=True)
class Result:
    """The outcome of a funnel.

    Attributes:
        counts: texts that passed each stage, by its name, in the funnel's order; `raw` is all.
        kept: what came through, ranked.
        lost: what did not, in the order it was lost, if that was asked for.
        distinct: how many distinct items there are among the valid.
        novel: how many were found novel; None where that cannot be said.
        reasons: why texts are not valid, and how often.
    """

    counts: Mapping[str, int]
    kept: list[Sample]
    lost: list[Sample]
    distinct: int
    novel: int | None
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def validity(self) -> float:
        """Share of valid texts among all; NaN for none."""
        return share(self.counts[VALID], self.counts[RAW])

    @property
    def uniqueness(self) -> float:
        """Share of distinct items among the valid; NaN for none."""
        return share(self.distinct, self.counts[VALID])

    @property
    def novelty(self) -> float:
        """Share of novel items among those it was asked of; NaN where it cannot be said."""
        before = list(self.counts)[list(self.counts).index(NOVEL) - 1]
        return math.nan if self.novel is None else share(self.novel, self.counts[before])


def share(part: int, whole: int) -> float:
    """A part of a whole; NaN of nothing."""
    return part / whole if whole else math.nan


def passed(order: Sequence[str], raw: int, lost: Mapping[str, int]) -> dict[str, int]:
    """How many texts passed each stage, of how many each one stopped."""
    counts = {RAW: raw}
    for before, stage in itertools.pairwise(order):
        counts[stage] = counts[before] - lost.get(stage, 0)
    return counts


class Funnel:
    """A funnel that texts are poured into; `result` may be asked at any time."""

    def __init__(self, judge: Judge, wanted: Wanted | None = None, keep_lost: bool = True) -> None:
        """Prepares an empty funnel.

        Args:
            judge: a domain's.
            wanted: what is let through.
            keep_lost: whether what is stopped is kept with its reason, not only counted.

        Raises:
            ValueError: only novel items are wanted, and nothing tells them.
        """
        self.judge, self.wanted = judge, Wanted() if wanted is None else wanted
        if self.wanted.novel and judge.known is None:
            raise ValueError("only novel items are asked for, but there is no known set")
        self._keep_lost = keep_lost
        self._raw = self._novel = 0
        self._first: dict[str, int] = {}
        self._stopped: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._kept: list[Sample] = []
        self._lost: list[Sample] = []

    def add(self, texts: Sequence[str], progress: StageProgress | None = None) -> None:
        """Pours more texts in; their numbers go on from those before."""
        try:
            self._add(texts, progress)
        finally:
            self.judge.close()

    def _add(self, texts: Sequence[str], progress: StageProgress | None) -> None:
        fresh = self._distinct(texts, progress)
        size = self.judge.chunk or max(len(fresh), 1)
        for start in range(0, len(fresh), size):
            part = fresh[start : start + size]
            for stage in self.judge.stages:
                part = self._own(stage, part, progress)
            if self.judge.novel_first:
                part = self._tell_novel(part)
            part = self._window(part, progress)
            if not self.judge.novel_first:
                part = self._tell_novel(part)
            self._kept += part
            if progress is not None and self.judge.chunk is not None:
                progress("score", min(start + size, len(fresh)), len(fresh))

    def _distinct(self, texts: Sequence[str], progress: StageProgress | None) -> list[Sample]:
        start = self._raw
        self._raw += len(texts)
        fresh = []
        looks = self.judge.check(texts, _named(VALID, progress))
        for index, (text, look) in enumerate(zip(texts, looks, strict=True), start):
            sample = Sample(index, text, look)
            if not look.ok:
                self._reasons[look.reason] += 1
                self._stop(sample, VALID, look.reason)
                continue
            first = self._first.setdefault(look.key, index)
            if self.wanted.unique and first != index:
                self._stop(sample, UNIQUE, self.judge.words.repeated.format(first=first + 1))
            else:
                fresh.append(sample)
        return fresh

    def _own(
        self, stage: Stage, part: list[Sample], progress: StageProgress | None
    ) -> list[Sample]:
        reasons = stage.look(part, _named(stage.name, progress))
        for sample, reason in zip(part, reasons, strict=True):
            if reason:
                self._stop(sample, stage.name, reason)
        return _passing(part)

    def _window(self, part: list[Sample], progress: StageProgress | None) -> list[Sample]:
        tell = None if self.judge.chunk is not None else _named("score", progress)
        scores = self.judge.score(part, tell)
        for row, sample in enumerate(part):
            sample.scores = {name: float(values[row]) for name, values in scores.items()}
            broken = outside(sample.scores, self.wanted.minimum, self.wanted.maximum)
            if broken:
                words = self.judge.words.window
                reason = words.format(broken=broken, window=self.wanted.window())
                self._stop(sample, WINDOW, reason)
        return _passing(part)

    def _tell_novel(self, part: list[Sample]) -> list[Sample]:
        if self.judge.known is None:
            return part
        for sample, hit in zip(part, self.judge.known(part), strict=True):
            sample.novel = not hit
            self._novel += not hit
            if self.wanted.novel and hit:
                self._stop(sample, NOVEL, self.judge.words.known(sample))
        return _passing(part)

    def _stop(self, sample: Sample, stage: str, reason: str) -> None:
        sample.stage, sample.reason = stage, reason
        self._stopped[stage] += 1
        if self._keep_lost:
            self._lost.append(sample)

    def result(self) -> Result:
        """What came through so far, ranked, and what did not, with counts of every stage."""
        wanted = self.wanted
        order = ranked(self._kept, wanted.sort, self.judge.smallest)
        cut = order[wanted.top :] if wanted.top is not None else []
        for sample in order:
            sample.stage = sample.reason = ""
        for sample in cut:
            sample.stage, sample.reason = RANKED, f"ranked below the first {wanted.top}"
        return Result(
            counts=passed(self.judge.order, self._raw, self._stopped | Counter(ranked=len(cut))),
            kept=order[: wanted.top],
            lost=self._lost + cut if self._keep_lost else [],
            distinct=len(self._first),
            novel=None if self.judge.known is None else self._novel,
            reasons=self._reasons,
        )


def pour(judge: Judge, texts: Sequence[str], wanted: Wanted | None = None) -> Result:
    """Texts through the whole funnel at once."""
    funnel = Funnel(judge, wanted)
    funnel.add(texts)
    return funnel.result()


def _passing(part: Sequence[Sample]) -> list[Sample]:
    return [sample for sample in part if not sample.stage]


def _named(stage: str, progress: StageProgress | None) -> Progress:
    return None if progress is None else partial(progress, stage)
