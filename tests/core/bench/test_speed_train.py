"""`bench train` from the command line to its records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tvae_core.bench.command import main
from tvae_core.bench.speed_train import OurTraining, Plan
from tvae_core.model.config import TVAEConfig
from tvae_core.training.presets import TrainSettings

COMMON = ["--length", "10", "--batch-size", "4", "--repeats", "2", "--ceiling-sizes", "16,24"]


def records_of(path: Path) -> dict[tuple[str, str], dict[str, object]]:
    return {(r["name"], r["unit"]): r for r in json.loads(path.read_text())}


@pytest.mark.slow
def test_random_rows(
    tiny_flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "r.json"
    assert main(["train", *tiny_flags, *COMMON, "--json", str(target)]) == 0
    found = records_of(target)
    units = ("items/s", "tokens/s", "GFLOP/s")
    names = {"train fp32", "train bf16"}
    assert {name for name, unit in found if unit == "items/s"} == names
    assert len(found) == len(names) * len(units)
    for (name, unit), record in found.items():
        low, high = record["spread"]  # type: ignore[misc]
        assert low <= record["ratio"] <= high, name
        assert record["value"] > 0  # type: ignore[operator]
        assert record["baseline"] > 0, unit  # type: ignore[operator]
    shown = capsys.readouterr().out
    assert "no padding" not in shown
    assert "4 rows of 10 tokens" in shown


@pytest.mark.slow
def test_real_rows_say_what_padding_costs(
    tiny_flags: list[str],
    tmp_path: Path,
    prepared: Callable[..., Path],
    words: Callable[..., list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, target = prepared({"train": words(60)}), tmp_path / "r.json"
    flags = [*tiny_flags, *COMMON, "--precision", "bf16", "--data", str(data), "--batches", "2"]
    assert main(["train", *flags, "--json", str(target)]) == 0
    found = records_of(target)
    assert {name for name, unit in found if unit == "items/s"} == {
        "train bf16, padded",
        "train bf16, no padding",
    }
    share = found[("train share of time waiting for the loader", "share")]["value"]
    assert 0 < share < 1  # type: ignore[operator]
    assert "waiting for the loader" in capsys.readouterr().out


def test_no_padding_multiplies_less(
    prepared: Callable[..., Path],
    words: Callable[..., list[str]],
    tiny_config: Callable[..., TVAEConfig],
) -> None:
    from tvae_core.bench.steps import RealBatches

    config, data = tiny_config(), prepared({"train": words(60)})
    rows = RealBatches(data, config, 20, 4, 2, 0).rows()
    plan = Plan(config, TrainSettings(), "cpu", 20, rows, str(data), 4, 0)
    assert (plan.items, plan.tokens) == (8, sum(len(r) + 1 for batch in rows for r in batch))
    ours = OurTraining(plan)
    assert ours.flops("fp32, no padding") < 0.6 * ours.flops("fp32, padded")
