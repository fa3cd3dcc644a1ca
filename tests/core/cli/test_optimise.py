"""`optimise` of any domain: budgets, constraints, histories; and its objective."""

from __future__ import annotations

import csv
import itertools
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tvae_core.cli import search_run
from tvae_core.domain_commands import SearchHooks
from tvae_core.search.objective import DomainScores, ItemObjective
from tvae_core.search.search import Search
from tvae_core.search.state import STATE
from tvae_core.space import LatentSpace
from tvae_core.space.similarity import similarity_of

Command = Callable[..., Any]
TARGET = "total - 2*length"
GIVEN = ("--target", TARGET, "--method", "evolve", "--batch-size", 8, "--radius", 1.0, "--seed", 4)
BUDGET = 24


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def start(space: LatentSpace, trained: Any) -> str:
    back = space.reconstruct(trained.words)
    return next(word for word, text in zip(trained.words, back, strict=True) if word == text)


@pytest.fixture(scope="module")
def done(command: Command, start: str, tmp_path_factory: Any) -> tuple[Path, Any]:
    folder: Path = tmp_path_factory.mktemp("optimise")
    result = command(
        "optimise", *GIVEN, "--start", start, "--budget", BUDGET, "--similarity", 0.2,
        "--max", "sevens=1", "--history", folder / "run", "-o", folder / "best.csv",
        "--plot", folder / "plot.svg",
    )  # fmt: skip
    assert result.code == 0, result.err
    return folder, result


def test_what_a_search_leaves(done: tuple[Path, Any], start: str, space: LatentSpace) -> None:
    folder, result = done
    calls = rows_of(folder / "run" / "history.csv")
    assert len(calls) == BUDGET
    assert [int(row["call"]) for row in calls] == list(range(1, BUDGET + 1))
    texts = [row["text"] for row in calls]
    assert len(set(texts)) == BUDGET
    assert texts[0] == start
    assert all(verdict.ok for verdict in space.domain.check(texts))
    scores = space.domain.score(texts)
    wanted = scores["total"] - 2 * scores["length"]
    np.testing.assert_allclose([float(row["score"]) for row in calls], wanted)
    likes = similarity_of(space)(texts, [start] * BUDGET)
    feasible = (likes >= 0.2) & (scores["sevens"] <= 1)
    assert [row["feasible"] == "True" for row in calls] == feasible.tolist()
    best = np.maximum.accumulate(np.where(feasible, wanted, -np.inf))
    np.testing.assert_allclose([float(row["best_so_far"]) for row in calls], best)
    assert best[-1] > best[0]
    origin = json.loads(calls[0]["provenance"])
    assert (origin["bundle"], origin["seed"]) == (space.bundle.hash, 4)
    assert origin["objective"] == f"{TARGET} from {start}; similarity >= 0.2; sevens <= 1"
    kept = rows_of(folder / "best.csv")
    assert [row["feasible"] for row in kept] == ["True"] * int(feasible.sum())
    assert float(kept[0]["score"]) == best[-1]
    assert f"<{kept[0]['text']}>" in result.out
    assert f"{BUDGET} calls of {BUDGET}" in result.out
    assert f"start {wanted[0]:.4f}, improved by {best[-1] - wanted[0]:.4f}" in result.out
    assert (folder / "plot.svg").read_text().startswith("<?xml")


def test_a_search_is_repeatable(done: tuple[Path, Any], command: Command, start: str) -> None:
    given = ("--start", " ".join(start), "--similarity", 0.2, "--max", "sevens=1")
    again = command("optimise", *GIVEN, *given, "--budget", BUDGET)
    assert again.out == done[1].out
    other = command("optimise", *GIVEN[:-1], 5, *given, "--budget", BUDGET)
    assert other.out != again.out


