"""A domain in a package outside this tree: prepared, trained, used and held to the contract."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SIXTH = Path(__file__).parent / "sixth"


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and its metadata, as `pip install --target` leaves them."""
    folder = tmp_path_factory.mktemp("outside") / "packages"
    shutil.copytree(SIXTH, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def python(outside: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    found = subprocess.run(
        [sys.executable, *arguments],
        cwd=outside.parent,
        env=os.environ | {"PYTHONPATH": f"{outside}{os.pathsep}{ROOT}", "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-3000:]
    return found


@pytest.mark.slow
def test_it_is_prepared_trained_and_sampled(outside: Path) -> None:
    prepared = python(outside, "-m", "roman.prepare")
    assert "train 3,599, validation 200, test 200" in prepared.stdout
    trained = python(outside, "-m", "roman.train", "--max-steps", "240", "--threads", "1")
    assert "bundle: runs/roman/roman_tiny/bundle" in trained.stdout
    bundle = "runs/roman/roman_tiny/bundle"
    sampled = python(
        outside, *["-m", "roman.sample", bundle, "-n", "64", "--threads", "1", "-o", "x.csv"]
    )
    assert "raw valid" in sampled.stdout + sampled.stderr
    lines = (outside.parent / "x.csv").read_text().splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert rows
    assert {"value", "letters"} <= set(rows[0])
    walked = python(outside, "-m", "roman.interpolate", bundle, "XIV", "MMXXVI", "--steps", "5")
    assert "number" in walked.stdout


@pytest.mark.slow
def test_it_keeps_the_contract(outside: Path) -> None:
    contract = str(ROOT / "tests/domains/test_contract.py")
    options = ["-q", "-k", "roman", "-p", "no:cacheprovider", "-p", "no:xdist", "-c"]
    found = python(outside, "-m", "pytest", contract, *options, str(ROOT / "pyproject.toml"))
    passed = int(found.stdout.split(" passed")[0].split()[-1])
    assert passed >= 10, found.stdout


def test_installing_registers_it(outside: Path) -> None:
    code = "from domains.registry import *; print(all_domains(), commands_of('roman').unit)"
    found = python(outside, "-c", code)
    assert "'mnist', 'roman'] number" in found.stdout
