"""`sample` of any domain: what is refused, when, and with which exit code."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--min", "totl=3"], "unknown score 'totl'; did you mean total"),
        (["--max", "zzz=3"], "unknown score 'zzz'; there are: length, total, sevens"),
        (["--sort", "-lenght"], "unknown score 'lenght'; did you mean length"),
        (["--min", "total"], "a limit is written score=number, such as length=0.6, not 'total'"),
        (["--min", "total=big"], "the limit of total is not a number: 'big'"),
        (["--min", "total=nan"], "the limit of total is not a number"),
        (["--min", "total=3", "--max", "total=2"], "nothing has total of at least 3 and at most 2"),
        (["-n", "0"], "-n/--n: must be a whole number of at least 1"),
        (["--top", "0"], "--top: must be a whole number of at least 1"),
        (["--temperature", "-1"], "temperature must be 0 (greedy) or more"),
        (["--top-p", "0"], "top_p must be above 0"),
        (["--beams", "0"], "beams must be in 1..64"),
        (["--beams", "4", "--temperature", "0.5"], "add --temperature 0"),
        (["--fidelity", "2"], "must be a number in 0..1, or auto"),
        (["--prior", "flows"], "invalid choice: 'flows'"),
        (["-o", "x.doc"], "unknown file ending; sums are written to .csv"),
        (["--rejected", "x"], "unknown file ending"),
        (["-o", "x.csv", "--rejected", "./x.csv"], "name the same file"),
        (["--min_total", "3"], "unknown argument --min-total"),
    ],
)
def test_mistakes_are_told_before_the_bundle_is_opened(
    arguments: list[str], message: str, command: Command
) -> None:
    result = command("sample", "nowhere", *arguments)
    assert message in result.refusal()
    assert result.code == 2


def test_failures(command: Command, bundle: Path, tmp_path: Path) -> None:
    result = command("sample", tmp_path / "nowhere")
    assert "there is no bundle folder" in result.refusal()
    assert result.code == 1
    result = command("sample", "-o", bundle / "config.json" / "out.csv")
    assert "cannot write" in result.refusal()
    assert result.code == 1
    spoilt = Path(shutil.copytree(bundle, tmp_path / "spoilt"))
    (spoilt / "model.safetensors").write_bytes(b"cut")
    result = command("sample", spoilt, "-o", tmp_path / "out.csv")
    assert str(spoilt) in result.refusal()
    assert result.code == 1
    assert not (tmp_path / "out.csv").exists()
