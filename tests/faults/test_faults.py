"""Faults on real runs: kills, a full disk, flipped bytes, a second process, numbers gone wrong."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.faults import toy
from tests.faults.same import same_runs
from tvae_core.training.run_folder import checkpoints, damage, locked
from tvae_core.training.validation import Probe

ROOT = Path(__file__).resolve().parents[2]
Train = Callable[..., int]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy.make_data(tmp_path_factory.mktemp("toy") / "data")


@pytest.fixture(scope="module")
def unbroken(data: Path) -> Path:
    run = data.with_name("unbroken")
    assert toy.train(data, run) == 0
    return run


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    """The last line on stderr, which a failed command ends with; bars and notes come before."""
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert err.count("\ntrain: ") + err.startswith("train: ") == 1
    return err.rstrip("\n").rpartition("\n")[2]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("module", "kills"), [("kills", 4), ("sampling", 3)])
def test_killed_and_resumed_the_result_is_the_same(module: str, kills: int, tmp_path: Path) -> None:
    """In a process of its own: this one has threads, and must not fork."""
    file = tmp_path / "found.json"
    command = [sys.executable, "-m", f"tests.faults.{module}", "--kills", str(kills)]
    done = subprocess.run(
        [*command, "--json", str(file)], cwd=ROOT, capture_output=True, text=True, timeout=850
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())
    assert found["kills"] == kills
    assert found.get("bundles_equal", 0) + found.get("outputs_equal", 0) >= 1


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 3 MB; the test is skipped where none can be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"a small tmpfs cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def small_files(most: int) -> Iterator[None]:
    """No file of this process may grow beyond `most` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_costs_no_checkpoint(
    data: Path, unbroken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        run, ballast = disk / "run", disk / "ballast"
        assert toy.train(data, run, max_steps=3) == 0
        before = contents(run / "checkpoint-3")
        free = shutil.disk_usage(disk).free
        ballast.write_bytes(bytes(free - 60_000))
        capsys.readouterr()
        assert toy.train(data, run) == 1
        told = refusal(capsys)
        assert told.startswith(f"train: cannot write {run / 'checkpoint-6'}: ")
        assert told.endswith("checkpoint-3 is as it was: make room and start again")
        assert contents(run / "checkpoint-3") == before
        assert [p.name for p in checkpoints(run)] == ["checkpoint-3"]
        assert not list(run.glob(".*"))
        for line in (run / "log.jsonl").read_text().splitlines():
            json.loads(line)
        ballast.unlink()
        assert toy.train(data, run) == 0
        # the schedule of learning rates was that of three steps at first
        assert [p.name for p in checkpoints(run)] == [p.name for p in checkpoints(unbroken)]
        assert damage(checkpoints(run)[0]) is None


@pytest.mark.parametrize("most", [30_000, 400])
def test_files_that_may_not_grow(
    most: int, data: Path, unbroken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit stands in for a full disk: on checkpoints, and on everything."""
    run = tmp_path / "run"
    with small_files(most):
        assert toy.train(data, run) == 1
    told = refusal(capsys)
    assert told.startswith(f"train: cannot write {run}/")
    assert not checkpoints(run)
    assert not list(run.glob(".*"))
    assert toy.train(data, run) == 0
    same_runs(unbroken, run)


def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    data: Path, unbroken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(unbroken, tmp_path / "run"))
    shutil.rmtree(run / "bundle")
    file = run / f"checkpoint-{toy.MAX_STEPS}" / "optimizer.pt"
    spoilt = bytearray(file.read_bytes())
    spoilt[len(spoilt) // 2] ^= 1
    file.write_bytes(spoilt)
    capsys.readouterr()
    assert toy.train(data, run) == 0
    err = capsys.readouterr().err
    assert f"passing over {file.parent}: optimizer.pt is damaged" in err
    assert "resuming from checkpoint-21" in err
    same_runs(unbroken, run)
    for path in checkpoints(run):
        (path / "model.safetensors").write_bytes(b"")
    assert toy.train(data, run) == 1
    assert "start over with --resume false" in refusal(capsys)


def test_a_second_process_is_told_of_the_first(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    with locked(run):
        before = contents(run)
        assert toy.train(data, run) == 1
        assert f"{run} is in use by process {os.getpid()} on " in refusal(capsys)
        assert contents(run) == before


def test_a_run_that_is_started_over_never_resumes_the_one_before(
    data: Path, unbroken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(unbroken, tmp_path / "run"))
    assert toy.train(data, run, resume=False, max_steps=4, seed=5) == 0
    assert [p.name for p in checkpoints(run)] == ["checkpoint-4", "checkpoint-3"]
    steps = [json.loads(x)["step"] for x in (run / "log.jsonl").read_text().splitlines()]
    assert steps == [2, 4, 4]
    capsys.readouterr()
    assert toy.train(data, run, max_steps=4, seed=5) == 0
    assert "resuming from checkpoint-4" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_step_that_is_not_finite_is_told_before_it_is_taken(
    what: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "run"

    def spoil(self: Probe, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        embedding = self.trainer.model.embed.weight
        if state.global_step == 7 and what == "loss":
            with torch.no_grad():
                embedding[5:].fill_(float("nan"))
        if state.global_step == 7 and what == "gradient":
            embedding.register_hook(lambda gradient: gradient * float("inf"))

    monkeypatch.setattr(Probe, "on_step_begin", spoil)
    toy_steps = tmp_path / "steps"
    with monkeypatch.context() as patch:
        from tvae_core.training.loop import TVAETrainer

        patch.setattr(TVAETrainer, "compute_loss", TVAETrainer.compute_loss)  # put back after
        toy.record_steps(toy_steps)
        assert toy.train(data, run) == 1
    told = refusal(capsys)
    assert told.startswith(f"train: the {what} is not finite at step 8; lower --learning-rate")
    assert f"the run resumes from {run / 'checkpoint-6'}" in told
    last = json.loads(toy_steps.read_text().splitlines()[-1])
    assert last["step"] == 8
    assert f"rows {', '.join(map(str, last['rows']))} of the prepared set" in told
    report = json.loads((run / "not_finite.json").read_text())
    texts = toy.toy_words(50)
    assert [item["row"] for item in report["batch"]] == last["rows"]
    assert [item["text"] for item in report["batch"]] == [texts[row] for row in last["rows"]]
    assert report["checkpoint"] == "checkpoint-6"
    assert repr(texts[last["rows"][0]]) in told
    assert [p.name for p in checkpoints(run)] == ["checkpoint-6", "checkpoint-3"]
    assert damage(run / "checkpoint-6") is None
    assert not (run / "bundle").exists()
