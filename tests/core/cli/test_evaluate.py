"""`evaluate` on a toy bundle: labels, the probe, the map, the report, and what is refused."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import pytest

from tests.core.evaluation.test_report import Page
from tvae_core.bundle import save_bundle
from tvae_core.cli.evaluate import evaluate_command
from tvae_core.cli.parser import run_command
from tvae_core.domain import HasLabels
from tvae_core.domain_commands import DomainCommands
from tvae_core.evaluation.evaluate import Plan, evaluate
from tvae_core.evaluation.intervals import mean_of
from tvae_core.evaluation.labels import PROBES, pick
from tvae_core.space import LatentSpace

Told = tuple[int, str, str]
FEW = ("-n", "12", "--samples", "6", "--paths", "2", "--prior", "gaussian", "--no-geometry")


@pytest.fixture
def data(prepared: Callable[..., Path], words: Callable[..., list[str]], tmp_path: Path) -> Path:
    """A prepared set with the first digit as the label, and none for the zeros."""
    texts = words(200)
    plain = prepared({"train": texts[:140], "test": texts[140:]}, name="plain")
    folder = tmp_path / "labelled"
    shutil.copytree(plain, folder, ignore=shutil.ignore_patterns("train", "test"))
    splits = datasets.load_from_disk(str(plain))
    for name, rows in splits.items():
        labels = ["" if text[0] == "0" else "low" if text[0] < "5" else "high"
                  for text in rows["text"]]  # fmt: skip
        splits[name] = rows.add_column("label", labels)
    datasets.DatasetDict(splits).save_to_disk(str(folder))
    return folder


@pytest.fixture
def call(
    trained_space: LatentSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Told]:
    """`call(*arguments, domain=...)`: exit code, stdout and stderr of `evaluate`."""
    space = trained_space
    bundle = save_bundle(
        tmp_path / "bundle", space.model, space.tokenizer, space.priors, {"domain": "toy"}, ""
    )
    short = partial(evaluate, dial=(1.0, 0.3))
    monkeypatch.setattr("tvae_core.cli.evaluate.evaluate", short)

    def run(*arguments: object, domain: Any = space.domain, measure: Any = None) -> Told:
        commands = DomainCommands(domain, bundle, tmp_path, "none", measure=measure)
        given = [*FEW, *map(str, arguments)]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run_command("evaluate", lambda: evaluate_command(commands, given))
        return code, out.getvalue(), err.getvalue()

    return run


def test_all_of_it(call: Callable[..., Told], data: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    out, page = tmp_path / "out.json", tmp_path / "new" / "report.html"
    files = ("--json", out, "--map", tmp_path / "map.png", "--report", page)
    code, table, told = call("--data", data, "--probe-train", 100, "--seed", 3, *files)
    assert code == 0, told
    flat = json.loads(out.read_text())
    for name, _ in PROBES:
        assert flat[f"{name}_low"] <= flat[name] <= flat[f"{name}_high"], name
    assert (flat["probe_train"], flat["probe_classes"]) == (100, 2)
    assert 40 < flat["probe_test"] < 60  # those without a label are left out
    assert flat["probe_accuracy"] > flat["probe_majority"] - 0.1
    assert "probe_svm_accuracy" in table
    for bar in ("evaluate", "held-out codes", "training codes", "probe", "map", "report"):
        assert f"{bar}: 100%" in told
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    text = page.read_text()
    read = Page(text)
    read.check_self_contained()
    for name, value in flat.items():
        if isinstance(value, float) and not name.endswith(("_low", "_high")) and name != "seed":
            assert value in read.numbers[name], name
    for said in (flat["bundle"], "split test", "--probe-train 100", "--seed 3", "linear probe"):
        assert said in text
    again = tmp_path / "again.json"
    call("--data", data, "--probe-train", 100, "--seed", 3, "--json", again)
    assert json.loads(again.read_text()) == flat


def test_a_domain_adds_its_numbers(call: Callable[..., Told], data: Path, tmp_path: Path) -> None:
    seen: list[Plan] = []

    def measure(space: LatentSpace, texts: list[str], plan: Plan) -> dict[str, float]:
        seen.append(plan)
        plan.stage("digits", 0, 1)
        return {"mean_digits": mean_of([len(text) for text in texts]), "held": len(texts)}

    out = tmp_path / "out.json"
    code, table, told = call("--data", data, "--no-probe", "--json", out, measure=measure)
    assert code == 0, told
    flat = json.loads(out.read_text())
    assert flat["held"] == flat["n"] == 12
    assert flat["mean_digits_low"] <= flat["mean_digits"] <= flat["mean_digits_high"]
    assert "mean_digits " in table
    (plan,) = seen
    assert (plan.n_samples, plan.n_paths, plan.seed, plan.prior) == (6, 2, 0, "gaussian")


class Labelled:
    """The toy domain with labels of its own: whether a text is long."""

    def __init__(self, domain: Any) -> None:
        self.domain = domain

    def __getattr__(self, name: str) -> Any:
        return getattr(self.domain, name)

    def label(self, texts: Sequence[str]) -> list[str]:
        return ["long" if len(text) > 4 else "short" for text in texts]


def test_a_domain_labels_what_has_no_labels(
    call: Callable[..., Told], data: Path, tmp_path: Path, toy: Any
) -> None:
    pytest.importorskip("sklearn")
    domain = Labelled(toy)
    assert isinstance(domain, HasLabels)
    assert not isinstance(toy, HasLabels)
    out, plain = tmp_path / "out.json", data.with_name("plain")
    code, _, told = call("--data", plain, "--json", out, domain=domain)
    assert code == 0, told
    assert json.loads(out.read_text())["probe_classes"] == 2
    code, table, told = call("--data", plain, "--json", out)
    assert code == 0
    assert "probe_" not in table + out.read_text()
    assert "left out" not in told


def test_the_probe_can_be_left_out(
    call: Callable[..., Told], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.json"
    code, table, told = call("--data", data, "--no-probe", "--json", out)
    assert (code, "probe_" in table + out.read_text(), "left out" in told) == (0, False, False)
    code, _, told = call("--data", data, "--split", "train")
    assert code == 0
    assert "the probe was left out: it learns from the train split" in told
    monkeypatch.setitem(sys.modules, "sklearn", None)
    code, table, told = call("--data", data, "--report", tmp_path / "report.html")
    assert code == 0
    lines = [line for line in told.splitlines() if "left out" in line]
    assert lines == ["the probe was left out: it needs scikit-learn (pip install scikit-learn)"]
    assert "PCA map of" in (tmp_path / "report.html").read_text()
    assert call("--data", data, "--probe")[::2] == (
        2, "evaluate: --probe needs scikit-learn: pip install scikit-learn\n"
    )  # fmt: skip


def test_only_short_items(call: Callable[..., Told], data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    given = ("--data", data, "-n", 1000, "--no-probe", "--json", out)
    assert call(*given)[0] == 0
    whole = json.loads(out.read_text())["n"]
    assert call(*given, "--max-tokens", 4)[0] == 0
    rows = datasets.load_from_disk(str(data))["test"]
    short = sum(length <= 4 for length in rows["length"])
    assert json.loads(out.read_text())["n"] == short < whole == 60
    code, _, told = call(*given, "--max-tokens", 1)
    assert (code, "has 0 items of at most 1 tokens" in told) == (1, True)


def test_rows_are_picked_once_and_by_seed(trained_space: LatentSpace, data: Path) -> None:
    from tvae_core.data.prepared import PreparedSet

    rows = PreparedSet(data).rows("train")
    found = pick(trained_space, rows, 500, 0, most=5, labelled=True)
    assert (
        len(set(found))
        == len(found)
        == sum(len(text) <= 5 and text[0] != "0" for text in rows.split["text"])
    )
    assert found[:7] == pick(trained_space, rows, 7, 0, most=5, labelled=True)
    assert found[:7] != pick(trained_space, rows, 7, 1, most=5, labelled=True)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--report", "{0}/report.txt"], 2, "report.txt: a report is written as .html"),
        (["--map", "{0}/map.gif"], 2, "map.gif: a plot is written as"),
        (["--report", "{0}/file/report.html"], 1, "cannot write"),
        (["--probe-train", "0"], 2, "must be a whole number of at least 1"),
        (["--max-tokens", "x"], 2, "must be a whole number of at least 1"),
        (["--probe", "--data", "{0}/plain"], 2, "plain has no labels"),
        (["--probe", "--split", "train"], 2, "judged on another one"),
    ],
)
def test_mistakes_are_told_before_the_work(
    arguments: list[str], code: int, message: str, call: Callable[..., Told], data: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    (tmp_path / "file").write_text("mine")
    given = [argument.format(tmp_path) for argument in arguments]
    found, out, told = call("--data", data, *given)
    assert (found, out) == (code, "")
    assert message in told
    assert told.count("\n") == 1
