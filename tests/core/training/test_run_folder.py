"""The folder of a run: who works in it, which checkpoint is good, what is cleared away."""

from __future__ import annotations

import io
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tvae_core.support.errors import OutputError
from tvae_core.training.run_folder import (
    EARLIER,
    LIST_FILE,
    STAGING,
    RunFolderError,
    damage,
    last_checkpoint,
    locked,
    new_checkpoint,
    resume_point,
    tidy,
)

FILES = ("config.json", "model.safetensors", "optimizer.pt", "rng_state.pth", "scheduler.pt",
         "trainer_state.json")  # fmt: skip

HOLD = """
import sys
from pathlib import Path
from tvae_core.training.run_folder import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def fill(folder: Path, step: int) -> None:
    """The files that `Trainer` writes."""
    (folder / "config.json").write_text("{}")
    save_file({"weight": torch.randn(50)}, folder / "model.safetensors")
    torch.save({"state": {0: {"exp_avg": torch.randn(50)}}}, folder / "optimizer.pt")
    torch.save({"cpu": torch.zeros(40)}, folder / "rng_state.pth")
    torch.save({"last_epoch": step}, folder / "scheduler.pt")
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with two sealed checkpoints."""
    for step in (3, 6):
        with new_checkpoint(tmp_path / "run" / f"checkpoint-{step}", keep=2) as fresh:
            fill(fresh, step)
    return tmp_path / "run"


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x10
    file.write_bytes(data)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def test_a_checkpoint_is_sealed_and_in_place(run: Path) -> None:
    assert sorted(p.name for p in run.iterdir()) == ["checkpoint-3", "checkpoint-6"]
    assert sorted(p.name for p in (run / "checkpoint-6").iterdir()) == sorted((*FILES, LIST_FILE))
    assert damage(run / "checkpoint-6") is None
    assert last_checkpoint(run) == run / "checkpoint-6"


