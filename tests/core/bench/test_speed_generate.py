"""`bench generate` from the command line to its records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tvae_core.bench.command import main
from tvae_core.bench.speed_generate import (
    GenerationPlan,
    OriginalGeneration,
    OurGeneration,
    real_lengths,
)
from tvae_core.model.config import TVAEConfig


@pytest.mark.slow
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


@pytest.mark.parametrize("lengths", [[9] * 5, [3, 9, 2, 5, 9]], ids=["full", "mixed"])
@pytest.mark.parametrize("own", [False, True])
def test_both_sides_end_their_rows_alike(
    lengths: list[int], own: bool, tiny_config: Callable[..., TVAEConfig]
) -> None:
    plan = GenerationPlan(tiny_config(), "cpu", lengths, seed=0, own=own)
    assert torch.equal(plan.latents(), plan.latents())
    original, end = OriginalGeneration(plan), plan.config.eos_token_id
    for use_cache in (True, False):
        for row, length in zip(original.decode(use_cache), lengths, strict=True):
            assert len(row) == 9
            assert row.index(end) == length - 1
    ours = OurGeneration(plan, ["fp32", "bf16"])
    assert ours.models["bf16"].dtype == torch.bfloat16
    for precision in ours.models:
        assert [len(row) + 1 for row in ours.decode(precision)] == lengths


def test_lengths_of_real_rows(prepared: Callable[..., Path]) -> None:
    path = prepared({"train": ["123", "12345678"], "test": ["123"]})
    assert set(real_lengths(str(path), 6, 40, 0)) == {4, 6}
    assert real_lengths(str(path), 6, 4, 1) == real_lengths(str(path), 6, 4, 1)
