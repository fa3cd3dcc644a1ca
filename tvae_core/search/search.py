"""Search in latent space for items with a high score, with every call of the score counted.

    search = Search(space, objective, budget=1000, start="CC(=O)Oc1ccccc1C(=O)O")
    for calls in search.steps():
        print(search.spent, search.best)

A method (`tvae_core.search.strategies`) asks for codes, they are decoded and checked, items not
seen before are scored within the budget, and the method is told how all of them ranked: feasible
ones by score, then infeasible ones by violation, then what is not valid. An item already scored is
answered from memory, and a text that its domain refuses is never scored: neither is charged, as in
the PMO benchmark (Gao et al. 2022, arXiv 2206.12411). Nor is one that misses a constraint which the
objective can tell without its score (`Scoring`); the start is always scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tvae_core.decoding.dial import sigma_of
from tvae_core.decoding.ranges import check_radius
from tvae_core.domain import DomainError
from tvae_core.search.archive import Archive, Scoring
from tvae_core.search.ranking import draw_weights, pareto_front
from tvae_core.search.state import read_state, write_state
from tvae_core.search.strategies import DECODES, METHODS, make_strategy
from tvae_core.search.types import Call, FloatArray, Generation, Objective, Scored, generator
from tvae_core.space.space import LatentSpace

__all__ = ["DECODES", "METHODS", "Call", "Objective", "Scored", "Search"]

STALLED = 60
"""Generations in a row without a new item after which a search ends before its budget."""
ROUND = {"cma": 12}
"""Generations that share one set of random weights when there are several targets (others: 3)."""
FIDELITY = 0.3
"""Setting of the dial at which candidates are decoded."""
LONGEST = 1.15
"""Root mean square of the longest code that is decoded, in units of the codes' spread."""


