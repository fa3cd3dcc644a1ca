"""Sharded training (FSDP2): one process's losses, and checkpoints that any number can read."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from tvae_core.training import fsdp
from tvae_core.training.run_folder import last_checkpoint
from tvae_core.training.set_up import own_share
from tvae_core.training.settings import TrainSettings

SCRIPT = Path(__file__).parents[1] / "train_across.py"
PARTS = ("loss", "reconstruction", "mmd", "mmd_weight", "code_std")


def run(processes: int, *words: object) -> int:
    """The script under `torchrun`; its exit code."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(processes), str(SCRIPT), *map(str, words)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=280)
    assert done.returncode == 0 or "SIGKILL" in done.stderr, done.stderr[-3000:]
    return done.returncode


def alone(*words: object) -> None:
    """The script in this process."""
    runpy.run_path(str(SCRIPT))["main"](*(w if isinstance(w, Path) else str(w) for w in words))


def result(folder: Path) -> tuple[list[dict[str, Any]], dict[str, torch.Tensor]]:
    lines = json.loads((folder / "lines.json").read_text())
    return lines, load_file(folder / "weights.safetensors")


def same(folder: Path, other: Path) -> None:
    (lines, weights), (found, theirs) = result(folder), result(other)
    assert [line["step"] for line in found] == [line["step"] for line in lines] == [*range(1, 13)]
    for expected, line in zip(lines, found, strict=True):
        for name in PARTS:
            wanted = pytest.approx(expected[name], abs=1e-9, rel=1e-9)
            assert line[name] == wanted, (name, line["step"])
        assert line["grad_norm"] == pytest.approx(expected["grad_norm"], rel=1e-9), line["step"]
    assert theirs.keys() == weights.keys()
    for name, value in weights.items():
        torch.testing.assert_close(theirs[name], value, atol=1e-10, rtol=0)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One process, not sharded."""
    folder = tmp_path_factory.mktemp("unbroken")
    alone(folder, "adamw")
    return folder


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sharded processes, killed at step 9; the last checkpoint is of step 6."""
    folder = tmp_path_factory.mktemp("killed")
    assert run(2, folder, "adamw", "full", 9) != 0
    return folder


@pytest.mark.slow
def test_sharded_killed_and_resumed_is_one_process_unbroken(
    unbroken: Path, killed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "on"
    shutil.copytree(killed, folder)
    assert run(2, folder, "adamw", "full") == 0
    same(unbroken, folder)


@pytest.mark.slow
def test_a_sharded_run_goes_on_in_one_process(unbroken: Path, killed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "on"
    shutil.copytree(killed, folder)
    alone(folder, "adamw")
    same(unbroken, folder)
    assert (folder / "checkpoint-12" / "optimizer.pt").is_file()


@pytest.mark.slow
def test_no_process_writes_all(killed: Path) -> None:
    checkpoint = last_checkpoint(killed)
    assert checkpoint is not None
    assert checkpoint.name == "checkpoint-6"
    assert not (checkpoint / "model.safetensors").exists()
    assert not (checkpoint / "optimizer.pt").exists()
    index = fsdp.read_index(checkpoint / fsdp.FOLDER)
    assert index["processes"] == 2
    whole = index["shapes"]["model.embed.weight"]
    for name in index["files"]:
        with safe_open(checkpoint / fsdp.FOLDER / name, "pt") as file:
            for kind in ("model.embed.weight", "optimizer.embed.weight.exp_avg_sq"):
                assert file.get_slice(kind).get_shape() == [whole[0] // 2, whole[1]]


@pytest.mark.slow
def test_an_incomplete_checkpoint_is_refused(killed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sharded"
    shutil.copytree(killed / "checkpoint-6" / fsdp.FOLDER, folder)
    part = sorted(folder.glob("*.safetensors"))[1]
    content = part.read_bytes()
    part.write_bytes(content[:-1])
    with pytest.raises(fsdp.ShardedCheckpointError, match="cut off"):
        fsdp.read_index(folder)
    part.unlink()
    with pytest.raises(fsdp.ShardedCheckpointError, match="too few"):
        fsdp.read_index(folder)
    part.write_bytes(content)
    with pytest.raises(fsdp.ShardedCheckpointError, match=r"no model.weight of shape \[3, 2\]"):
        fsdp.load(torch.nn.Linear(2, 3), folder)
    (folder / fsdp.INDEX).unlink()
    with pytest.raises(fsdp.ShardedCheckpointError, match="no complete"):
        fsdp.read_index(folder)


@pytest.mark.slow
def test_two_processes_stream_as_one_does_and_go_on(tmp_path: Path) -> None:
    """The place in the stream is in the checkpoint; another number of processes takes it up."""
    for shard in range(3):
        texts = [str(n * 7 + shard) * 2 for n in range(10 + 7 * shard, 40)]
        pq.write_table(pa.table({"text": texts}), tmp_path / f"{shard}.parquet")
    stream = str(tmp_path / "*.parquet")
    alone(tmp_path / "unbroken", "adamw", "none", 0, stream)
    assert run(2, tmp_path / "two", "adamw", "none", 9, stream) != 0
    shutil.copytree(tmp_path / "two", tmp_path / "one")
    assert run(2, tmp_path / "two", "adamw", "none", 0, stream) == 0
    alone(tmp_path / "one", "adamw", "none", 0, stream)
    same(tmp_path / "unbroken", tmp_path / "two")
    same(tmp_path / "unbroken", tmp_path / "one")


def test_what_does_not_go_with_sharding_is_told() -> None:
    for optimizer in ("muon", "adafactor"):
        with pytest.raises(ValueError, match=f"adamw only: {optimizer} needs whole matrices"):
            own_share(TrainSettings(sharding="full", optimizer=optimizer), 1000)
    with pytest.raises(ValueError, match="compile"):
        own_share(TrainSettings(sharding="full", compile=True), 1000)
    with pytest.raises(ValueError, match="sharding is none or full"):
        TrainSettings(sharding="half")
