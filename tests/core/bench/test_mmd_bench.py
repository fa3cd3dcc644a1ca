"""`bench mmd`: the same value for far less memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tvae_core.bench.command import main


def test_values_agree_and_memory_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "r.json"
    flags = ["--codes", "120", "--size", "200", "--tiled-codes", "40", "--repeats", "1"]
    machine = ["--device", "cpu", "--threads", "1"]
    assert main(["mmd", *flags, *machine, "--json", str(target)]) == 0
    records = {record["name"]: record for record in json.loads(target.read_text())}
    for name in ("original", "multiscale"):
        assert records[f"mmd {name}, difference"]["value"] <= 1e-5
        memory = records[f"mmd {name}, peak memory"]
        few = records[f"mmd {name}, tiled peak at 40 codes"]["value"]
        assert memory["baseline"] == pytest.approx(few * 9)
        assert memory["baseline"] > 3 * 120 * 120 * 200 * 4
        assert memory["ratio"] > 10
    assert "one tiled tensor is" in capsys.readouterr().out
