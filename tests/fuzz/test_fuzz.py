"""A few hundred inputs for every parser and loader, and all that ever crashed one.

`python -m tests.fuzz --inputs 1000000` is the same with more, in processes that may die.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.__main__ import table
from tests.fuzz.harness import FOUND, outcome, run_target
from tests.fuzz.targets import KNOWN, SELF_TEST, TARGETS, share_out

KEPT = sorted(FOUND.glob("*.bin"))


@pytest.mark.parametrize("name", TARGETS)
def test_hostile_inputs_are_refused(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    read, seeds = target.start(tmp_path), list(target.seeds())
    kinds = {"accepted": 0, "refused": 0}
    for number in range(min(200, max(15, target.share // 100))):
        kind, detail = outcome(read, target.input(7, number, seeds))
        assert kind != "crash", f"input {number} of seed 7: {detail}"
        kinds[kind] += 1
    assert sum(kinds.values()) >= 15


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_good(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    read = target.start(tmp_path)
    told = [outcome(read, seed) for seed in target.seeds()]
    assert "crash" not in [kind for kind, _ in told], told
    assert "accepted" in [kind for kind, _ in told], told


@pytest.mark.essential
@pytest.mark.parametrize("path", KEPT, ids=[path.name for path in KEPT])
def test_what_crashed_once_is_refused_now(path: Path, tmp_path: Path) -> None:
    target = KNOWN[path.name.rpartition("-")[0]]
    kind, detail = outcome(target.start(tmp_path), path.read_bytes())
    assert kind != "crash", detail


def test_inputs_are_the_same_every_time() -> None:
    target = TARGETS["expression"]
    seeds = list(target.seeds())
    made = [[target.input(seed, n, seeds) for n in range(30)] for seed in (0, 0, 1)]
    assert made[0] == made[1]
    assert made[0] != made[2]


def test_a_million_inputs_are_shared_out() -> None:
    shares = share_out(1_000_000, list(TARGETS))
    assert set(shares) == set(TARGETS)
    assert sum(shares.values()) >= 1_000_000
    assert min(shares.values()) > 1000


def test_the_harness_survives_crashes_deaths_and_hangs(tmp_path: Path) -> None:
    count = run_target(SELF_TEST, 9, seed=63)
    inputs = [SELF_TEST.input(63, n, [b"good"]) for n in range(9)]
    wanted = [data for data in inputs if data in (b"raise", b"die", b"hang")]
    assert sorted(found.data for found in count.found) == sorted(wanted)
    assert {b"raise", b"die", b"hang"} <= set(wanted)
    assert count.inputs == 9
    assert (count.crashes, count.hangs) == (
        inputs.count(b"raise") + inputs.count(b"die"),
        inputs.count(b"hang"),
    )
    died = next(found for found in count.found if found.data == b"die")
    assert "exit code -11" in died.detail
    assert died.save(tmp_path).read_bytes() == b"die"
    assert "self_test" in table([count])
