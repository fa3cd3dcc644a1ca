"""What sessions share: turns at a bundle, results kept for all."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common import turns
from apps.common.bundle import Workbench
from apps.common.kept import Kept, kept
from apps.common.turns import Turns, waiting_for
from apps.items import facts
from apps.items.facts import read_items
from apps.registry import app_named
from tests.apps.items import bench_of


@pytest.fixture(scope="module")
def bench() -> Workbench:
    return bench_of(app_named("molecules"))


def test_turns_are_served_in_order() -> None:
    line, served, held = Turns(), [], threading.Event()

    def work(number: int) -> None:
        with line:
            served.append(number)

    with line:
        workers = []
        for number in range(6):
            workers.append(threading.Thread(target=work, args=(number,)))
            workers[-1].start()
            while line.line < number + 2:
                held.wait(0.001)
        assert served == []
    for worker in workers:
        worker.join()
    assert served == list(range(6))
    assert line.line == 0


def test_turn_is_given_back_after_an_error() -> None:
    line = Turns()
    with pytest.raises(ZeroDivisionError), line:
        raise ZeroDivisionError
    with line:
        assert line.line == 1


class Gone(BaseException):
    """As Streamlit ends a script whose browser has closed."""


class Page:
    """A place of a page whose browser closes after two looks."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def caption(self, text: str) -> None:
        self.said.append(text)
        if len(self.said) == 2:
            raise Gone

    def empty(self) -> None:
        raise AssertionError("it never came to its turn")


def test_closed_page_says_whom_it_waits_for_and_leaves_the_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line, page = Turns(), Page()
    monkeypatch.setattr(turns, "TICK", 0.01)
    monkeypatch.setattr(turns, "_place", lambda: page)
    with line:
        with ThreadPoolExecutor(1) as pool:
            ended = pool.submit(line.__enter__).exception()
        assert isinstance(ended, Gone)
        assert line.line == 1
    assert page.said == [waiting_for(1)] * 2
    assert "another session" in waiting_for(1)
    assert "3 other sessions" in waiting_for(3)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)), max_size=40))
def test_kept_never_outgrows_its_limit(puts: list[tuple[int, int]]) -> None:
    values: Kept[int, str] = Kept(20, lambda key, value: len(value))
    for key, size in puts:
        values.put(key, "x" * size)
        assert values.total <= 20
        assert values.get(key) == "x" * size
    alive = [found for key in range(6) if (found := values.get(key)) is not None]
    assert values.total == sum(map(len, alive))
    assert len(values) == len(alive)


def test_kept_results_are_of_their_arguments_and_too_large_ones_are_not_kept() -> None:
    made: list[tuple[int, str]] = []

    @kept(100)
    def repeat(times: int, of: str = "a") -> str:
        made.append((times, of))
        return of * times

    assert (repeat(3), repeat(3), repeat(3, of="b"), repeat(3, "b")) == ("aaa", "aaa", "bbb", "bbb")
    assert made == [(3, "a"), (3, "b"), (3, "b")]
    for _ in range(2):
        assert repeat(200) == "a" * 200
    assert made[3:] == [(200, "a")] * 2


def test_items_are_kept_for_their_bundle_only(bench: Workbench) -> None:
    other = Workbench(bench.space, Turns(), bench.folder)
    assert other.number != bench.number
    (first,), (again,) = read_items(bench, ["OCC"]), read_items(bench, ["OCC"])
    assert again is first
    assert read_items(other, ["OCC"])[0] is not first
    before = facts._items.total
    read_items(bench, ["C" * 30_000_000])
    assert facts._items.total <= max(before, facts.KEPT)


@pytest.mark.slow
def test_bayesian_searches_at_once_do_not_share_random_numbers() -> None:
    pytest.importorskip("botorch")
    import numpy as np

    from tvae_core.search.turbo import TuRBO
    from tvae_core.search.types import FloatArray

    codes = np.random.default_rng(0).normal(size=(24, 6))

    def batch(seed: int) -> FloatArray:
        draws = np.random.default_rng(seed)
        strategy = TuRBO(8, 0.5, seed)
        return strategy._sample(codes, -np.square(codes).sum(1), codes[0], 1.0, draws)

    alone = [batch(seed) for seed in range(3)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(batch, range(3)))
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one, other)
