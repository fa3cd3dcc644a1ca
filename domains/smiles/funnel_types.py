"""What a funnel is asked for and what it answers: options, survivors, losses, counts, a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from domains.smiles.chem.alerts import resolve_catalogs
from domains.smiles.chem.scores import SCORES, check_names
from tvae_core.search import limits
from tvae_core.search.limits import check_window, window_text

STAGES = ("raw", "parsed", "unique", "alerts", "window", "novel", "ranked")
"""The stages in order; a count is of the molecules that passed that stage."""

_NAMES = {
    "raw": "raw samples",
    "parsed": "parsed and sanitised",
    "unique": "unique (InChIKey)",
    "alerts": "no alerts",
    "window": "property window",
    "novel": "novel",
    "ranked": "ranked",
}

_BAR = 24


@dataclass(frozen=True, slots=True)
class FunnelOptions:
    """What the funnel lets through.

    Attributes:
        alerts: catalogues a molecule must have no alert of: names, `all`, or `none`.
        mark_alerts: catalogues whose alerts are only noted on the survivors.
        minimum: lowest value allowed, by score; NaN never passes.
        maximum: highest value allowed, by score; NaN never passes.
        novel_only: drop the molecules that the known set contains, instead of marking them.
        sort: score to rank by, best first as the score has it; `-name` puts the smallest first and
            `+name` the largest. None keeps the order of the texts.
        top: how many to keep after ranking; None for all.

    Raises:
        ValueError: an unknown name (the nearest are named), a limit that is not a number, a window
            that nothing fits, `top` below 1.
    """

    alerts: str | Sequence[str] = ("pains", "brenk")
    mark_alerts: str | Sequence[str] = "none"
    minimum: Mapping[str, float] = field(default_factory=dict)
    maximum: Mapping[str, float] = field(default_factory=dict)
    novel_only: bool = False
    sort: str | None = "qed"
    top: int | None = None

    def __post_init__(self) -> None:
        resolve_catalogs(self.alerts)
        resolve_catalogs(self.mark_alerts)
        check_names(self.names(), with_reference=True)
        check_window(self.minimum, self.maximum)
        if self.top is not None and self.top < 1:
            raise ValueError(f"top must be at least 1, not {self.top}")

    def names(self) -> list[str]:
        """The scores that the window and the ranking look at."""
        sort = [self.sort.lstrip("+-")] if self.sort is not None else []
        return list(dict.fromkeys([*self.minimum, *self.maximum, *sort]))

    def window(self) -> str:
        """The property window in words, such as `qed >= 0.6, sa <= 4`."""
        return window_text(self.minimum, self.maximum)


def parse_limits(pairs: Sequence[str], known: Collection[str] = SCORES) -> dict[str, float]:
    """Limits as a user writes them, `qed=0.6`, by score (one of `known`).

    Raises:
        ValueError: one is not a known score, an equals sign and a number.
    """
    return limits.parse_limits(pairs, known)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A text that a stage stopped, and why.

    Attributes:
        index: its 0-based place among the raw texts.
        stage: one of `STAGES`.
        position: 0-based character at fault, for some that did not parse.
    """

    index: int
    text: str
    stage: str
    reason: str
    position: int | None = None

    def to_dict(self) -> dict[str, object]:
        """A flat row for `files.write_molecules`."""
        place = None if self.position is None else self.position + 1
        return {
            "smiles": self.text,
            "sample": self.index + 1,
            "stage": self.stage,
            "reason": self.reason,
            "character": place,
        }


