"""Whether a run that was killed and resumed is the run that was left alone."""

from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path
from typing import Any

from tvae_core.support.files import sha256_file
from tvae_core.training.run_folder import checkpoints, damage

TOLERANCE = 1e-6
"""Relative, of a loss: the last bits of float32."""

_OF_THE_SESSION = ("items_per_second", "train_runtime", "train_samples_per_second",
                   "train_steps_per_second", "train_loss")  # fmt: skip


class DifferenceError(Exception):
    """What is not the same."""


def close(a: float, b: float) -> bool:
    """Equal to float tolerance."""
    return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-9)


def same_steps(unbroken: Path, broken: Path) -> tuple[int, int, float]:
    """Compares the records of `toy.record_steps`, each step that was trained, again or not.

    Returns:
        Records compared, those that repeat a step after a kill, the largest relative difference.

    Raises:
        DifferenceError: other rows, another loss, a step that is not there.
    """
    expected = {line["step"]: line for line in _lines(unbroken)}
    found = _lines(broken)
    worst = 0.0
    for line in found:
        wanted = expected.get(line["step"])
        if wanted is None:
            raise DifferenceError(f"step {line['step']} is not in the unbroken run")
        if line["rows"] != wanted["rows"]:
            raise DifferenceError(f"step {line['step']} has other rows than in the unbroken run")
        if not close(line["loss"], wanted["loss"]):
            raise DifferenceError(
                f"step {line['step']} has loss {line['loss']}, unbroken {wanted['loss']}"
            )
        worst = max(worst, abs(line["loss"] / wanted["loss"] - 1))
    steps = [line["step"] for line in found]
    if set(steps) != set(expected):
        raise DifferenceError(f"steps {sorted(set(expected) - set(steps))} were never trained")
    return len(found), len(found) - len(expected), worst


def same_runs(unbroken: Path, broken: Path) -> None:
    """Compares what two finished runs left: log, bundle, evaluation.

    Raises:
        DifferenceError: a line lost or twice, another number, another file, something left over.
    """
    _same_logs(unbroken / "log.jsonl", broken / "log.jsonl")
    settings = [tomllib.loads((run / "settings.toml").read_text()) for run in (unbroken, broken)]
    for given in settings:
        given["train"].pop("output")
    if settings[0] != settings[1]:
        raise DifferenceError("settings.toml is not the same")
    numbers = [(run / "evaluation.json").read_text() for run in (unbroken, broken)]
    if numbers[0] != numbers[1]:
        raise DifferenceError("evaluation.json is not the same")
    files = [sorted(p.name for p in (run / "bundle").iterdir()) for run in (unbroken, broken)]
    if files[0] != files[1]:
        raise DifferenceError(f"the bundle has {files[1]}, unbroken {files[0]}")
    for name in files[0]:
        if name in ("manifest.json", "README.md"):
            continue
        if sha256_file(unbroken / "bundle" / name) != sha256_file(broken / "bundle" / name):
            texts = [(run / "bundle" / name).read_bytes()[:2000] for run in (unbroken, broken)]
            raise DifferenceError(f"bundle/{name} is {texts[1]!r}, unbroken {texts[0]!r}")
    manifests = [
        json.loads((run / "bundle/manifest.json").read_text()) for run in (unbroken, broken)
    ]
    for manifest in manifests:
        manifest.pop("minutes_this_session")
    if manifests[0] != manifests[1]:
        raise DifferenceError("bundle/manifest.json is not the same")
    left = sorted(p.name for p in broken.rglob(".*"))
    if left:
        raise DifferenceError(f"left over: {left}")
    kept = [[p.name for p in checkpoints(run)] for run in (unbroken, broken)]
    if kept[0] != kept[1]:
        raise DifferenceError(f"checkpoints {kept[1]}, unbroken {kept[0]}")


def _same_logs(unbroken: Path, broken: Path) -> None:
    wanted, found = _lines(unbroken), _lines(broken)
    # the summary of a session is not written by one that had no step left
    wanted, found = ([x for x in lines if "train_runtime" not in x] for lines in (wanted, found))
    steps = [[(x["step"], "loss" in x) for x in lines] for lines in (wanted, found)]
    if steps[0] != steps[1]:
        raise DifferenceError(f"log.jsonl has the lines {steps[1]}, unbroken {steps[0]}")
    for a, b in zip(wanted, found, strict=True):
        if a.keys() != b.keys():
            raise DifferenceError(f"step {a['step']} of log.jsonl has {sorted(b)}, not {sorted(a)}")
        for name in a.keys() - set(_OF_THE_SESSION):
            if a[name] != b[name] and (None in (a[name], b[name]) or not close(a[name], b[name])):
                raise DifferenceError(f"step {a['step']}: {name} is {b[name]}, unbroken {a[name]}")


def checkpoints_are_whole(run: Path) -> int:
    """Reads back every checkpoint that a killed run has under a checkpoint's name.

    Returns:
        How many there are.

    Raises:
        DifferenceError: one is damaged, or called whole and cannot be read.
    """
    import torch
    from safetensors.torch import load_file

    found = checkpoints(run)
    for path in found:
        reason = damage(path)
        if reason is not None:
            raise DifferenceError(f"{path.name} is damaged: {reason}")
        try:
            load_file(path / "model.safetensors")
            json.loads((path / "trainer_state.json").read_text())
            for name in ("optimizer.pt", "scheduler.pt"):
                torch.load(path / name, weights_only=True)
        except Exception as error:
            raise DifferenceError(f"{path.name} is called whole, but {error}") from error
    return len(found)


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]
