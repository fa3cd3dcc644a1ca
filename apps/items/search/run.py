"""A search in latent space as a page runs it: a generation at a time, until done or stopped."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from apps.common.bundle import Workbench
from apps.items.facts import Item
from apps.items.spec import Spec
from apps.items.workplace import row_of
from tvae_core.search.search import Call, Search


@dataclass
class SearchRun:
    """A search with the settings it was asked for.

    Attributes:
        search: the search.
        settings: what was asked for, for captions and downloads.
        stopped: by the user; `turn` takes it up again.
        finished: the budget is spent, or nothing new is found any more.
    """

    search: Search
    settings: dict[str, object]
    stopped: bool = False
    finished: bool = False
    _steps: Iterator[list[Call]] = field(init=False)

    def __post_init__(self) -> None:
        self._steps = self.search.steps()

    @property
    def running(self) -> bool:
        """Whether the next generation is due."""
        return not (self.stopped or self.finished)

    def turn(self) -> None:
        """Stops after the generation at work, or takes a stopped search up again."""
        self.stopped = not self.stopped

    def advance(self, bench: Workbench) -> None:
        """One generation, in turn with the other sessions; an error of the score stops it."""
        try:
            with bench.lock:
                self.finished = next(self._steps, None) is None
        except ValueError:
            self.stopped = True
            self._steps = self.search.steps()
            raise
        self.finished = self.finished or self.search.spent >= self.search.budget

    def best_calls(self) -> list[Call]:
        """Calls that hold all constraints, best first."""
        good = [c for c in self.search.calls if c.feasible and not math.isnan(c.score)]
        return sorted(good, key=lambda call: (-call.score, call.number))


def short(value: float) -> str:
    """A score in a few digits."""
    return "–" if math.isnan(value) else f"{value:.3g}".replace("-", "−")


def call_row(spec: Spec, item: Item, call: Call, path: Sequence[Call]) -> dict[str, object]:
    """A call, and the item it scored, as a row of a file."""
    scores = {name: value for name, value in call.values.items() if name.isidentifier()}
    row = row_of(spec, item, score=call.score, call=call.number)
    steps = {step.number: place for place, step in enumerate(path)}
    return {**row, **scores, "improvement": steps.get(call.number)}