@dataclass(frozen=True, slots=True)
class Survivor:
    """A molecule that came through.

    Attributes:
        index: its 0-based place among the raw texts.
        text: as it was decoded.
        smiles: canonical, with stereochemistry.
        scaffold: Bemis-Murcko, empty without rings.
        alerts: those of the catalogues in `FunnelOptions.mark_alerts`.
        novel: not in the known set; None if there was none to look in.
        scores: by name; similarity and scaffold match are among them if there was a reference.
    """

    index: int
    text: str
    smiles: str
    inchikey: str
    scaffold: str
    alerts: tuple[str, ...]
    novel: bool | None
    scores: Mapping[str, float]

    def to_dict(self) -> dict[str, object]:
        """A flat row for `files.write_molecules`."""
        return {
            "smiles": self.smiles,
            "name": f"sample-{self.index + 1}",
            "inchikey": self.inchikey,
            **self.scores,
            "alerts": list(self.alerts),
            "novel": self.novel,
            "scaffold": self.scaffold,
        }


def sorts_smallest_first(sort: str) -> bool:
    """Whether the best of a ranking are its smallest values."""
    name = sort.lstrip("+-")
    return sort.startswith("-") or (not sort.startswith("+") and SCORES[name].better == "lower")


def sort_key(sort: str | None) -> Callable[[Survivor], tuple[float, int]]:
    """Best first by a score (`-name` smallest first, `+name` largest); NaN last, ties in order."""
    if sort is None:
        return lambda survivor: (0.0, survivor.index)
    name = sort.lstrip("+-")
    smallest = sorts_smallest_first(sort)

    def key(survivor: Survivor) -> tuple[float, int]:
        value = survivor.scores[name]
        if math.isnan(value):
            return math.inf, survivor.index
        return (value if smallest else -value), survivor.index

    return key


@dataclass(frozen=True, slots=True)
class FunnelResult:
    """The outcome of a funnel.

    Attributes:
        counts: molecules that passed each of `STAGES`.
        survivors: ranked.
        rejected: every other text, in the order of the texts.
        labels: what each stage asked for, in words.
        novel: how many of those inside the property window are novel; None without a known set.
        false_positive_rate: of the known set: the share of novel molecules that it calls known.
    """

    counts: Mapping[str, int]
    survivors: list[Survivor]
    rejected: list[Rejected]
    labels: Mapping[str, str]
    novel: int | None = None
    false_positive_rate: float | None = None

    def share(self, stage: str) -> float:
        """The share of the raw texts that passed a stage; NaN without any text."""
        return self.counts[stage] / self.counts["raw"] if self.counts["raw"] else math.nan

    @property
    def validity(self) -> float:
        """Share of the raw texts that are molecules, before any filter."""
        return self.share("parsed")

    @property
    def uniqueness(self) -> float:
        """Share of the molecules that are distinct, by InChIKey; NaN without any."""
        parsed = self.counts["parsed"]
        return self.counts["unique"] / parsed if parsed else math.nan

    @property
    def novelty(self) -> float:
        """Share of the molecules inside the window that are novel; NaN if that is not known."""
        inside = self.counts["window"]
        return math.nan if self.novel is None or not inside else self.novel / inside

    def reasons(self, stage: str = "parsed") -> dict[str, int]:
        """How often each reason was given at a stage, most frequent first."""
        tally: dict[str, int] = {}
        for item in self.rejected:
            if item.stage == stage:
                tally[item.reason] = tally.get(item.reason, 0) + 1
        return dict(sorted(tally.items(), key=lambda pair: -pair[1]))

    def table(self) -> str:
        """The funnel as lines of text: stage, count, share of the raw texts, a bar."""
        lines = []
        for stage in STAGES:
            label = self.labels.get(stage, "")
            title = f"{_NAMES[stage]} ({label})" if label else _NAMES[stage]
            share = self.share(stage)
            filled = 0 if math.isnan(share) else round(share * _BAR)
            percent = "" if math.isnan(share) else f"{share:.1%}"
            lines.append((title, f"{self.counts[stage]:,}", percent, "#" * filled))
        wide = max(len(line[0]) for line in lines)
        text = [f"{t:<{wide}}  {c:>9}  {p:>6}  {bar}".rstrip() for t, c, p, bar in lines]
        if self.novel is not None:
            text.append(
                f"{self.novel:,} of {self.counts['window']:,} in the window are novel "
                f"({self.false_positive_rate or 0:.2%} of novel molecules are called known)"
            )
        return "\n".join(text)
