"""Search in latent space: what is charged, kept and refused; a resumed search is the same."""

from __future__ import annotations

import importlib.util
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tvae_core.domain import DomainError
from tvae_core.search import search as searching
from tvae_core.search import state as optimise_state
from tvae_core.search.search import METHODS, Scored, Search
from tvae_core.search.strategies import make_strategy
from tvae_core.space import LatentSpace
from tvae_core.support.errors import OutputError

NEEDS = {"cma": "cma", "turbo": "botorch"}
INSTALLED = [m for m in METHODS if m not in NEEDS or importlib.util.find_spec(NEEDS[m])]
START = "1236"


class Digits:
    """Sum and length of a digit string; feasible ones have no 7."""

    def __init__(self, name: str = "digits") -> None:
        self.name = name
        self.asked: list[str] = []

    def __call__(self, texts: list[str]) -> Scored:
        self.asked += texts
        total = np.array([float(sum(map(int, text))) for text in texts])
        sevens = np.array([float(text.count("7")) for text in texts])
        values = {"sum": total, "short": -np.array([float(len(text)) for text in texts])}
        score = np.where([text.startswith("00") for text in texts], np.nan, total)
        return Scored(values, score, sevens == 0, texts, sevens)


class Screened(Digits):
    """The same, and no 7 is told without the score."""

    def screen(self, texts: list[str]) -> np.ndarray[Any, Any]:
        return np.array([float(text.count("7")) for text in texts])


