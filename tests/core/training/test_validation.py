"""What a run looks at on the way, and when that stops it: killed, resumed or left alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tvae_core.bundle import load_bundle
from tvae_core.evaluation.evaluate import Evaluation
from tvae_core.support.files import sha256_file
from tvae_core.training.run import Run
from tvae_core.training.validation import probe_texts


def weights(run: Run) -> str:
    return sha256_file(run.bundle / "model.safetensors")


def test_early_stopping_counts_evaluations_without_progress(go: Callable[..., Run]) -> None:
    run = go("run", learning_rate=1e-7, eval_steps=1, early_stopping=2, max_steps=40)
    assert load_bundle(run.bundle).manifest["steps"] <= 5


def stuck(
    go: Callable[..., Run], folder: str, monkeypatch: pytest.MonkeyPatch, **flags: Any
) -> Run:
    """A run whose held-out score is best at step 4, with patience 3; `killed` is when it ends."""
    first, killed = flags.pop("first", 2), flags.pop("killed", 0)
    steps = iter(range(first, 100, 2))

    def seen(*_: Any) -> Evaluation:
        step = next(steps)
        if step == killed:
            raise KeyboardInterrupt
        return Evaluation({"reconstruction_exact": {2: 0.1, 4: 0.5}.get(step, 0.3)})

    monkeypatch.setattr("tvae_core.training.validation.quick_evaluation", seen)
    given = {"eval_steps": 2, "early_stopping": 3, "save_steps": 5, "max_steps": 30} | flags
    return go(folder, **given)


def test_patience_survives_a_resume(
    go: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third evaluation without progress is that of step 10, whether killed at 8 or not."""
    whole = stuck(go, "whole", monkeypatch)
    assert load_bundle(whole.bundle).manifest["steps"] == 10
    with pytest.raises(KeyboardInterrupt):
        stuck(go, "cut", monkeypatch, killed=8)
    resumed = stuck(go, "cut", monkeypatch, first=6)
    assert load_bundle(resumed.bundle).manifest["steps"] == 10
    assert weights(resumed) == weights(whole)


def test_a_run_that_stopped_early_is_not_trained_again(
    go: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = stuck(go, "run", monkeypatch)  # its last checkpoint is of step 10, where it stopped
    first = weights(whole)
    again = stuck(go, "run", monkeypatch, first=12)
    assert load_bundle(again.bundle).manifest["steps"] == 10
    assert weights(again) == first
    patient = stuck(go, "run", monkeypatch, first=12, early_stopping=5)
    assert load_bundle(patient.bundle).manifest["steps"] == 14


def test_a_checkpoint_without_a_record_of_the_probe_is_resumed(go: Callable[..., Run]) -> None:
    run = go("run", max_steps=6)
    file = run.folder / "checkpoint-6" / "trainer_state.json"
    state = json.loads(file.read_text())
    del state["stateful_callbacks"]["Probe"]
    file.write_text(json.dumps(state))
    (file.parent / "sha256.json").unlink()  # nor had it a list of its files
    assert load_bundle(go("run", max_steps=12).bundle).manifest["steps"] == 12


def test_a_run_is_watched_on_validation_and_judged_on_test(
    go: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def note(prepared: Any, split: str, *rest: Any) -> list[str]:
        asked.append(split)
        return probe_texts(prepared, split, *rest)

    monkeypatch.setattr("tvae_core.training.run.probe_texts", note)
    go("run", max_steps=2)
    assert asked == ["validation", "test"]
