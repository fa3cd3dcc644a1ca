"""A search in latent space as a page runs it: a generation at a time, until done or stopped."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import plotly.graph_objects as go
from rdkit import Chem
from rdkit.Chem import rdFMCS

from apps.common.bundle import Workbench
from apps.common.kept import Kept
from apps.common.page import plain_label
from apps.molecule_parts.facts import facts_of
from apps.molecule_parts.workplace import row_of
from domains.smiles.chem.molecule import parse, quiet
from domains.smiles.chem.syntax import Problem
from tvae_core.search.search import Call, Search

BEST_COLOUR, FEASIBLE_COLOUR, BROKEN_COLOUR = "#0d9488", "#0d9488", "#dc5a4b"
MCS_SECONDS = 1


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


def history_figure(search: Search, label: str) -> go.Figure:
    """The best so far over the calls of the score, and every call as a point.

    Args:
        search: what there is of it.
        label: of the score.
    """
    calls = [call for call in search.calls if not math.isnan(call.score)]
    path = search.path()
    figure = go.Figure()
    for feasible, name, colour, symbol in (
        (False, "breaks a constraint", BROKEN_COLOUR, "x-thin"),
        (True, "tried", FEASIBLE_COLOUR, "circle"),
    ):
        some = [call for call in calls if call.feasible is feasible]
        figure.add_scattergl(
            x=[call.number for call in some],
            y=[call.score for call in some],
            mode="markers",
            name=name,
            marker={
                "size": 5,
                "symbol": symbol,
                "color": colour,
                "opacity": 0.35,
                "line": {"width": 1, "color": colour} if not feasible else {"width": 0},
            },
            text=[plain_label(call.text[:60]) for call in some],
            hovertemplate="%{y:.3g} · call %{x}<br>%{text}<extra></extra>",
        )
    ends = [search.spent] if path else []
    figure.add_scatter(
        x=[call.number for call in path] + ends,
        y=[call.score for call in path] + [path[-1].score] * len(ends),
        mode="lines",
        line={"shape": "hv", "width": 2.5, "color": BEST_COLOUR},
        name="best so far",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=[call.number for call in path],
        y=[call.score for call in path],
        mode="markers",
        marker={"size": 9, "color": BEST_COLOUR, "line": {"width": 1.5, "color": "white"}},
        showlegend=False,
        text=[plain_label(call.text[:60]) for call in path],
        hovertemplate="improved to %{y:.3g} · call %{x}<br>%{text}<extra></extra>",
    )
    figure.update_layout(
        height=330,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        uirevision="search",
    )
    figure.update_xaxes(
        title="calls of the score", range=[-0.015 * search.budget, 1.015 * search.budget]
    )
    figure.update_yaxes(title=plain_label(label), automargin=True, **_sight(calls, path))
    return figure


def _sight(calls: Sequence[Call], path: Sequence[Call]) -> dict[str, object]:
    """A range that keeps the path in sight where a few scores are far below it."""
    scores = sorted(call.score for call in calls)
    if not scores:
        return {}
    low, high = scores[len(scores) // 20], scores[-1]
    if path:
        low = min(low, path[0].score)
    room = max((high - low) * 0.06, 0.02 * max(abs(high), 1))
    return {"range": [low - room, high + room]}


_changed: Kept[tuple[str, str], tuple[int, ...]] = Kept(2_000, lambda key, atoms: 1)


def changed_atoms(start: str, smiles: str) -> tuple[int, ...]:
    """Atoms of a molecule, in the order of its SMILES, that it does not share with the start.

    What they share is their largest common substructure, whole rings only. It is kept for all
    sessions, unless the search for it ran out of time, as it may on a busy server.
    """
    found = _changed.get((start, smiles))
    if found is None:
        found, whole = _find_changed(start, smiles)
        if whole:
            _changed.put((start, smiles), found)
    return found


def _find_changed(start: str, smiles: str) -> tuple[tuple[int, ...], bool]:
    """The atoms, and whether the search for what is shared came to its end."""
    before, after = parse(start), parse(smiles)
    if isinstance(before, Problem) or isinstance(after, Problem):
        return (), True
    with quiet():
        try:
            shared = rdFMCS.FindMCS(
                [before, after],
                timeout=MCS_SECONDS,
                ringMatchesRingOnly=True,
                completeRingsOnly=True,
            )
            pattern = Chem.MolFromSmarts(shared.smartsString) if shared.numAtoms else None
            same = set() if pattern is None else set(after.GetSubstructMatch(pattern))
        except Exception:  # RDKit's C++ layer raises what it likes; nothing is marked then
            return (), True
    changed = (atom for atom in range(after.GetNumAtoms()) if atom not in same)
    return tuple(changed) if same else (), not shared.canceled


def call_row(call: Call, path: Sequence[Call]) -> dict[str, object]:
    """A call as a row of a file."""
    scores = {name: value for name, value in call.values.items() if name.isidentifier()}
    row = row_of(facts_of(call.text), score=call.score, call=call.number)
    steps = {step.number: place for place, step in enumerate(path)}
    return {**row, **scores, "improvement": steps.get(call.number)}
