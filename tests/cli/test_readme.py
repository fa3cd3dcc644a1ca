"""The README's commands, as a newcomer types them: run small, or dry where they need MOSES."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
LINES = [line.strip() for kind, block in BLOCKS if kind == "sh" for line in block.splitlines()]
PYTHON = [line for line in LINES if line.startswith("python -m ")]


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )


TINY = "d_model=16 n_heads=2 d_ff=24 encoder_blocks=1_1 decoder_layers=1 n_latent=2 latent_size=4"


def small(line: str) -> list[str]:
    """The command with fewer samples, dry where it would train, tiny where it would measure."""
    words = shlex.split(line, comments=True)[1:]
    words = [re.sub(r"^\d{3,}$", "30", word) for word in words]
    words = [re.sub("^(?=domains/.*bundle$)", f"{ROOT}/", word) for word in words]
    if ".train" in words[1]:
        words.append("--dry-run")
    if ".bench" in words[1]:
        words += BENCH_FLAGS[words[2]]
        if words[2] not in ("ceiling", "mmd"):
            words += [part for setting in TINY.split() for part in ("--set", setting)]
            words += ["--vocab-size", "40"]
    return words


BENCH_FLAGS = {
    "max-batch": ["--length", "16", "--memory", "0.76"],
    "train": ["--repeats", "1"],
    "generate": ["--repeats", "1", "--batch-size", "2"],
    "scaling": ["--lengths", "16,32", "--batch-sizes", "1,2", "--repeats", "1"],
    "mmd": ["--codes", "256", "--tiled-codes", "8"],
    "ceiling": ["--sizes", "64,128"],
    "muon": ["--repeats", "1", "--batch-size", "4"],
}


def test_there_are_commands_to_test() -> None:
    assert len(PYTHON) >= 8
    assert {"make app", "make test"} <= {line.split("#")[0].strip() for line in LINES}


def first_samples() -> set[str]:
    """The first line of `sample` of each domain, which stands for the others in `make test`."""
    found: dict[str, str] = {}
    for line in PYTHON:
        if ".sample " in line:
            found.setdefault(line.split()[2], line)
    return set(found.values())


def later(lines: list[str]) -> list[Any]:
    """The lines as parameters; all but a line a domain are left to `make test-rest`."""
    kept = first_samples()
    return [line if line in kept else pytest.param(line, marks=pytest.mark.slow) for line in lines]


NEEDS_A_RUN = (".evaluate", ".refine")
"""Commands of the README that go on from a training or need a prepared set."""


@pytest.mark.parametrize(
    "line",
    later(
        [
            line
            for line in PYTHON
            if "data_prep" not in line and not any(verb in line for verb in NEEDS_A_RUN)
        ]
    ),
)
def test_command_runs(line: str, tmp_path: Path) -> None:
    found = run(small(line), tmp_path)
    assert found.returncode == 0, found.stderr
    assert "Traceback" not in found.stderr
    words = small(line)
    if "-o" in words:
        assert (tmp_path / words[words.index("-o") + 1]).stat().st_size > 0
    else:
        assert found.stdout.strip()


@pytest.mark.parametrize("line", later([line for line in PYTHON if "data_prep" in line]))
def test_preparation_flags_exist(line: str, tmp_path: Path) -> None:
    shown = run([*small(line)[:2], "--help"], tmp_path).stdout
    for flag in re.findall(r"--[\w-]+", line):
        assert flag in shown


@pytest.mark.parametrize(
    "line", later([line for line in PYTHON if any(verb in line for verb in NEEDS_A_RUN)])
)
def test_it_says_what_it_needs(line: str, tmp_path: Path) -> None:
    found = run(small(line), tmp_path)
    assert found.returncode == 1
    assert "Traceback" not in found.stderr
    assert found.stderr.count("\n") == 1


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake ([a-z]+)\b", " ".join(LINES)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.slow
def test_python_example_runs(tmp_path: Path) -> None:
    (code,) = [block for kind, block in BLOCKS if kind == "python"]
    found = run(["-c", code], tmp_path)
    assert found.returncode == 0, found.stderr
    samples, walk = map(eval, found.stdout.splitlines())
    assert len(samples) == 10
    assert len(walk) == 9


def test_files_that_it_links_to_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
