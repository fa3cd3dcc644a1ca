"""`interpolate`, `neighbours` and `optimise` of every domain whose bundle ships.

What the verbs are for holds in each of them: files of valid, canonical items with their scores and
where they are from, the same bytes for the same seed, a search that goes on where it was stopped.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domains.registry import DOMAINS, commands_of
from tvae_core.cli.interpolate import interpolate_command
from tvae_core.cli.neighbours import neighbours_command
from tvae_core.cli.optimise import optimise_command
from tvae_core.cli.parser import run_command
from tvae_core.domain_commands import DomainCommands
from tvae_core.space import LatentSpace
from tvae_core.space.similarity import similarity_of
from tvae_core.space.walk import walk

VERBS: dict[str, Callable[[DomainCommands, Sequence[str]], int]] = {
    "interpolate": interpolate_command,
    "neighbours": neighbours_command,
    "optimise": optimise_command,
}
SHIPPED = [n for n in DOMAINS if (commands_of(n).bundle / "manifest.json").is_file()]


class World:
    """A domain with its bundle and its verbs, run in place."""

    def __init__(self, name: str) -> None:
        self.commands = commands_of(name)
        self.domain, self.column = self.commands.domain, self.commands.text_column
        self.space = LatentSpace.load(self.commands.bundle, self.domain)
        verdicts = self.domain.check(self.domain.examples())
        self.items = [verdict.canonical or "" for verdict in verdicts]

    def __call__(self, verb: str, *arguments: object) -> tuple[str, str]:
        """What a command printed, once it did well."""
        out, err = io.StringIO(), io.StringIO()
        given = ["--threads", "1", *map(str, arguments)]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run_command(verb, lambda: VERBS[verb](self.commands, given))
        assert code == 0, err.getvalue()
        return out.getvalue(), err.getvalue()

    def read(self, path: Path) -> tuple[list[dict[str, str]], dict[str, Any]]:
        """The rows of a table of items, and where they are from."""
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert next(iter(rows[0])) == self.column
        origin: dict[str, Any] = json.loads(rows[0]["provenance"])
        assert origin["bundle"] == self.space.bundle.hash
        return rows, origin


@pytest.fixture(scope="module", params=SHIPPED)
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def test_a_walk(world: World, tmp_path: Path) -> None:
    a, b = world.items[:2]
    given = ("interpolate", "--steps", 4, "-o", tmp_path / "walk.csv", "--", a, b)
    out, err = world(*given)
    points = walk(world.space, a, b, 4)
    verdicts = world.domain.check([point.text for point in points])
    forms = [v.canonical or p.text for v, p in zip(verdicts, points, strict=True)]
    rows, origin = world.read(tmp_path / "walk.csv")
    assert [row[world.column] for row in rows] == forms
    assert [row["valid"] == "True" for row in rows] == [verdict.ok for verdict in verdicts]
    assert [float(row["t"]) for row in rows] == pytest.approx([0, 1 / 3, 2 / 3, 1], abs=1e-5)
    alike = similarity_of(world.space)(forms, [b] * 4)
    for row, like, verdict in zip(rows, alike, verdicts, strict=True):
        assert row["similarity_to_b"] == (f"{like:.6g}" if verdict.ok else "")
    assert (origin["a"], origin["b"], origin["fidelity"]) == (a, b, "path")
    for line, form in zip(out.splitlines()[1:], forms, strict=False):
        assert world.commands.show(form) in line
    count = sum(verdict.ok for verdict in verdicts)
    assert f"wrote {count} {world.commands.unit}" in err
    before = (tmp_path / "walk.csv").read_bytes()
    assert world(*given)[0] == out
    assert (tmp_path / "walk.csv").read_bytes() == before


def test_what_lies_around(world: World, tmp_path: Path) -> None:
    centre = world.items[0]
    flags = ("-n", 12, "--radius", 0.5, "--seed", 2, "-o", tmp_path / "around.csv")
    out, _ = world("neighbours", *flags, "--", centre)
    found = world.space.neighbours(centre, 12, 0.5, seed=2)
    valid = {v.canonical for v in world.domain.check(found.texts) if v.ok}
    rows, origin = world.read(tmp_path / "around.csv")
    texts = [row[world.column] for row in rows]
    assert set(texts) <= valid
    assert len(set(texts)) == len(texts) > 0
    alike = [float(row["similarity"]) for row in rows]
    assert alike == sorted(alike, reverse=True)
    np.testing.assert_allclose(
        alike, similarity_of(world.space)(texts, [centre] * len(texts)), rtol=1e-5
    )
    assert (origin["centre"], origin["seed"], origin["radius"]) == (centre, 2, 0.5)
    assert all(world.commands.show(text) in out for text in texts)


def test_a_search_goes_on_where_it_was_stopped(world: World, tmp_path: Path) -> None:
    start, budget = world.items[0], 10
    target = next(n for n, v in world.domain.score([start]).items() if np.isfinite(v[0]))
    given = ("optimise", "--target", target, "--start", start, "--batch-size", 8, "--seed", 4)
    given += ("--similarity", 0.2)
    files = ("--budget", budget, "-o", tmp_path / "best.csv", "--plot", tmp_path / "plot.svg")
    out, _ = world(*given, "--history", tmp_path / "run", *files)
    calls, origin = world.read(tmp_path / "run" / "history.csv")
    assert [int(row["call"]) for row in calls] == list(range(1, budget + 1))
    texts = [row[world.column] for row in calls]
    assert len(set(texts)) == budget
    assert texts[0] == start
    assert all(verdict.ok for verdict in world.domain.check(texts))
    score = world.domain.score(texts)[target]
    np.testing.assert_allclose([float(row["score"] or "nan") for row in calls], score, rtol=1e-4)
    assert (origin["seed"], origin["budget"], origin["method"]) == (4, budget, "evolve")
    assert origin["objective"] == f"{target} from {start}; similarity >= 0.2"
    kept, _ = world.read(tmp_path / "best.csv")
    fine = np.array([row["feasible"] == "True" for row in calls]) & np.isfinite(score)
    assert len(kept) == fine.sum()
    assert float(kept[0]["score"]) == pytest.approx(score[fine].max(), rel=1e-4)
    assert world.commands.show(kept[0][world.column]) in out
    assert (tmp_path / "plot.svg").read_text().startswith("<?xml")
    again = ("--history", tmp_path / "again")
    world(*given, *again, "--budget", 4)
    _, err = world(*given, *again, "--budget", budget, "--resume")
    assert "resumed after" in err
    for name in ("history.csv", "search.json"):
        whole, resumed = (tmp_path / folder / name for folder in ("run", "again"))
        assert resumed.read_bytes() == whole.read_bytes()
