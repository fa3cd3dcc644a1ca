"""Kills of `python -m domains.smiles.train` as a person starts it, for `tests.faults.kills`."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.same import DifferenceError, checkpoints_are_whole, same_runs

ROOT = Path(__file__).resolve().parents[2]
FEWER = ("--max-steps", "26", "--save-steps", "4", "--log-steps", "3", "--eval-steps", "10",
         "--final", "quick", "--prior-steps", "5")  # fmt: skip


def _prepare(folder: Path) -> Path:
    from tests.cli.conftest import molecules

    file, data = folder / "own.smi", folder / "data"
    file.write_text("".join(f"{text}\n" for text in molecules()))
    given = ["--input", file, "--out", data, "--vocab-size", "150", "--jobs", "1"]
    _finished([sys.executable, "-m", "data_prep.smiles", *map(str, given)])
    return data


def _finished(command: list[str]) -> float:
    """Runs a command to its end; the processor seconds it took."""
    before = os.times()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise DifferenceError(f"{' '.join(command[1:4])} failed: {done.stderr[-2000:]}")
    after = os.times()
    return after.children_user + after.children_system - before[2] - before[3]


def _killed(command: list[str], seconds: float) -> bool:
    """Starts a command and kills it after so many processor seconds; whether it came to that."""
    tick = os.sysconf("SC_CLK_TCK")
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        stat = Path(f"/proc/{process.pid}/stat")
        while process.poll() is None:
            fields = stat.read_text().rpartition(")")[2].split()
            if (int(fields[11]) + int(fields[12])) / tick >= seconds:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.005)
    return process.returncode == -signal.SIGKILL


def kill_command(
    folder: Path, kills: int, seed: int, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Kills and resumes one training after the other; gives the figures.

    Raises:
        DifferenceError: a broken run is not as the unbroken one.
    """
    from tests.cli.conftest import FLAGS

    data, draw = _prepare(folder), random.Random(seed)

    def command(output: Path) -> list[str]:
        given = [*FLAGS, *FEWER, "--data", str(data), "--output", str(output)]
        return [sys.executable, "-m", "domains.smiles.train", "smiles_small", *given]

    unbroken = folder / "unbroken"
    whole = _finished(command(unbroken))
    tell(f"the unbroken run took {whole:.0f} processor seconds")
    done: Counter[str] = Counter()
    while done["kills"] < kills:
        output = folder / f"run-{done['runs']}"
        while done["kills"] < kills and _killed(command(output), draw.uniform(0.4, 1) * whole):
            done["kills"] += 1
            done["checkpoints_read_back"] += checkpoints_are_whole(output)
            tell(f"{done['kills']} kills")
        _finished(command(output))  # once more if it had ended: that must change nothing
        same_runs(unbroken, output)
        done["runs"] += 1
    return dict(done) | {"bundles_equal": done["runs"]}
