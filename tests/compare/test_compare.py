"""The comparison of checkouts: what must differ is taken out, all else is found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from tests.compare.cases import DOMAINS, left_before, lines
from tests.compare.differences import Side, of_files, of_line

BAR = "\rdraw:  50%|# | 5/10 [00:01<00:01, {rate}it/s]\rdraw: 100%|##| 10/10 [00:02<00:00]\n"


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Side, Side]:
    """A line `sample` that ran in two checkouts, and what it left."""
    found = []
    for name, version in (("old", "0.9.0"), ("new", "1.0.0")):
        side = Side(tmp_path / name, tmp_path / name / "w", tmp_path / name / "r", version)
        side.work.mkdir(parents=True)
        side.results.mkdir()
        (side.results / "sample.out").write_text(f"wrote {side.work}/a.csv of {version}\n")
        rate = 3 + len(found)
        (side.results / "sample.err").write_text(BAR.format(rate=rate) + f"took {rate} s\n")
        (side.results / "sample.json").write_text('{"code": 0, "seconds": 1.5}')
        (side.work / "a.csv").write_text("smiles\nCC\n")
        figures = {"valid": 0.5, "minutes": rate, "tvae_version": version}
        (side.work / "a.json").write_text(json.dumps(figures))
        pq.write_table(pa.table({"text": ["CC"], "made": [version]}), side.work / "a.parquet")
        save_file({"x": torch.ones(2)}, side.work / "a.safetensors")
        found.append(side)
    return found[0], found[1]


def test_places_times_and_versions_do_not_count(sides: tuple[Side, Side]) -> None:
    assert of_line("sample", *sides) == []
    assert of_files(*sides) == {}
    assert "50%" not in sides[0].told("sample")


def spoil(name: str, old: str, new: str) -> Callable[[Side], None]:
    def change(side: Side) -> None:
        path = next(path for path in (side.work / name, side.results / name) if path.exists())
        path.write_text(path.read_text().replace(old, new))

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (spoil("sample.out", "wrote", "made"), "-wrote <WORK>/a.csv of <VERSION>"),
        (spoil("sample.err", "took", "takes"), "+takes <TIME>"),
        (spoil("sample.err", "10/10", "9/9"), "+<BAR> draw 9"),
        (spoil("sample.json", '"code": 0', '"code": 1'), "exit code 0 -> 1"),
        (spoil("a.csv", "CC", "CN"), "+CN"),
        (spoil("a.json", "0.5", "0.4"), "valid: 0.5 -> 0.4"),
        (lambda side: (side.work / "a.csv").unlink(), "is gone"),
        (lambda side: (side.work / "b.csv").touch(), "is new"),
        (lambda side: shutil.copy(side.work / "a.csv", side.work / "a.json"), "no JSON any more"),
        (
            lambda side: pq.write_table(pa.table({"text": ["CN"]}), side.work / "a.parquet"),
            "-made: string",
        ),
        (
            lambda side: save_file({"x": torch.ones(2) * 1.5}, side.work / "a.safetensors"),
            "largest difference of a weight: 0.5",
        ),
    ],
)
def test_anything_else_does(
    change: Callable[[Side], object], told: str, sides: tuple[Side, Side]
) -> None:
    change(sides[1])
    rows = [
        *of_line("sample", *sides),
        *(row for found in of_files(*sides).values() for row in found),
    ]
    assert told in rows


@pytest.mark.parametrize("name", DOMAINS)
def test_every_line_has_a_name_of_its_own(name: str) -> None:
    names = [line["name"] for line in [*left_before(name), *lines(name, quick=False)]]
    assert len(names) == len(set(names)) > 50
    assert {line["name"] for line in lines(name, quick=True)} < set(names)