class Search:
    """A search for items with a high score; see the module.

    Args:
        space: where to search.
        objective: what to search for.
        budget: most calls of the score.
        start: text to start from; without one, the search starts from samples of the prior.
        method: one of `METHODS`, by default the first.
        seed: of all draws; the same seed gives the same search.
        batch_size: codes a generation, at least 4.
        radius: size of the first steps, in units of the codes' own spread.
        fidelity: setting of the dial for decoding; by default `FIDELITY`.
        targets: several parts of the score to maximise at once; the search then spreads over their
            Pareto front, with random weights that change every few generations.
        weights: one a target, to search in a single direction instead.
        decodes: most codes decoded; by default `DECODES` a call.

    Raises:
        ValueError: for settings out of range, or a start that its domain refuses.
    """

    def __init__(
        self,
        space: LatentSpace,
        objective: Objective,
        *,
        budget: int,
        start: str | None = None,
        method: str = METHODS[0],
        seed: int = 0,
        batch_size: int = 32,
        radius: float = 0.5,
        fidelity: float | None = None,
        targets: Sequence[str] = (),
        weights: Sequence[float] | None = None,
        decodes: int | None = None,
    ) -> None:
        _check_settings(budget, batch_size, radius, targets, weights, decodes)
        self.fidelity = FIDELITY if fidelity is None else float(fidelity)
        sigma_of(space.model.config, self.fidelity)
        self.space, self.objective, self.budget = space, objective, budget
        self.method, self.seed, self.batch_size, self.radius = method, seed, batch_size, radius
        self.targets, self.weights, self.decodes = tuple(targets), weights, decodes
        self.start = None if start is None else _canonical_start(space, start)
        self._archive = Archive(space, targets)
        if self.start is not None:
            self._archive.centre = space.encode([self.start])[0].flatten().double().numpy()
        self._asked: FloatArray | None = None
        self._codes = torch.zeros(0)
        self.decoding = self.fidelity
        self._scoring = Scoring(objective, self._archive)
        self._idle = 0
        self._renew(0)

    @property
    def calls(self) -> list[Call]:
        """All calls of the score, in order."""
        return self._archive.calls

    @property
    def spent(self) -> int:
        """Calls so far."""
        return len(self.calls)

    @property
    def excluded(self) -> int:
        """Items that a cheap constraint excluded: neither scored nor charged."""
        return len(self._archive.items) - self.spent

    @property
    def decoded(self) -> int:
        """Codes decoded so far."""
        return sum(len(part.texts) for part in self._archive.generations)

    @property
    def best(self) -> Call | None:
        """The feasible call of the highest score; None while there is none."""
        path = self.path()
        return path[-1] if path else None

    @property
    def ended(self) -> str | None:
        """Why the search is over, in words; None while it goes on."""
        if self.spent >= self.budget:
            return "the budget is spent"
        if self._idle >= STALLED:
            return "nothing new was found any more"
        most = self.most_decoded
        return f"{most:,} codes were decoded, the most allowed" if self.decoded >= most else None

    @property
    def most_decoded(self) -> int:
        """Codes decoded at most."""
        return DECODES * self.budget if self.decodes is None else self.decodes

    def path(self) -> list[Call]:
        """The feasible calls that were better than all before them."""
        found: list[Call] = []
        for call in self.calls:
            known = call.feasible and call.score == call.score
            if known and (not found or call.score > found[-1].score):
                found.append(call)
        return found

    def history_best(self) -> FloatArray:
        """The best feasible score after each call, `(spent,)`; NaN while there is none."""
        good = [call.score if call.feasible else np.nan for call in self.calls]
        return np.fmax.accumulate(np.array(good, dtype=np.float64))

    def pareto(self, names: Sequence[str], maximise: Sequence[bool] | bool = True) -> list[Call]:
        """The feasible calls that no other dominates, by the first name from its best on.

        Args:
            names: parts of the score.
            maximise: for each name (or all) whether more is better.

        Raises:
            ValueError: for a name that the calls do not have, or another number of directions.
        """
        return pareto_front(self.calls, names, maximise)

    def steps(self) -> Iterator[list[Call]]:
        """One generation an item: its new calls. May be left and taken up again at any step."""
        while (codes := self.ask()) is not None:
            yield self.tell(self.space.decode(codes, self.decoding, beams=1))

    def ask(self) -> Tensor | None:
        """The codes of the next generation, to be decoded at `decoding`; None at the end.

        With `tell`, what `steps` is made of: several searches can be decoded together.
        """
        if self.ended:
            return None
        number = self._archive.generation
        if number and self.targets and not number % ROUND.get(self.method, 3):
            self._renew(number)
        self._asked, self.decoding = None, self.fidelity
        if number == 0 or (self.method == "random" and self.start is None):
            self._codes = self._first(number)
        else:
            self._asked = self._strategy.ask(self._archive)
            self._codes = self._shorten(self._asked)
        return self._codes

    def tell(self, texts: Sequence[str]) -> list[Call]:
        """Takes the decoded texts of the codes that were asked for; gives the new calls."""
        if self._archive.generation == 0 and self.start is not None:
            return self._learn([self.start])
        verdicts = self.space.domain.check(texts)
        return self._learn([verdict.canonical if verdict.ok else None for verdict in verdicts])

    def _learn(self, texts: list[str | None]) -> list[Call]:
        of_start = self._archive.generation == 0 and self.start is not None
        left = self.budget - self.spent
        found = self._scoring(self._codes, texts, left, screened=not of_start)
        nearer = self._archive.add(Generation(self._codes, texts), found)
        calls = [call for call in found if call.number]
        self._idle = 0 if calls or nearer else self._idle + 1
        if self._asked is not None:
            self._strategy.tell(self._asked, self._archive.ranks_of(texts))
        return calls

    def _renew(self, number: int) -> None:
        """A strategy for new weights of the targets."""
        step = self.radius * self.space.spread
        tokens = self.space.model.config.n_latent
        self._strategy = make_strategy(self.method, self.batch_size, step, self.seed, tokens)
        if self.targets:
            draws = generator(self.seed, 2**40 + number)
            fixed = draw_weights(len(self.targets), draws) if self.weights is None else self.weights
            self._archive.reweigh(np.array(fixed) / np.sum(fixed))

    def _first(self, number: int) -> Tensor:
        """The code of the start, or samples of the prior."""
        if self.start is not None:
            return self._shorten(self._archive.centre[None], longest=np.inf)
        self.decoding = self.space.defaults["sample_fidelity"]
        n, first = self.batch_size, number * self.batch_size
        return self.space.sample_latents(n, self.seed, fidelity=self.decoding, first_row=first)

    def _shorten(self, asked: FloatArray, longest: float = LONGEST) -> Tensor:
        """Codes as they are decoded: no longer than those of real items."""
        length = np.sqrt(np.square(asked).mean(axis=1, keepdims=True)) / self.space.spread
        codes = torch.tensor(asked / np.maximum(1, length / longest)).float()
        shaped: Tensor = codes.unflatten(1, (self.space.model.config.n_latent, -1))
        return shaped

    def save(self, folder: str | Path) -> None:
        """Saves the search so that `resume` goes on with it; raises `OutputError`."""
        settings = {
            "bundle": _bundle_hash(self.space),
            "objective": self.objective.name,
            "budget": self.budget,
            "start": self.start,
            "method": self.method,
            "seed": self.seed,
            "batch_size": self.batch_size,
            "radius": self.radius,
            "fidelity": self.fidelity,
            "targets": list(self.targets),
            "weights": None if self.weights is None else list(self.weights),
            "decodes": self.decodes,
        }
        write_state(Path(folder), settings, self._archive.generations, self._archive.items)

    @classmethod
    def resume(
        cls,
        folder: str | Path,
        space: LatentSpace,
        objective: Objective,
        budget: int | None = None,
        decodes: int | None = None,
    ) -> Search:
        """The search that was saved, as if it had never stopped: no decoding and no call again.

        Args:
            folder: where it was saved.
            space: the bundle that it was made with.
            objective: that it was made with.
            budget: a new one for all calls together.
            decodes: a new limit of all codes decoded.

        Raises:
            ValueError: for another bundle or objective, a limit that is passed, or no search.
        """
        settings, generations, calls = read_state(Path(folder))
        for what, mine in (("bundle", _bundle_hash(space)), ("objective", objective.name)):
            made = settings.pop(what)
            if made != mine:
                raise ValueError(f"the search in {folder} was made with {what} {made}, not {mine}")
        spent = sum(call.number > 0 for call in calls)
        decoded = sum(len(part.texts) for part in generations)
        settings |= _new_limits(settings, (budget, spent), (decodes, decoded), folder)
        search = cls(space, objective, **settings)
        # a last generation that the budget cut short is completed under a larger one
        search._scoring.answers = {call.text: call for call in calls}
        for part in generations:
            codes = search.ask()
            if codes is None or not torch.equal(codes, part.codes):
                raise ValueError(
                    f"the search in {folder} cannot be repeated here: it was made with other "
                    "versions of the libraries or on another kind of machine"
                )
            search._learn(part.texts)
        return search