@pytest.mark.parametrize("name", [*FILES, LIST_FILE])
@pytest.mark.parametrize("spoil", [flip, cut, Path.unlink], ids=["flipped", "cut", "missing"])
def test_a_damaged_checkpoint_is_passed_over_and_named(
    name: str, spoil: object, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(spoil)
    spoil(run / "checkpoint-6" / name)
    if name == LIST_FILE and spoil is Path.unlink:  # one of an older version
        assert resume_point(run) == run / "checkpoint-6"
        return
    assert resume_point(run) == run / "checkpoint-3"
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith(f"passing over {run / 'checkpoint-6'}: ")
    assert name in told or name == LIST_FILE  # a hash in it, and so a file's name


def test_a_sharded_checkpoint_is_checked_to_its_last_file(tmp_path: Path) -> None:
    with new_checkpoint(tmp_path / "checkpoint-2") as fresh:
        (fresh / "sharded").mkdir()
        (fresh / "sharded" / "part-0.safetensors").write_bytes(b"x" * 100)
        (fresh / "trainer_state.json").write_text("{}")
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-2"
    flip(tmp_path / "checkpoint-2" / "sharded" / "part-0.safetensors")
    assert last_checkpoint(tmp_path) is None


@pytest.mark.parametrize("name", [n for n in FILES if n != "config.json"])
@pytest.mark.parametrize("spoil", [cut, Path.unlink], ids=["cut", "missing"])
def test_older_checkpoints_without_a_list(name: str, spoil: object, run: Path) -> None:
    assert callable(spoil)
    for step in (3, 6):
        (run / f"checkpoint-{step}" / LIST_FILE).unlink()
    assert resume_point(run) == run / "checkpoint-6"
    spoil(run / "checkpoint-6" / name)
    assert resume_point(run) == run / "checkpoint-3"


def test_flipped_bytes_of_an_older_optimiser_are_seen(run: Path) -> None:
    (run / "checkpoint-6" / LIST_FILE).unlink()
    file = run / "checkpoint-6" / "optimizer.pt"
    at = file.read_bytes().index(b"exp_avg") + 1
    file.write_bytes(file.read_bytes()[:at] + b"?" + file.read_bytes()[at + 1 :])
    assert "optimizer.pt" in str(damage(run / "checkpoint-6"))


class Touch:
    """What a pickle with code in it looks like."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> object:
        return (os.mkdir, (str(self.file),))


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("form", ["zip", "pickle"])
def test_code_in_a_checkpoint_is_not_run(listed: bool, form: str, tmp_path: Path) -> None:
    bad, trap = io.BytesIO(), tmp_path / "trap"
    if form == "zip":
        torch.save({"state": Touch(trap)}, bad)
    else:
        pickle.dump(Touch(trap), bad)
    with new_checkpoint(tmp_path / "checkpoint-6") as fresh:
        fill(fresh, 6)
        (fresh / "optimizer.pt").write_bytes(bad.getvalue())
    if not listed:
        (tmp_path / "checkpoint-6" / LIST_FILE).unlink()
    assert last_checkpoint(tmp_path) is None
    assert not trap.exists()


def test_none_that_is_good_is_told_with_what_to_do(run: Path) -> None:
    for step in (3, 6):
        cut(run / f"checkpoint-{step}" / "model.safetensors")
    with pytest.raises(RunFolderError, match="--resume false") as caught:
        resume_point(run)
    assert str(run) in str(caught.value)
    assert "model.safetensors is damaged" in str(caught.value)


def test_a_first_checkpoint_cut_off_in_an_older_version_is_no_obstacle(tmp_path: Path) -> None:
    assert resume_point(tmp_path) is None
    (tmp_path / "checkpoint-250").mkdir()
    save_file({"weight": torch.ones(3)}, tmp_path / "checkpoint-250" / "model.safetensors")
    assert resume_point(tmp_path) is None


def test_only_the_newest_are_kept_and_damaged_ones_go(run: Path) -> None:
    cut(run / "checkpoint-6" / "model.safetensors")
    tidy(run, last_checkpoint(run))
    assert sorted(p.name for p in run.iterdir()) == ["checkpoint-3", "checkpoint-6.damaged"]
    for step in (5, 10):
        with new_checkpoint(run / f"checkpoint-{step}", keep=2) as fresh:
            fill(fresh, step)
    assert sorted(p.name for p in run.iterdir()) == ["checkpoint-10", "checkpoint-5"]


def test_a_failure_leaves_what_was_there(run: Path) -> None:
    def save(error: Exception) -> None:
        with new_checkpoint(run / "checkpoint-9", keep=2) as fresh:
            fill(fresh, 9)
            raise error

    with pytest.raises(OutputError, match="No space left on device; checkpoint-6 is as it was"):
        save(OSError(28, os.strerror(28), "model.safetensors"))
    assert sorted(p.name for p in run.iterdir()) == ["checkpoint-3", "checkpoint-6"]
    assert last_checkpoint(run) == run / "checkpoint-6"
    with pytest.raises(ZeroDivisionError):
        save(ZeroDivisionError())
    assert last_checkpoint(run) == run / "checkpoint-6"


def test_what_a_kill_leaves_is_cleared_away(run: Path) -> None:
    (run / STAGING / "checkpoint-9").mkdir(parents=True)
    (run / ".bundle.new-abc").mkdir()
    (run / ".bundle.old-abd").mkdir()
    (run / ".bundle.old-abd" / "config.json").write_text("mine")
    (run / ".settings.toml.xyz.tmp").write_text("half")
    (run / "showcase").mkdir()
    (run / "showcase" / ".step-000006.json.xyz.tmp").write_text("half")
    (run / ".gitignore").write_text("theirs")
    tidy(run, run / "checkpoint-6")
    left = sorted(p.name for p in run.iterdir())
    assert left == [".gitignore", "bundle", "checkpoint-3", "checkpoint-6", "showcase"]
    assert not list((run / "showcase").iterdir())
    assert (run / "bundle" / "config.json").read_text() == "mine"


def test_starting_over_moves_the_run_of_before(run: Path) -> None:
    """Its checkpoints would be resumed by the next start, being of later steps."""
    (run / "log.jsonl").write_text('{"step": 6}\n')
    tidy(run, None, resume=False)
    assert [p.name for p in run.iterdir()] == [EARLIER]
    assert last_checkpoint(run / EARLIER) == run / EARLIER / "checkpoint-6"
    assert resume_point(run) is None
    tidy(run, None, resume=False)
    assert (run / EARLIER / "log.jsonl").is_file()


def test_a_folder_is_one_runs_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path / "run"):
        with pytest.raises(RunFolderError) as caught, locked(tmp_path / "run"):
            pass
        assert f"process {os.getpid()} on {socket.gethostname()} since" in str(caught.value)
        assert str(tmp_path / "run") in str(caught.value)
        with locked(tmp_path / "other"):
            pass
    with locked(tmp_path / "run"):
        pass


def test_the_first_of_several_processes_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with locked(tmp_path):
        monkeypatch.setenv("RANK", "1")
        with locked(tmp_path):
            pass
        monkeypatch.setenv("RANK", "0")
        with pytest.raises(RunFolderError), locked(tmp_path):
            pass


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(RunFolderError, match=f"process {holder.pid} on"), locked(tmp_path):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"), locked(tmp_path / "file" / "run"):
        pass
