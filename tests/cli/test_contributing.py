"""CONTRIBUTING's walk of one molecule through the code, run as it stands."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_walk_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "CONTRIBUTING.md", "exec"), {})


def test_the_files_that_it_names_are_there() -> None:
    named = re.findall(r"`((?:tvae_core|domains|data_prep|tests|apps|\.ci)/[\w./-]+)`", TEXT)
    assert len(named) > 15
    assert not [name for name in named if not (ROOT / name.replace("NAME", "midi")).exists()]
