"""`bench generate` from the command line to its records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tvae_core.bench.command import main
from tvae_core.bench.speed_generate import GenerationPlan, OriginalGeneration, OurGeneration
from tvae_core.config import TVAEConfig


def test_each_precision_over_each_baseline(
    tiny_flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "r.json"
    flags = [*tiny_flags, "--length", "6", "--batch-size", "3", "--repeats", "2"]
    assert main(["generate", *flags, "--json", str(target)]) == 0
    records = json.loads(target.read_text())
    assert [record["name"] for record in records] == [
        f"generate {precision} over original, {way}"
        for precision in ("fp32", "bf16")
        for way in ("cached", "recomputing")
    ]
    for record in records:
        low, high = record["spread"]
        assert low <= record["ratio"] <= high
        assert record["unit"] == "items/s"
        assert record["value"] > 0
    assert "3 rows of 6 tokens" in capsys.readouterr().out


def test_both_sides_do_equal_work(tiny_config: Callable[..., TVAEConfig]) -> None:
    plan = GenerationPlan(tiny_config(), "cpu", length=9, batch_size=5, seed=0)
    assert torch.equal(plan.latents(), plan.latents())
    original = OriginalGeneration(plan)
    for use_cache in (True, False):
        assert [len(row) for row in original.decode(use_cache)] == [9] * 5
    ours = OurGeneration(plan, ["fp32", "bf16"])
    assert ours.models["bf16"].dtype == torch.bfloat16
    for precision in ours.models:  # and a ninth step, which may end the row
        assert [len(row) for row in ours.decode(precision)] == [8] * 5
