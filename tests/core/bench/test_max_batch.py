"""The largest batch: the search on known curves, the command on a small model, the table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvae_core.bench import max_batch
from tvae_core.bench.architecture import CHECKPOINTED, ROWS, Row
from tvae_core.bench.command import main
from tvae_core.bench.max_batch import LARGEST, Largest, largest_batch, search
from tvae_core.bench.memory import GIB, StepMemory
from tvae_core.model.config import TVAEConfig
from tvae_core.support.errors import BAD_USAGE
from tvae_core.training.presets import TrainSettings

SMALL = {
    "d_model": 32,
    "n_heads": 2,
    "d_ff": 48,
    "encoder_blocks": (1, 1),
    "decoder_layers": 4,
    "n_latent": 2,
    "latent_size": 8,
    "mmd_memory": 8,
}


def of(peak: float) -> StepMemory:
    return StepMemory(int(peak), 0, 0, 0, int(peak))


def solve(curve: list[tuple[int, int]], room: int, card: int | None = None) -> tuple[Largest, int]:
    """Searches the highest of some lines `(start, slope)`; above `card` nothing is measured."""
    probes = []

    def measure(batch: int) -> StepMemory | None:
        probes.append(batch)
        peak = max(start + slope * batch for start, slope in curve)
        return None if card is not None and peak > card else of(peak)

    found = largest_batch(measure, room)
    assert len(probes) == len(set(probes))
    return found, len(probes)


@pytest.mark.parametrize(
    ("curve", "batch", "most"),
    [
        ([(100, 7)], 128, 6),
        ([(0, 1)], 1000, 6),
        ([(400, 0), (100, 3)], 300, 8),
        ([(900, 1), (100, 7), (-600, 16)], 100, 6),
        ([(993, 7)], 1, 4),
        ([(994, 7)], 0, 4),
        ([(2000, 1)], 0, 4),
    ],
)
def test_known_curves(curve: list[tuple[int, int]], batch: int, most: int) -> None:
    found, probes = solve(curve, 1000)
    assert found.batch == batch
    assert (found.memory is None) == (batch == 0)
    assert probes <= most


def test_a_far_guess_on_a_bent_curve_takes_few_probes() -> None:
    """The distances of MMD grow with the square of the batch: a line to there tells little."""
    probes = []

    def measure(batch: int) -> StepMemory:
        probes.append(batch)
        return of(1e6 + max(8e4 * batch, 44 * batch**2))

    assert largest_batch(measure, 3.2e6, likely=1_000_000).batch == 27
    assert len(probes) <= 8


def test_without_end() -> None:
    assert solve([(10, 0)], 1000)[0].batch == LARGEST


@given(
    curve=st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 900)), min_size=1, max_size=4),
    room=st.integers(1, 100_000),
    card=st.none() | st.integers(1, 100_000),
)
def test_it_fits_and_one_more_does_not(
    curve: list[tuple[int, int]], room: int, card: int | None
) -> None:
    found, probes = solve(curve, room, card)
    limit = room if card is None else min(room, card)
    assert probes < 40
    assert max(start + slope * (found.batch + 1) for start, slope in curve) > limit
    if found.batch:
        assert max(start + slope * found.batch for start, slope in curve) <= limit
        assert found.memory is not None
        assert found.memory.peak <= limit


@pytest.mark.slow
def test_a_small_model() -> None:
    config = TVAEConfig(vocab_size=100, max_length=40, **SMALL)
    room = 6 * 2**20
    found = search(config, TrainSettings(), 40, "fake", room)
    assert found.memory is not None
    assert found.over is not None
    assert found.memory.peak <= room < found.over.peak
    assert found.batch > 2
    assert search(config, TrainSettings(**CHECKPOINTED), 40, "fake", room).batch > found.batch


def test_command(tiny_flags: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "records.json"
    flags = ["--length", "12", "--memory", "0.004", "--reserve", "0.001", "--json", str(file)]
    assert main(["max-batch", *tiny_flags, *flags]) == 0
    printed = capsys.readouterr().out
    batch, peak = json.loads(file.read_text())
    assert batch["unit"] == "items"
    assert batch["name"].endswith("12 tokens, fake")
    assert f"batch {batch['value']:.0f}: " in printed
    assert "fake tensors" in printed
    assert 0.0025 * GIB < peak["value"] <= 0.003 * GIB


@pytest.mark.slow
def test_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    checkpointed = ("base", "grad_check_pnt")
    rows = (
        Row("small", ("base",), 20, 2, 4, SMALL, vocab_size=100),
        Row("small, checkpointed", checkpointed, 20, 3, 1_000, SMALL, vocab_size=100),
    )
    monkeypatch.setattr(max_batch, "ROWS", rows)
    file = tmp_path / "records.json"
    flags = ["--memory", "0.003", "--reserve", "0", "--device", "cpu", "--json", str(file)]
    assert main(["max-batch", "--table", *flags]) == 0
    printed = capsys.readouterr().out.splitlines()
    plain, checked, miss = printed[2:]
    assert plain.startswith("small ")
    assert " met " in plain
    assert "x)" in plain
    assert " MISS " in checked
    assert miss.startswith("MISS small, checkpointed, 20 tokens: ")
    assert "of 1000; held: " in miss
    records = json.loads(file.read_text())
    batches = [record for record in records if record["unit"] == "items"]
    assert [record["baseline"] for record in batches] == [2, 2, 3]
    assert batches[1]["value"] > batches[0]["value"]
    assert batches[0]["ratio"] == batches[0]["value"] / 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--length is missing"),
        (["--length", "9", "--memory", "0.5"], "above --reserve"),
        (["--table", "base"], "its own presets"),
        (["--rows", "12"], "there are rows 1 to 11"),
        (["--length", "9", "--set", "n_heads=5"], "d_model"),
    ],
)
def test_bad_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["max-batch", "--device", "cpu", *arguments]) == BAD_USAGE
    assert message in capsys.readouterr().err


def test_rows_are_architectures_of_the_original() -> None:
    assert len(ROWS) == 11
    for row in ROWS:
        config, settings = row.settings()
        assert config.vocab_size == 32_128
        large = row.name.startswith("large")
        assert (config.d_model, config.decoder_layers) == ((1024, 24) if large else (768, 12))
        assert config.n_heads * 64 == config.d_model
        assert config.window_size == (int(row.name.split()[-1]) if "window" in row.name else 0)
        rate = {"3": 3, "layer": 1}.get(row.name.partition("every ")[2].split(",")[0], 0)
        assert settings.decoder_grad_chk_pnt_rate == rate
        assert settings.gradient_checkpoint_encoder == row.checkpointed == (rate > 0)
        assert row.target >= 4 * row.original
    blocks = [row.settings()[0].encoder_blocks[0] for row in ROWS]
    assert blocks == [6, 6, 6, 3, 1, 1, 1, 1, 2, 1, 8]