def _check_settings(
    budget: int,
    batch_size: int,
    radius: float,
    targets: Sequence[str],
    weights: Sequence[float] | None,
    decodes: int | None,
) -> None:
    """Refuses settings out of range, by `ValueError`."""
    if budget < 1:
        raise ValueError(f"the budget must be at least 1 call, not {budget}")
    if decodes is not None and decodes < 1:
        raise ValueError(f"at least 1 code is decoded, not {decodes}")
    if batch_size < 4:
        raise ValueError(f"a generation has at least 4 codes, not {batch_size}")
    check_radius(radius)
    if radius == 0:
        raise ValueError("radius must be above 0")
    if weights is not None and (
        len(weights) != len(targets) or min(weights, default=0) < 0 or sum(weights) <= 0
    ):
        raise ValueError(
            f"weights are numbers of 0 or more, one for each of {len(targets)} targets"
        )


def _canonical_start(space: LatentSpace, text: str) -> str:
    """The canonical form of a start; raises `DomainError` for one that its domain refuses."""
    (verdict,) = space.domain.check([text])
    if not verdict.ok or verdict.canonical is None:
        raise DomainError(f"start {text!r}: {verdict.reason}", verdict.position)
    return verdict.canonical


def _bundle_hash(space: LatentSpace) -> str:
    """The hash of a space's bundle; empty for a space built from parts."""
    try:
        return space.bundle.hash
    except ValueError:
        return ""


def _new_limits(
    saved: Mapping[str, Any],
    budget: tuple[int | None, int],
    decodes: tuple[int | None, int],
    folder: str | Path,
) -> dict[str, int | None]:
    """The limits of a saved search that goes on.

    Args:
        saved: its settings.
        budget: a new one for the whole search (None: as it was), and how much of it is used.
        decodes: the same for the codes decoded.
        folder: of the search, for the message.

    Raises:
        ValueError: one that is passed already.
    """
    limits: dict[str, int | None] = {}
    for name, (asked, used) in (("budget", budget), ("decodes", decodes)):
        if asked is not None and asked < used:
            raise ValueError(
                f"{name} {asked:,} is for the whole search, and that in {folder} has used "
                f"{used:,} already"
            )
        limits[name] = saved[name] if asked is None else asked
    if limits["decodes"] is None and DECODES * (limits["budget"] or 0) < decodes[1]:
        limits["decodes"] = decodes[1]  # what a smaller budget would allow is passed already
    return limits
