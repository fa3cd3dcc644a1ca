"""Processes that take turns."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import pytest
import torch

from tvae_core.bench.pair import Worker, alternate, paired_ratio
from tvae_core.support.errors import CommandError


class Job:
    def __init__(self, start: int) -> None:
        if start < 0:
            raise ValueError("a negative\nstart")
        self.total = start

    def add(self, number: int) -> int:
        self.total += number
        return self.total

    def place(self) -> tuple[int, int]:
        return os.getpid(), torch.get_num_threads()

    def fail(self) -> None:
        raise RuntimeError("no such luck")

    def vanish(self) -> None:
        os._exit(3)


def test_a_worker_keeps_its_object_in_another_process() -> None:
    with Worker("the job", 1, Job, 5) as worker:
        assert [worker.call("add", 2), worker.call("add", 3)] == [7, 10]
        process, threads = worker.call("place")
        assert process != os.getpid()
        assert threads == 1
        with pytest.raises(CommandError, match=r"^the job: no such luck$"):
            worker.call("fail")
        assert worker.call("add", 1) == 11
        with pytest.raises(CommandError, match=r"the process of the job ended \(exit code 3\)"):
            worker.call("vanish")


def test_what_cannot_be_built_is_told() -> None:
    with pytest.raises(CommandError, match=r"^the job: a negative start$"):
        Worker("the job", 1, Job, -1)


def test_turns_alternate() -> None:
    seen: list[str] = []

    def note(name: str) -> float:
        seen.append(name)
        return float(len(seen))

    tasks: dict[str, Callable[[], float]] = {name: partial(note, name) for name in "abc"}
    found = alternate(tasks, 3, "turns")
    assert "".join(seen) == "abccbaabc"
    assert found == {"a": [1, 6, 7], "b": [2, 5, 8], "c": [3, 4, 9]}


def test_ratios_are_taken_within_a_turn() -> None:
    assert paired_ratio([2.0, 30.0, 8.0], [1.0, 10.0, 2.0]) == (3.0, (2.0, 4.0))
