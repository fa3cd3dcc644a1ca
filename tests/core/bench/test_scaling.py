"""Exponents, and `bench scaling` from the command line to its records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tvae_core.bench.command import main
from tvae_core.bench.scaling import Point, exponent, exponent_table, scaling_records


def test_exponent_of_a_power_is_that_power() -> None:
    slope, residual, local = exponent([512, 1024, 4096], [3 * n**1.5 for n in (512, 1024, 4096)])
    assert slope == pytest.approx(1.5)
    assert residual == pytest.approx(0, abs=1e-9)
    assert local == pytest.approx([1.5, 1.5])


def test_a_quadratic_term_shows_in_the_last_slope() -> None:
    sizes = [512, 1024, 2048, 4096]
    slope, residual, local = exponent(sizes, [n + n**2 / 4096 for n in sizes])
    assert 1 < slope < 2
    assert residual > 0.01
    assert local == sorted(local)


def test_target_is_for_windows() -> None:
    points = [Point(n, 1, n**2, n, n) for n in (512, 1024)]
    points.append(Point(512, 4, 512.0**2 * 4, 512 * 4, 512 * 4))
    records = scaling_records("train", points)
    exponents = {r.name: r.value for r in records if r.unit == "exponent"}
    assert exponents["scaling train, exponent of time in length"] == pytest.approx(2)
    assert exponents["scaling train, exponent of time in batch"] == pytest.approx(1)
    table = exponent_table(records, windowed=True)
    assert table.count("missed") == 1
    assert table.count("met") == 2
    assert "met" not in exponent_table(records, windowed=False)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["train", "generate"])
def test_from_the_command_line(
    what: str, tiny_flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target, plot = tmp_path / "r.json", tmp_path / "p.png"
    flags = ["--lengths", "8,16,40", "--batch-sizes", "1,3", "--repeats", "1", "--what", what]
    files = ["--json", str(target), "--save-plot", str(plot)]
    assert main(["scaling", "window60", *tiny_flags, *flags, *files]) == 0
    records = {record["name"]: record for record in json.loads(target.read_text())}
    for length, batch in ((8, 1), (16, 1), (40, 1), (8, 3)):
        place = f"scaling {what}, length {length}, batch {batch}"
        assert records[f"{place}, time"]["value"] > 0
        peak = records[f"{place}, peak memory"]["value"]
        assert peak > records[f"{place}, working memory"]["value"] > 0
    for axis in ("length", "batch"):
        for cost in ("time", "peak memory", "working memory"):
            assert f"scaling {what}, exponent of {cost} in {axis}" in records
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert "target" in capsys.readouterr().out
