"""Two processes of one training, killed together and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults import toy
from tests.faults.same import checkpoints_are_whole, same_runs

ROOT = Path(__file__).resolve().parents[2]


def start(data: Path, run: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "tests.faults.toy", str(data), str(run)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.timeout(1500)
def test_two_processes_killed_and_resumed(tmp_path: Path) -> None:
    data, whole, run = toy.make_data(tmp_path / "data"), tmp_path / "whole", tmp_path / "run"
    unbroken = start(data, whole)
    told = unbroken.communicate(timeout=600)[1]
    assert unbroken.returncode == 0, told[-3000:]
    broken = start(data, run)
    while not (run / "checkpoint-6").exists():
        assert broken.poll() is None
        time.sleep(0.01)
    os.killpg(broken.pid, signal.SIGKILL)  # torchrun
    broken.communicate()
    assert checkpoints_are_whole(run) >= 1
    again = start(data, run)
    told = again.communicate(timeout=600)[1]
    assert again.returncode == 0, told[-3000:]
    assert "resuming from checkpoint-" in told
    same_runs(whole, run)