@pytest.fixture(autouse=True)
def _short(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy language has few items, and a Gaussian process costs a second a generation."""
    if "turbo" in request.node.name:
        monkeypatch.setattr(searching, "STALLED", 4)


def search(space: LatentSpace, **changes: Any) -> Search:
    few = 14 if changes.get("method") == "turbo" else 30
    settings: dict[str, Any] = {"budget": few, "start": START, "batch_size": 8, "method": "evolve"}
    return Search(space, changes.pop("objective", Digits()), **(settings | changes))


def run(made: Search) -> Search:
    for _ in made.steps():
        pass
    return made


@pytest.mark.parametrize("start", [START, None])
@pytest.mark.parametrize("method", INSTALLED)
def test_the_budget_is_kept_and_nothing_is_asked_twice(
    method: str, start: str | None, trained_space: LatentSpace
) -> None:
    objective = Digits()
    done = run(search(trained_space, method=method, start=start, objective=objective, radius=1.0))
    assert 1 < done.spent <= done.budget <= 30
    assert [call.text for call in done.calls] == objective.asked
    assert len(set(objective.asked)) == len(objective.asked) == done.spent
    assert [call.number for call in done.calls] == list(range(1, done.spent + 1))
    assert all(verdict.ok for verdict in trained_space.domain.check(objective.asked))
    assert done.decoded >= done.spent
    if start is not None:
        assert done.calls[0].text == start
    again = run(search(trained_space, method=method, start=start, radius=1.0))
    assert [call.text for call in again.calls] == objective.asked


@pytest.mark.parametrize("budget", [1, 2, 13])
def test_a_small_budget(budget: int, trained_space: LatentSpace) -> None:
    done = run(search(trained_space, budget=budget, radius=1.0))
    assert done.spent == budget
    assert next(done.steps(), None) is None


def test_the_best_is_the_best_feasible(trained_space: LatentSpace) -> None:
    done = run(search(trained_space, budget=40, radius=1.0))
    good = [call for call in done.calls if call.feasible and not math.isnan(call.score)]
    assert done.best is not None
    assert done.best.score == max(call.score for call in good) > done.calls[0].score
    path = done.path()
    assert path[-1] is done.best
    assert all(a.score < b.score for a, b in itertools.pairwise(path))
    best = done.history_best()
    assert best.shape == (done.spent,)
    assert best[-1] == done.best.score
    assert (np.diff(best) >= 0).all()
    assert all(call.feasible == ("7" not in call.text) for call in done.calls)
    # the code that is kept with a call decodes to it
    texts = trained_space.decode(torch.stack([c.latent for c in done.calls[1:]]), done.fidelity)
    assert sum(t == c.text for t, c in zip(texts, done.calls[1:], strict=True)) >= done.spent - 3


@pytest.mark.parametrize("method", INSTALLED)
def test_what_a_cheap_constraint_excludes_is_not_charged(
    method: str, trained_space: LatentSpace, tmp_path: Path
) -> None:
    objective = Screened()
    done = run(search(trained_space, method=method, objective=objective, radius=1.0))
    assert done.excluded > 0
    assert [call.text for call in done.calls] == objective.asked
    assert [call.number for call in done.calls] == list(range(1, done.spent + 1))
    assert not any("7" in text for text in objective.asked)
    charged = run(search(trained_space, method=method, objective=Digits(), radius=1.0))
    assert sum(call.feasible for call in charged.calls) < charged.spent
    done.save(tmp_path)
    silent = Screened()
    again = Search.resume(tmp_path, trained_space, silent)
    assert (again.excluded, silent.asked) == (done.excluded, [])
    assert [call.text for call in again.calls] == objective.asked


def test_a_start_that_is_excluded_is_scored_all_the_same(trained_space: LatentSpace) -> None:
    done = run(search(trained_space, objective=Screened(), start="1078", budget=5, radius=1.0))
    assert done.calls[0].text == "1078"
    assert not done.calls[0].feasible
    assert all(call.feasible for call in done.calls[1:])


def test_a_constraint_that_nothing_meets_ends_the_search(trained_space: LatentSpace) -> None:
    objective = Screened()
    objective.screen = lambda texts: np.ones(len(texts))  # type: ignore[method-assign]
    done = run(search(trained_space, objective=objective))
    assert objective.asked == [START]
    assert done.best is not None
    objective.screen = lambda texts: np.ones(len(texts) + 1)  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="screened"):
        run(search(trained_space, objective=objective))


def test_decodes_bound_the_work(trained_space: LatentSpace, tmp_path: Path) -> None:
    done = run(search(trained_space, budget=1000, decodes=24, radius=1.0))
    assert 24 <= done.decoded < 24 + done.batch_size
    assert done.ended == "24 codes were decoded, the most allowed"
    done.save(tmp_path)
    assert Search.resume(tmp_path, trained_space, Digits()).decodes == 24
    more = Search.resume(tmp_path, trained_space, Digits(), decodes=200)
    assert run(more).decoded > done.decoded
    with pytest.raises(ValueError, match="decodes 2 is for the whole search"):
        Search.resume(tmp_path, trained_space, Digits(), decodes=2)
    few = search(trained_space, budget=4, radius=1.0)
    few.objective.screen = lambda texts: np.ones(len(texts))  # type: ignore[attr-defined]
    assert run(few).decoded <= searching.DECODES * 4 + few.batch_size


@pytest.mark.parametrize("method", INSTALLED)
def test_two_targets_wait_for_the_first_item(method: str, trained_space: LatentSpace) -> None:
    """A bundle that is hardly trained may decode nothing valid in the first generations."""
    waiting = Search(
        trained_space, Digits(), budget=8, method=method, batch_size=8, targets=("sum", "short")
    )
    for _ in range(3):
        codes = waiting.ask()
        assert codes is not None
        assert waiting.tell(["not digits"] * len(codes)) == []
    assert 0 < run(waiting).spent <= 8


@pytest.mark.parametrize("targets", [(), ("sum", "short")])
@pytest.mark.parametrize("method", INSTALLED)
def test_a_resumed_search_is_the_unbroken_one(
    method: str, targets: tuple[str, ...], trained_space: LatentSpace, tmp_path: Path
) -> None:
    settings = {"method": method, "targets": targets, "radius": 1.0, "seed": 3}
    whole = run(search(trained_space, **settings))
    broken = search(trained_space, **settings)
    for number, _ in enumerate(broken.steps()):
        if number == 3:
            break
    broken.save(tmp_path)
    objective = Digits()
    resumed = run(Search.resume(tmp_path, trained_space, objective))
    assert [c.text for c in resumed.calls] == [c.text for c in whole.calls]
    assert all(torch.equal(a.latent, b.latent) for a, b in zip(resumed.calls, whole.calls))  # noqa: B905
    assert [c.values for c in resumed.calls] == [c.values for c in whole.calls]
    assert objective.asked == [c.text for c in whole.calls[broken.spent :]]


def test_a_search_cut_short_goes_on_under_a_larger_budget(
    trained_space: LatentSpace, tmp_path: Path
) -> None:
    whole = run(search(trained_space, budget=30, radius=1.0))
    run(search(trained_space, budget=11, radius=1.0)).save(tmp_path)
    resumed = run(Search.resume(tmp_path, trained_space, Digits(), budget=30))
    assert [c.text for c in resumed.calls] == [c.text for c in whole.calls]


def test_a_search_killed_while_saving_keeps_the_state_before(
    trained_space: LatentSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = search(trained_space, radius=1.0)
    steps = going.steps()
    next(steps)
    going.save(tmp_path)
    next(steps)
    write = optimise_state.write_whole

    def killed(path: Path, content: str | bytes) -> None:
        if path.name == optimise_state.STATE:
            raise OutputError("killed")
        write(path, content)

    monkeypatch.setattr(optimise_state, "write_whole", killed)
    with pytest.raises(OutputError):
        going.save(tmp_path)
    monkeypatch.undo()
    assert Search.resume(tmp_path, trained_space, Digits()).spent == 1
    going.save(tmp_path)
    assert len(list(tmp_path.glob("codes-*"))) == 1


def test_what_cannot_be_resumed(trained_space: LatentSpace, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no search to resume"):
        Search.resume(tmp_path, trained_space, Digits())
    run(search(trained_space, budget=5)).save(tmp_path)
    with pytest.raises(ValueError, match="was made with objective digits, not other"):
        Search.resume(tmp_path, trained_space, Digits("other"))
    state = tmp_path / optimise_state.STATE
    whole = state.read_text()
    state.write_text(whole.replace('"calls"', '"kalls"'))
    with pytest.raises(ValueError, match="is no search that can be resumed"):
        Search.resume(tmp_path, trained_space, Digits())
    state.write_text(whole[:-20])
    with pytest.raises(ValueError, match="cannot be read"):
        Search.resume(tmp_path, trained_space, Digits())
    state.write_text(whole)
    next(tmp_path.glob("codes-*")).unlink()
    with pytest.raises(ValueError, match=r"codes of .* cannot be read"):
        Search.resume(tmp_path, trained_space, Digits())


def test_several_targets_spread_over_a_front(trained_space: LatentSpace) -> None:
    done = run(search(trained_space, budget=40, targets=("sum", "short"), radius=1.0))
    front = done.pareto(["sum", "short"])
    feasible = [call for call in done.calls if call.feasible]

    def beats(a: Any, b: Any) -> bool:
        ours, theirs = [[c.values[n] for n in ("sum", "short")] for c in (a, b)]
        return all(x >= y for x, y in zip(ours, theirs, strict=True)) and ours != theirs

    wanted = [call for call in feasible if not any(beats(other, call) for other in feasible)]
    assert {call.text for call in front} == {call.text for call in wanted}
    assert len(front) > 1
    sums = [call.values["sum"] for call in front]
    assert sums == sorted(sums, reverse=True)
    down = done.pareto(["sum"], maximise=False)
    assert {c.values["sum"] for c in down} == {min(c.values["sum"] for c in feasible)}
    with pytest.raises(ValueError, match="no value 'size'; they have: sum, short"):
        done.pareto(["size"])
    with pytest.raises(ValueError, match="2 names with 1 directions"):
        done.pareto(["sum", "short"], [True])
    one = run(search(trained_space, budget=40, targets=("sum", "short"), weights=(1, 0)))
    assert one.spent > 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": 0}, "budget must be at least 1 call, not 0"),
        ({"batch_size": 3}, "at least 4 codes, not 3"),
        ({"radius": 0}, "radius must be above 0"),
        ({"radius": -1.0}, "radius must be 0 or more"),
        ({"fidelity": 1.5}, r"fidelity must lie in 0\.\.1"),
        ({"method": "magic"}, "method is one of evolve, cma, turbo, random, not 'magic'"),
        ({"weights": (1.0,)}, "one for each of 0 targets"),
    ],
)
def test_settings_out_of_range(
    changes: dict[str, Any], message: str, trained_space: LatentSpace
) -> None:
    with pytest.raises(ValueError, match=message):
        search(trained_space, **changes)


def test_a_start_that_is_no_item(trained_space: LatentSpace) -> None:
    with pytest.raises(DomainError, match="start '1234': wrong checksum"):
        search(trained_space, start="1234")


@pytest.mark.parametrize(("method", "library"), sorted(NEEDS.items()))
def test_a_missing_library_is_named(
    method: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(ValueError, match="pip install 'tvae-toolkit"):
        make_strategy(method, 8, 0.5, 0, 2)


def test_an_objective_that_miscounts(trained_space: LatentSpace) -> None:
    def bad(texts: list[str]) -> Scored:
        return Scored({}, np.zeros(len(texts) + 1), np.ones(len(texts), dtype=bool), texts)

    bad.name = "bad"  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"objective gave \(2,\) for score, not \(1,\)"):
        run(search(trained_space, objective=bad))
