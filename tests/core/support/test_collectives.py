"""Several processes train as one does: the same losses, the same weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tvae_core.support import collectives
from tvae_core.training.set_up import own_share
from tvae_core.training.settings import TrainSettings

SCRIPT = Path(__file__).parents[1] / "train_across.py"
PARTS = ("loss", "reconstruction", "mmd", "mmd_weight", "grad_norm", "code_std")


def run(
    folder: Path, processes: int, optimizer: str
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(processes), str(SCRIPT), str(folder), optimizer]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "lines.json").read_text()), load_file(
        folder / "weights.safetensors"
    )


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "muon_wide"])
def test_two_processes_train_as_one_does(optimizer: str, tmp_path: Path) -> None:
    """All in fp64, Muon's Newton-Schulz iteration (`muon_wide`), too.

    In fp32 and bf16 the last bits of a gradient, which depend on the order of sums, grow step by
    step. In fp64 two processes part from one by 1e-13 in the losses and 1e-14 in the weights.
    """
    lines, weights = run(tmp_path / "one", 1, optimizer)
    found, theirs = run(tmp_path / "two", 2, optimizer)
    assert [line["step"] for line in found] == [line["step"] for line in lines] == [*range(1, 13)]
    for expected, line in zip(lines, found, strict=True):
        for name in PARTS:
            wanted = pytest.approx(expected[name], abs=1e-9, rel=1e-9)
            assert line[name] == wanted, (name, line["step"])
    for name, value in weights.items():
        torch.testing.assert_close(theirs[name], value, atol=1e-10, rtol=0)
    assert not torch.equal(weights["readout.running.mean"], torch.zeros(2, 4))


def test_alone_everything_is_the_identity() -> None:
    rows = torch.randn(6, 2, requires_grad=True)
    assert collectives.world() == 1
    assert collectives.rank() == 0
    assert collectives.share(6) == slice(0, 6)
    assert collectives.gather(rows) is rows
    assert collectives.total(rows) is rows
    assert collectives.own_gradient(rows) is rows
    assert collectives.mean_over_items(rows, torch.tensor(3)) is rows
    torch.manual_seed(1)
    drawn = collectives.draw(torch.rand, (3, 2), torch.device("cpu"))
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(3, 2))
    assert collectives.finish()


def test_what_processes_cannot_share_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert own_share(TrainSettings(batch_size=12), 100) == 4
    with pytest.raises(ValueError, match="batch_size 8 cannot be shared by 3 processes"):
        own_share(TrainSettings(batch_size=8), 100)
    with pytest.raises(ValueError, match="one process only"):
        own_share(TrainSettings(batch_size=12, cycle_weight=1.0), 100)
