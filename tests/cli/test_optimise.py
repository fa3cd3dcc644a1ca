"""`optimise` and conditional sampling with the shipped bundle, on small budgets."""

from __future__ import annotations

import csv
import itertools
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rdkit import Chem

from domains.smiles import optimise
from domains.smiles.chem.scores import score_all
from domains.smiles.domain import BUNDLE
from tvae_core.search.search import Search
from tvae_core.search.state import STATE

FOLDER = Path(os.environ.get("TVAE_BUNDLE") or BUNDLE)
START = "CC1C2CCC(C2)C1CN(CCO)C(=O)c1ccc(Cl)cc1"
Command = Callable[..., Any]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def done(command: Command, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("optimise")
    result = command(
        "optimise", FOLDER, "--target", "qed - 0.1*sa", "--start", START, "--budget", 40,
        "--batch-size", 16, "--method", "evolve", "--similarity", 0.3, "--seed", 4,
        "--history", folder / "run", "-o", folder / "best.csv", "--plot", folder / "plot.svg",
    )  # fmt: skip
    assert result.code == 0, result.err
    return folder, result


def test_what_a_search_leaves(done: tuple[Path, Any]) -> None:
    folder, result = done
    calls = rows_of(folder / "run" / "history.csv")
    assert len(calls) == 40
    assert [int(row["call"]) for row in calls] == list(range(1, 41))
    assert len({row["smiles"] for row in calls}) == 40
    assert calls[0]["smiles"] == Chem.CanonSmiles(START)
    scores = score_all([row["smiles"] for row in calls], ["qed", "sa", "similarity"], START)
    score = scores["qed"] - 0.1 * scores["sa"]
    np.testing.assert_allclose([float(row["score"]) for row in calls], score, rtol=1e-4)
    feasible = np.array([row["feasible"].lower() == "true" for row in calls])
    np.testing.assert_array_equal(feasible, scores["similarity"] >= 0.3)
    best = np.maximum.accumulate(np.where(feasible, score, -np.inf))
    np.testing.assert_allclose([float(row["best_so_far"]) for row in calls], best, rtol=1e-4)
    origin = json.loads(calls[0]["provenance"])
    assert (origin["seed"], origin["budget"], origin["method"]) == (4, 40, "evolve")
    assert origin["objective"].startswith("qed - 0.1*sa from ")
    kept = rows_of(folder / "best.csv")
    assert len(kept) == int(feasible.sum())
    assert float(kept[0]["score"]) == pytest.approx(best[-1], rel=1e-4)
    assert kept[0]["smiles"] in result.out
    assert "40 calls of 40" in result.out
    assert "call 1: " in result.err
    assert (folder / "plot.svg").read_text().startswith("<?xml")


def test_a_run_is_repeatable(done: tuple[Path, Any], command: Command) -> None:
    given = ("--target", "qed - 0.1*sa", "--start", START, "--budget", 40, "--batch-size", 16)
    again = command(
        "optimise", FOLDER, *given, "--method", "evolve", "--similarity", 0.3, "--seed", 4
    )
    assert again.out == done[1].out


class Killed(BaseException):
    """What ends a process without a word."""


def interrupted(after: int, how: Callable[[], None]) -> Callable[[Search], Iterator[Any]]:
    steps = Search.steps

    def some(self: Search) -> Iterator[Any]:
        for number, calls in enumerate(steps(self), start=1):
            if number == after:
                how()
            yield calls

    return some


def test_ctrl_c_keeps_what_was_found_and_resume_goes_on(
    done: tuple[Path, Any], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    given = (
        "optimise", FOLDER, "--target", "qed - 0.1*sa", "--start", START, "--budget", 40,
        "--batch-size", 16, "--method", "evolve", "--similarity", 0.3, "--seed", 4,
        "--history", run,
    )  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(Search, "steps", interrupted(3, lambda: signal.raise_signal(signal.SIGINT)))
        first = command(*given)
    assert first.code == 0, first.err
    assert "stopped after" in first.err
    assert 1 < len(rows_of(run / "history.csv")) < 40
    refused = command(*given)
    assert "holds a search already: add --resume" in refused.refusal()
    assert refused.code == 2
    second = command(*given, "--resume")
    assert second.code == 0, second.err
    assert (run / "history.csv").read_bytes() == (done[0] / "run" / "history.csv").read_bytes()
    assert json.loads((run / STATE).read_text()) == json.loads(
        (done[0] / "run" / STATE).read_text()
    )
    other = command(*given[:-4], "--seed", 5, "--history", run, "--resume")
    assert "has seed 4, not 5" in other.refusal()
    assert other.code == 2
    fewer = command(*given[:-4], "--budget", 20, "--history", run, "--resume")
    assert "budget 20 is for the whole search" in fewer.refusal()
    assert "has used 40 already" in fewer.refusal()
    more = command(*given[:-4], "--budget", 48, "--history", run, "--resume")  # of its own seed
    assert more.code == 0, more.err
    assert len(rows_of(run / "history.csv")) == 48


def test_a_killed_run_resumes_from_its_last_save(
    done: tuple[Path, Any], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    given = (
        "optimise", FOLDER, "--target", "qed - 0.1*sa", "--start", START, "--budget", 40,
        "--batch-size", 16, "--method", "evolve", "--similarity", 0.3, "--seed", 4,
        "--history", run,
    )  # fmt: skip
    saves = 0
    save = optimise.write_history

    def killed(*arguments: Any) -> None:
        nonlocal saves
        saves += 1
        if saves > 2:
            raise Killed
        save(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(optimise, "SAVE_SECONDS", -1.0)
        patch.setattr(optimise, "write_history", killed)
        with pytest.raises(Killed):
            command(*given)
    assert command(*given, "--resume").code == 0
    assert (run / "history.csv").read_bytes() == (done[0] / "run" / "history.csv").read_bytes()


def test_several_targets_print_a_front(command: Command, tmp_path: Path) -> None:
    result = command(
        "optimise", FOLDER, "--target", "qed", "--target", "-sa", "--budget", 40,
        "--batch-size", 16, "--method", "evolve", "--max", "weight=400",
        "-o", tmp_path / "front.csv", "--plot", tmp_path / "front.png",
    )  # fmt: skip
    assert result.code == 0, result.err
    front = rows_of(tmp_path / "front.csv")
    assert f"Pareto front of qed, -sa: {len(front)} molecules" in result.out
    places = [(float(row["qed"]), float(row["-sa"])) for row in front]
    assert places == sorted(places, key=lambda place: -place[0])
    assert all(a[1] <= b[1] for a, b in itertools.pairwise(places))
    assert all(float(row["weight"]) <= 400 for row in front)
    assert (tmp_path / "front.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name at least one target"),
        (["--target", "qid"], "unknown score 'qid'; did you mean qed"),
        (["--target", "qed", "--start", "C1CC"], "start 'C1CC' is not a molecule"),
        (["--target", "qed", "--similarity", "0.4"], "similarity needs a start"),
        (["--target", "qed", "--keep-scaffold"], "needs a start molecule"),
        (["--target", "qed", "--alerts", "painz"], "did you mean pains"),
        (["--target", "qed", "--min", "plogq=1"], "unknown score 'plogq'; did you mean plogp"),
        (["--target", "qed", "--budget", "0"], "--budget: must be a whole number"),
        (["--target", "qed", "--method", "magic"], "invalid choice: 'magic'"),
        (["--target", "qed", "--fidelity", "auto"], "give a number"),
        (["--target", "qed", "--resume"], "--resume needs the --history folder"),
        (["--target", "qed", "--resume", "--history", "{tmp}/none"], "no search to resume"),
        (["--target", "qed", "-o", "x.doc"], "unknown file ending"),
        (["--target", "qed", "--plot", "x.doc"], "a plot is written as"),
        (["--target", "nowhere:f"], "No module named 'nowhere'"),
        (["--target", "qed", "--benchmark", "plogp"], "has its own target"),
        (["--benchmark", "plogp", "--methods", "magic"], "not 'magic'"),
        (["--benchmark", "pmo", "--tasks", "osimertinib"], "osimertinib_mpo"),
        (["--benchmark", "pmo", "--tasks", "drd2"], "needs a classifier"),
        (["--benchmark", "pmo", "--similarity", "0"], "pmo has no use for --similarity"),
        (["--benchmark", "pmo", "-o", "best.sdf"], "pmo has no use for --output"),
        (["--benchmark", "plogp", "--tasks", "qed"], "plogp has no use for --tasks"),
        (["--benchmark", "plogp", "--keep-scaffold"], "no use for --keep-scaffold"),
        (["--target", "qed", "--min", "qed=nan"], "the limit of qed is not a number"),
        (["--target", "qed", "--min", "sa=4", "--max", "sa=2"], "nothing has sa of at least 4"),
        (["--target", "qed", "--decodes", "0"], "--decodes"),
        (["--target", "qed", "--batch-size", "2"], "at least 4 codes"),
    ],
)
def test_mistakes(arguments: list[str], message: str, command: Command, tmp_path: Path) -> None:
    given = [argument.format(tmp=tmp_path) for argument in arguments]
    result = command("optimise", FOLDER, "--threads", 1, *given)
    assert message in result.refusal()
    assert result.code == 2


def test_a_users_function_that_fails_is_named(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_failing_score.py").write_text("def f(smiles):\n    return [smiles[0].wrong]\n")
    monkeypatch.syspath_prepend(tmp_path)
    result = command("optimise", FOLDER, "--target", "my_failing_score:f", "--budget", 5)
    assert "my_failing_score:f failed: AttributeError: 'str' object has no attribute" in result.err
    assert "line 2 of" in result.err
    assert "Traceback" not in result.err
    assert result.code == 2


def test_conditional_sampling(command: Command) -> None:
    few = ("--target-samples", 240, "--batch-size", 128, "-n", 60, "--raw", "--seed", 1)
    means = {}
    for wanted in (1.0, 4.0):
        result = command("sample", FOLDER, "--target-property", f"logp={wanted}", *few)
        assert result.code == 0, result.err
        assert "molecules scored first" in result.err
        assert f"logp: wanted {wanted:g}, got " in result.err
        texts = result.out.splitlines()
        assert len(texts) == 60
        means[wanted] = float(np.nanmean(score_all(texts, ["logp"])["logp"]))
    plain = command("sample", FOLDER, "-n", 60, "--raw", "--seed", 1)
    free = float(np.nanmean(score_all(plain.out.splitlines(), ["logp"])["logp"]))
    assert means[1.0] < free - 0.6
    assert means[4.0] > free + 0.6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target-property", "logq=1"], "unknown score 'logq'; did you mean logp"),
        (["--target-property", "logp"], "score=number"),
        (["--target-property", "similarity=1"], "unknown score 'similarity'"),
        (["--target-property", "logp=1", "--fidelity", "auto"], "a number for --fidelity"),
        (["--target-property", "logp=1", "--target-samples", "9"], "at least 100, not 9"),
    ],
)
def test_mistakes_of_conditional_sampling(
    arguments: list[str], message: str, command: Command
) -> None:
    result = command("sample", FOLDER, *arguments)
    assert message in result.refusal()
    assert result.code == 2
