"""`bench muon`: the parts of a step in both types."""

from __future__ import annotations

import pytest

from tvae_core.bench import muon
from tvae_core.bench.command import COMMANDS
from tvae_core.cli.parser import CommandParser

TINY = "d_model=16 n_heads=2 d_ff=16 encoder_blocks=1 decoder_layers=1 n_latent=1 latent_size=4"

SIZES = {
    "--vocab-size": "20",
    "--batch-size": "4",
    "--length": "5",
    "--repeats": "2",
    "--threads": "1",
}


def test_both_parts_in_both_types(capsys: pytest.CaptureFixture[str]) -> None:
    parser = CommandParser(prog="x")
    COMMANDS["muon"].add_arguments(parser)
    flags = [part for value in TINY.split() for part in ("--set", value)]
    for flag, value in SIZES.items():
        flags += [flag, value]
    records = muon.run(parser.parse([*flags, "--device", "cpu"]))
    assert [record.name for record in records] == [
        f"{part}, {name}" for part in (muon.PASSES, muon.STEP) for name in ("fp32", "bf16")
    ]
    assert all(record.value >= 0 and record.unit == "s" for record in records)
    assert "for Muon" in capsys.readouterr().out
