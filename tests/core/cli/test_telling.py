"""What the verbs tell on stderr: lost items, starts that cannot be results, what a file holds."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tvae_core.cells import Written
from tvae_core.domain_commands import DomainCommands
from tvae_core.rows import ranked_columns, write_rows
from tvae_core.search.limits import missed_bounds
from tvae_core.space import LatentSpace

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def known(space: LatentSpace, trained: Any) -> str:
    """A sum that comes back from its code."""
    back = space.reconstruct(trained.words)
    return next(a for a, b in zip(trained.words, back, strict=True) if a == b)


@pytest.fixture(scope="module")
def lost(space: LatentSpace) -> str:
    """A sum that does not, but has a code."""
    sums = [f"9{n:03d}9{n % 7}" for n in range(40)]
    sums = [text + str(sum(map(int, text)) % 10) for text in sums]
    back = space.reconstruct(sums)
    return next(a for a, b in zip(sums, back, strict=True) if a != b)


def told(result: Any, verb: str) -> list[str]:
    return [line for line in result.err.splitlines() if line.startswith(f"{verb}: ")]


def test_an_end_of_a_walk(known: str, lost: str, command: Command, space: LatentSpace) -> None:
    result = command("interpolate", known, lost, "--steps", 3)
    assert result.code == 0, result.err
    (line,) = told(result, "interpolate")
    (back,) = space.reconstruct([lost])
    assert line.startswith(f"interpolate: B <{lost}> does not come back from its code, ")
    assert f"<{back}>" in line
    assert result.out.splitlines()[-1].endswith("; 1 of the 2 ends came back as given")
    fine = command("interpolate", known, known, "--steps", 3)
    assert told(fine, "interpolate") == []
    assert "came back as given" not in fine.out


def test_an_end_that_only_the_dial_loses(
    known: str, command: Command, space: LatentSpace, trained: Any
) -> None:
    words = list(trained.words)
    faithful = space.reconstruct(words)
    loose = space.reconstruct(words, 0.1)
    item = next(w for w, a, b in zip(words, faithful, loose, strict=True) if a == w != b)
    result = command("interpolate", item, item, "--steps", 2, "--fidelity", 0.1)
    assert result.code == 0, result.err
    for name, line in zip("AB", told(result, "interpolate"), strict=True):
        assert line.startswith(f"interpolate: {name} <{item}> does not come back at --fidelity 0.1")


@pytest.mark.parametrize("flags", [(), ("-o", "x.csv")])
def test_the_item_of_neighbours(
    flags: tuple[str, ...], known: str, lost: str, command: Command, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    result = command("neighbours", lost, "-n", 4, *flags)
    assert result.code == 0, result.err
    (line,) = told(result, "neighbours")
    assert line.startswith(f"neighbours: ITEM <{lost}> does not come back from its code, ")
    assert told(command("neighbours", known, "-n", 4, *flags), "neighbours") == []


def test_the_start_of_a_search(known: str, lost: str, command: Command) -> None:
    given = ("--target", "total", "--budget", 6)
    result = command("optimise", *given, "--start", lost)
    assert result.code == 0, result.err
    (line,) = [line for line in told(result, "optimise") if "--start" in line]
    assert line.startswith(f"optimise: --start <{lost}> does not come back from its code, ")
    result = command("optimise", *given, "--start", known)
    assert not [line for line in told(result, "optimise") if "--start" in line]
    result = command("optimise", *given, "--start", known, "--min", "length=30")
    (line,) = [line for line in told(result, "optimise") if "--start" in line]
    assert f"<{known}> is not among the results: length {len(known)} < 30" in line


def test_a_start_without_a_score(command: Command) -> None:
    result = command("optimise", "--target", "sevens", "--start", "11", "--budget", 6)
    assert result.code == 0, result.err
    lines = [line for line in told(result, "optimise") if "among the results" in line]
    assert lines == ["optimise: --start <11> is not among the results: sevens has no value"]


def test_a_ranking_shows_its_score(command: Command) -> None:
    given = ("sample", "-n", 60, "--prior", "normal", "--seed", 3)
    plain = command(*given)
    for sort in ("sevens", "-sevens"):
        ranked = command(*given, f"--sort={sort}")
        heads = next(line for line in ranked.out.splitlines() if line.endswith("sum"))
        assert heads.split() == ["total", "length", "sevens", "sum"]
    heads = [line for line in plain.out.splitlines() if line.split()[-1:] == ["sum"]]
    assert heads[0].split() == ["total", "length", "sum"]
    shown = command(*given, "--sort", "total")
    heads = [line for line in shown.out.splitlines() if line.split()[-1:] == ["sum"]]
    assert heads[0].split() == ["total", "length", "sum"]
    assert ranked_columns(["a"], None) == ["a"]
    assert ranked_columns(["a"], "+a") == ["a"]
    assert ranked_columns(["a"], "-b") == ["a", "b"]


def test_what_a_file_holds_is_said(
    known: str, lost: str, command: Command, commands: DomainCommands, tmp_path: Path
) -> None:
    path = tmp_path / "walk.csv"
    result = command("interpolate", known, lost, "--steps", 9, "-o", path)
    with path.open() as file:
        valid = [row["valid"] == "True" for row in csv.DictReader(file)]
    bad = valid.count(False)
    rest = f", and {bad} that {'is' if bad == 1 else 'are'} none" if bad else ""
    plural = "" if sum(valid) == 1 else "s"
    assert f"wrote {sum(valid)} sum{plural} to {path}{rest}\n" in result.err

    def keeps_one(where: Path, rows: list[dict[str, Any]], origin: dict[str, Any]) -> Written:
        where.write_text("one")
        return Written(1, f"left out {len(rows) - 1} of no use")

    own = tmp_path / "walk.sheet"
    result = command("interpolate", known, lost, "--steps", 9, "-o", own, write_items=keeps_one)
    assert result.err.endswith(f"wrote 1 sum to {own}, left out 8 of no use\n")
    rows = [{"text": known}, {"text": "1", "valid": False}]
    assert write_rows(own, rows, {}, commands) == Written(1, "and 1 that is none")
    assert Written(1200).line("tune", "a.mid") == "wrote 1,200 tunes to a.mid"


def test_which_limits_are_missed() -> None:
    values = {"a": 1.0, "b": 5.0, "c": float("nan"), "d": 2.0}
    bounds = {"a": (2.0, None), "b": (None, 4.0), "c": (0.0, 1.0), "d": (1.0, 3.0)}
    assert missed_bounds(values, bounds) == ["a 1 < 2", "b 5 > 4", "c has no value"]