def test_ctrl_c_keeps_what_was_found_and_resume_goes_on(
    done: tuple[Path, Any], command: Command, start: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    history = tmp_path / "run"
    given = (
        "optimise", *GIVEN, "--start", start, "--budget", BUDGET, "--similarity", 0.2,
        "--max", "sevens=1", "--history", history,
    )  # fmt: skip
    steps = Search.steps

    def interrupted(self: Search) -> Any:
        for calls in steps(self):
            if self.spent >= 10:
                signal.raise_signal(signal.SIGINT)
            yield calls

    with monkeypatch.context() as patch:
        patch.setattr(Search, "steps", interrupted)
        first = command(*given)
    assert first.code == 0, first.err
    assert "stopped after" in first.err
    assert 1 < len(rows_of(history / "history.csv")) < BUDGET
    refused = command(*given)
    assert "holds a search already: add --resume" in refused.refusal()
    assert refused.code == 2
    second = command(*given, "--resume")
    assert second.code == 0, second.err
    assert "resumed after" in second.err
    whole = done[0] / "run"
    assert (history / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()
    assert json.loads((history / STATE).read_text()) == json.loads((whole / STATE).read_text())
    for changed, message in (
        (("--seed", 5), "has seed 4, not 5"),
        (("--radius", 2), "has radius 1.0, not 2.0"),
        (("--min", "total=1"), "was made with objective"),
    ):
        other = command(*given, *changed, "--resume")
        assert message in other.refusal()
        assert other.code == 2
    longer = command(*given[:-1], history, "--resume", "--budget", BUDGET + 8)
    assert longer.code == 0, longer.err
    assert len(rows_of(history / "history.csv")) == BUDGET + 8


def test_a_killed_search_resumes_from_its_last_save(
    done: tuple[Path, Any], command: Command, start: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    class Killed(BaseException):
        """What ends a process without a word."""

    history, save, saves = tmp_path / "run", Search.save, itertools.count(1)

    def killed(self: Search, folder: Any) -> None:
        if next(saves) > 6:
            raise Killed
        save(self, folder)

    given = (
        "optimise", *GIVEN, "--start", start, "--budget", BUDGET, "--similarity", 0.2,
        "--max", "sevens=1", "--history", history,
    )  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(search_run, "SAVE_SECONDS", -1.0)
        patch.setattr(Search, "save", killed)
        with pytest.raises(Killed):
            command(*given)
    assert command(*given, "--resume").code == 0
    whole = done[0] / "run"
    assert (history / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()


def test_several_targets_print_a_front(command: Command, tmp_path: Path) -> None:
    result = command(
        "optimise", "--target", "total", "--target", "-length", *GIVEN[2:], "--budget", BUDGET,
        "-o", tmp_path / "front.parquet", "--plot", tmp_path / "front.png",
    )  # fmt: skip
    assert result.code == 0, result.err
    import pyarrow.parquet as pq

    front = pq.read_table(tmp_path / "front.parquet").to_pylist()
    assert f"Pareto front of total, -length: {len(front)} sums" in result.out
    places = [(row["total"], row["-length"]) for row in front]
    assert places == sorted(places, key=lambda place: -place[0])
    assert all(a[1] <= b[1] for a, b in itertools.pairwise(places))
    assert (tmp_path / "front.png").read_bytes()[:4] == b"\x89PNG"


def test_nothing_feasible_is_told(command: Command) -> None:
    result = command("optimise", *GIVEN, "--budget", 5, "--min", "total=1000")
    assert result.code == 0, result.err
    assert result.out.startswith("no sum met the constraints and has a score\n")


MISTAKES = [
    ([], "name at least one --target"),
    (["--target", "totl"], "in 'totl': unknown score 'totl'; did you mean total"),
    (["--target", "total", "--target", " total"], "a target is named twice"),
    (["--target", "similarity"], "score 'similarity' needs a start"),
    (["--target", "total", "--start", "12x"], "--start '12x': no digit (at character 3)"),
    (["--target", "total", "--start", "-12"], "--start '-12': no digit (at character 1)"),
    (["--target", "total", "--similarity", "0.4"], "similarity needs a start"),
    (["--target", "total", "--start", "11", "--similarity", "4"], "similarity must lie in 0..1"),
    (["--target", "total", "--min", "totl=1"], "unknown score 'totl'; did you mean total"),
    (
        ["--target", "total", "--min", "total=2", "--max", "total=1"],
        "nothing has total of at least 2",
    ),
    (["--target", "total", "--budget", "0"], "--budget: must be a whole number"),
    (["--target", "total", "--method", "magic"], "invalid choice: 'magic'"),
    (["--target", "total", "--fidelity", "auto"], "give a number"),
    (["--target", "total", "--min", "total=nan"], "the limit of total is not a number"),
    (["--target", "total", "--min", "similarity=0.3"], "'similarity' needs a start"),
    (["--target", "total", "--decodes", "0"], "--decodes"),
    (["--target", "nowhere:f"], "No module named 'nowhere'"),
    (["--target", "total", "--resume"], "--resume needs the --history folder"),
    (["--target", "total", "-o", "x.doc"], "unknown file ending"),
    (["--target", "total", "--plot", "x.doc"], "a plot is written as"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_mistakes_are_told_before_the_bundle_is_opened(
    arguments: list[str], message: str, command: Command
) -> None:
    result = command("optimise", "nowhere", *arguments)
    assert message in result.refusal()
    assert result.code == 2


def test_mistakes_that_need_the_bundle(command: Command, tmp_path: Path) -> None:
    for arguments, message in (
        (["--resume", "--history", tmp_path / "none"], "no search to resume"),
        (["--batch-size", 2], "at least 4 codes"),
        (["--radius", 0], "radius must be above 0"),
    ):
        result = command("optimise", "--target", "total", *arguments)
        assert message in result.refusal()
        assert result.code == 2


class Even:
    """A constraint of the toy domain's own: no odd first digit, and it counts a half."""

    name = "starts evenly"

    def missed(self, texts: list[str]) -> np.ndarray[Any, Any]:
        return np.array([0.5 * (int(text[0]) % 2) for text in texts])

    def why(self, text: str) -> str:
        return "it starts oddly" if int(text[0]) % 2 else ""


def test_a_domain_adds_constraints_and_a_user_a_function(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_sums.py").write_text(
        "def zeros(texts):\n    return [text.count('0') for text in texts]\n"
        "def fails(texts):\n    return [texts[0].wrong]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    hooks = SearchHooks(
        add_constraints=lambda group: group.add_argument("--even", action="store_true"),
        terms=lambda args, start: [Even()] if args.even else [],
    )
    given = ("optimise", *GIVEN[2:], "--budget", 10, "--history", tmp_path / "run", "--even")
    result = command(
        *given, "--target", "my_sums:zeros", "--start", "1236", "--min", "similarity=0.1",
        search=hooks,
    )  # fmt: skip
    assert result.code == 0, result.err
    calls = rows_of(tmp_path / "run" / "history.csv")
    assert [float(row["my_sums:zeros"]) for row in calls] == [
        row["text"].count("0") for row in calls
    ]
    assert "1236> is not among the results: it starts oddly" in result.err
    assert all(int(row["text"][0]) % 2 == 0 for row in calls[1:])
    name = json.loads(calls[0]["provenance"])["objective"]
    assert name == "my_sums:zeros from 1236; starts evenly; similarity >= 0.1"
    failed = command("optimise", "--target", "my_sums:fails", "--budget", 5)
    assert "my_sums:fails failed: AttributeError: 'str' object has no attribute" in failed.err
    assert "line 4 of" in failed.err
    assert failed.code == 2


def test_the_objective(space: LatentSpace) -> None:
    objective = ItemObjective(
        space.domain,
        ["total + similarity", "-length"],
        start="1236",
        similarity=0.5,
        bounds={"sevens": (None, 1.0), "length": (4.0, None)},
        scores=DomainScores(space.domain, similarity_of(space)),
    )
    texts = ["1236", "1 2 3 6", "12 x", "77701", "707070720", "11"]
    found = objective(texts)
    assert found.texts == ["1236", "1236", "12 x", "77701", "707070720", "11"]
    scores = space.domain.score(texts)
    assert found.score[0] == found.score[1] == scores["total"][0] + 1 - 4
    assert np.isnan(found.score[2])
    assert found.feasible.tolist() == [True, True, False, False, False, False]
    assert found.violation is not None
    assert found.violation[:3].tolist() == [0, 0, np.inf]
    likes = similarity_of(space)(texts, ["1236"] * len(texts))
    assert found.violation[4] == pytest.approx(0.5 - likes[4] + 3)
    # no sevens are known of so short a string, which is a violation of 1
    assert found.violation[5] == pytest.approx(0.5 - likes[5] + 1 + 2 / 4)
    np.testing.assert_allclose(found.values["similarity"][[0, 3, 4]], likes[[0, 3, 4]])
    empty = objective([])
    assert empty.score.shape == (0,)
    assert empty.texts == []
