"""`interpolate` and `neighbours` of any domain."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tvae_core.space import LatentSpace
from tvae_core.space.similarity import similarity_of
from tvae_core.space.walk import walk

Command = Callable[..., Any]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def ends(space: LatentSpace, trained: Any) -> tuple[str, str]:
    """Two strings of the training set that the bundle reproduces."""
    back = space.reconstruct(trained.words)
    same = [word for word, text in zip(trained.words, back, strict=True) if word == text]
    return same[0], same[1]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"how": "lerp", "per_token": True},
        {"fidelity": 0.25},
        {"fidelity": "auto", "steps": 5},
        {"distinct": True},
        {"beams": 4},
        {"cycles": 2},
    ],
    ids=str,
)
def test_a_walk(
    settings: dict[str, Any], ends: tuple[str, str], command: Command, space: LatentSpace,
    tmp_path: Path,
) -> None:  # fmt: skip
    path = tmp_path / "walk.csv"
    flags: list[object] = []
    for name, value in settings.items():
        flag = f"--{name.replace('_', '-')}"
        flags += [flag] if value is True else [flag, value]
    result = command("interpolate", f"item:{ends[0]}", " ".join(ends[1]), *flags, "-o", path)
    assert result.code == 0, result.err
    settings = dict(settings)
    beams, cycles = settings.pop("beams", 1), settings.pop("cycles", 0)
    before = space.beams, space.cycles
    space.beams, space.cycles = beams, cycles
    points = walk(space, *ends, **settings)
    space.beams, space.cycles = before
    verdicts = space.domain.check([point.text for point in points])
    forms = [v.canonical or p.text for v, p in zip(verdicts, points, strict=True)]
    rows = rows_of(path)
    assert [row["text"] for row in rows] == forms
    assert [row["valid"] == "True" for row in rows] == [verdict.ok for verdict in verdicts]
    assert [row["reason"] for row in rows] == [verdict.reason or "" for verdict in verdicts]
    likes = similarity_of(space)(forms, [ends[1]] * len(forms))
    for row, like, verdict in zip(rows, likes, verdicts, strict=True):
        assert row["similarity_to_b"] == (f"{like:.6g}" if verdict.ok else "")
    origin = json.loads(rows[0]["provenance"])
    assert (origin["a"], origin["b"]) == ends
    assert origin["fidelity"] == settings.get("fidelity", "path")
    assert origin["distinct"] == settings.get("distinct", False)
    assert (origin["beams"], origin["cycles"]) == (beams, cycles)
    head, *lines = result.out.splitlines()
    assert head.split() == ["t", "fidelity", "to", "A", "to", "B", "sum"]
    for line, point, verdict, form in zip(lines, points, verdicts, forms, strict=False):
        cells = line.split(maxsplit=4)
        assert cells[0] == f"{point.t:.2f}"
        assert cells[1] == (
            "auto" if settings.get("fidelity") == "auto" else f"{point.fidelity:.2f}"
        )
        assert cells[4].startswith(f"<{form}>")
        assert (cells[2] == "-") == (not verdict.ok)
        assert cells[4].endswith(f"({verdict.reason})") == (not verdict.ok)
    assert lines[-1].startswith("valid between, without copies of the ends: ")
    distinct = len({verdict.canonical for verdict in verdicts if verdict.ok})
    assert lines[-1].endswith(f"; {distinct} distinct")
    again = command("interpolate", *flags, "--", *ends)
    assert again.out == result.out


def test_neighbours(
    ends: tuple[str, str], command: Command, space: LatentSpace, tmp_path: Path
) -> None:
    path = tmp_path / "around.csv"
    given = ("neighbours", ends[0], "-n", 60, "--radius", 0.8, "--seed", 2)
    result = command(*given, "-o", path)
    assert result.code == 0, result.err
    found = space.neighbours(ends[0], 60, 0.8, seed=2)
    valid = [v.canonical for v in space.domain.check(found.texts) if v.ok]
    rows = rows_of(path)
    assert result.out.startswith(f"valid {len(valid)} of 60, {len(set(valid))} distinct\n")
    assert sorted(row["text"] for row in rows) == sorted({text or "" for text in valid})
    assert sum(int(row["count"]) for row in rows) == len(valid)
    likes = [float(row["similarity"]) for row in rows]
    assert likes == sorted(likes, reverse=True)
    texts = [row["text"] for row in rows]
    wanted = similarity_of(space)(texts, [ends[0]] * len(texts))
    np.testing.assert_allclose(likes, wanted, rtol=1e-5)
    origin = json.loads(rows[0]["provenance"])
    assert (origin["centre"], origin["seed"], origin["radius"]) == (ends[0], 2, 0.8)
    table = result.out.splitlines()[2:]
    assert table[0].split() == ["similarity", "times", "total", "length", "sum"]
    assert [line.split()[-1] for line in table[1:]] == [f"<{text}>" for text in texts]
    assert command(*given).out == result.out
    assert command(*given[:-1], 3).out != result.out
    near = command("neighbours", ends[0], "-n", 5, "--radius", 0, "--fidelity", 1)
    assert near.out.splitlines()[-1].split()[-1] == f"<{ends[0]}>"


MISTAKES = [
    ("interpolate", ["1236"], "expected [CKPT] and 2 item(s), not 1 argument(s)"),
    ("interpolate", ["a", "b", "c", "d"], "not 4 argument(s)"),
    ("interpolate", ["nowhere", "1236", "12 x6"], "B '12 x6': no digit (at character 4)"),
    ("interpolate", ["nowhere", "1237", "1236"], "A '1237': ends in 7 (at character 4)"),
    (
        "interpolate",
        ["nowhere", "no:where", "11"],
        "A 'no:where': not one of ours (at character 4)",
    ),
    ("interpolate", ["nowhere", "1236", ""], "B '': too short"),
    ("interpolate", ["nowhere", "1236", "11", "--steps", "1"], "--steps must be at least 2, not 1"),
    ("interpolate", ["nowhere", "1236", "11", "--how", "bow"], "invalid choice: 'bow'"),
    ("interpolate", ["nowhere", "1236", "11", "-o", "x.doc"], "unknown file ending"),
    ("interpolate", ["nowhere", "1236", "11", "--stps", "3"], "did you mean --steps?"),
    ("neighbours", [], "expected [CKPT] and 1 item(s), not 0 argument(s)"),
    ("neighbours", ["--", "-12"], "ITEM '-12': no digit (at character 1)"),
    ("interpolate", ["nowhere", "--", "11", "--x"], "B '--x': no digit (at character 1)"),
    ("neighbours", ["-12x"], "unknown argument -12x"),
    ("neighbours", ["nowhere", "x" * 500], "x...': no digit (at character 1)"),
    ("neighbours", ["nowhere", "1236", "--radius", "-1"], "radius must be 0 or more"),
    ("neighbours", ["nowhere", "1236", "--radius", "nan"], "radius must be 0 or more"),
    ("neighbours", ["nowhere", "1236", "--fidelity", "auto"], "give a number"),
    ("neighbours", ["nowhere", "1236", "--beams", "0"], "beams must be in 1..64"),
    ("interpolate", ["nowhere", "1236", "11", "--beams", "65"], "beams must be in 1..64"),
    ("interpolate", ["nowhere", "1236", "11", "--cycles", "5"], "cycles must be in 0..4"),
    ("neighbours", ["nowhere", "1236", "-n", "0"], "must be a whole number of at least 1"),
]


@pytest.mark.parametrize(("verb", "arguments", "message"), MISTAKES)
def test_mistakes_are_told_before_the_bundle_is_opened(
    verb: str, arguments: list[str], message: str, command: Command
) -> None:
    result = command(verb, *arguments)
    assert message in result.refusal()
    assert len(result.refusal()) < 250
    assert result.code == 2


def test_an_item_that_is_too_long_for_the_bundle(command: Command) -> None:
    result = command("neighbours", "0" * 60)
    assert "has 60 tokens; this bundle takes 40" in result.refusal()
    assert result.code == 2


@pytest.mark.parametrize("verb", ["interpolate", "neighbours"])
def test_failures_of_walks(verb: str, command: Command, tmp_path: Path) -> None:
    items = ["1236", "11"][: 2 if verb == "interpolate" else 1]
    result = command(verb, tmp_path / "nowhere", *items)
    assert "there is no bundle folder" in result.refusal()
    assert result.code == 1
    (tmp_path / "file").write_text("mine")
    result = command(verb, *items, "-o", tmp_path / "file" / "out.csv")
    assert "cannot write" in result.refusal()
    assert result.code == 1
    assert (tmp_path / "file").read_text() == "mine"
