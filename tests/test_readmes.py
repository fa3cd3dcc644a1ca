"""The README of each top folder names every room and module there, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
UNNAMED = {"__init__.py", "__pycache__"}


@pytest.mark.parametrize("folder", ["tvae_core", "domains", "apps", "data_prep"])
def test_names_what_is_there(folder: str) -> None:
    text = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([\w/.]+)` \|", text, re.MULTILINE)
    there = {
        path.name + "/" * path.is_dir()
        for path in (ROOT / folder).iterdir()
        if path.name not in UNNAMED and (path.is_dir() or path.suffix == ".py")
    }
    assert sorted(named) == sorted(there)
