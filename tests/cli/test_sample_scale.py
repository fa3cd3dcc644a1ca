"""`python -m domains.smiles.sample` as a long run: workers, kills, resumption, exit codes."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
Command = Callable[..., Any]
GIVEN = ("-n", 80, "--part-size", 16, "--seed", 3, "--alerts", "none")


@pytest.fixture(scope="module")
def unbroken(command: Command, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a run by one worker."""
    path = tmp_path_factory.mktemp("unbroken") / "out.csv"
    result = command("sample", bundle, *GIVEN, "--workers", 1, "-o", path)
    assert result.code == 0, result.err
    assert "80/80" in result.err
    assert "molecule/s" in result.err
    assert "raw samples" in result.out
    assert "uniqueness" in result.out
    assert [p.name for p in path.parent.iterdir()] == ["out.csv"]
    return path


def started(bundle: Path, *arguments: object) -> subprocess.Popen[bytes]:
    """The command as a process group of its own."""
    line = [sys.executable, "-m", "domains.smiles.sample", bundle, *arguments]
    # a shell's background jobs ignore SIGINT, and so would their children
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        [str(word) for word in line],
        cwd=ROOT,
        env=os.environ | {"PYTHONWARNINGS": "error::ResourceWarning"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def stop_after_a_part(process: subprocess.Popen[bytes], folder: Path, how: int) -> bytes:
    """Sends a signal once a part is there; waits until the whole group is gone."""
    end = time.monotonic() + 240
    while not list(folder.glob("part-*.parquet")):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.01)
    os.kill(process.pid, how)
    told = process.communicate(timeout=120)[1]
    while True:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return told
        assert time.monotonic() < end, "workers outlive their parent"
        time.sleep(0.05)


def test_the_molecules_are_those_of_a_short_run(
    unbroken: Path, command: Command, bundle: Path, tmp_path: Path
) -> None:
    short = tmp_path / "short.csv"
    assert command("sample", bundle, *GIVEN[:2], *GIVEN[4:], "-o", short).code == 0
    columns = [
        sorted(line.split(",")[0] for line in p.read_text().splitlines()) for p in (short, unbroken)
    ]
    assert columns[0] == columns[1]


def test_two_workers_killed_and_resumed_by_one(
    unbroken: Path, command: Command, bundle: Path, tmp_path: Path
) -> None:
    """SIGKILL ends the workers as well; the rest is made by another number of them."""
    path = tmp_path / "out.csv"
    process = started(bundle, *GIVEN, "-n", 800, "--workers", 2, "-o", path)
    stop_after_a_part(process, tmp_path / "out.csv.parts", signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not path.exists()
    refused = command("sample", bundle, *GIVEN, "-n", 800, "--workers", 1, "-o", path)
    assert "--resume" in refused.refusal()
    assert refused.code == 2
    given = (*GIVEN, "-n", 800, "--workers", 1)
    result = command("sample", bundle, *given, "-o", path, "--resume")
    assert result.code == 0, result.err
    assert "of 800 samples are there" in result.err
    assert command("sample", bundle, *given, "-o", tmp_path / "whole.csv").out == result.out
    assert path.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.csv", "whole.csv"]


def test_ctrl_c_says_how_to_go_on(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "raw.smi"
    given = ("-n", 40_000, "--raw", "--part-size", 256, "--workers", 1, "-o", path)
    process = started(bundle, *given)
    told = stop_after_a_part(process, tmp_path / "raw.smi.parts", signal.SIGINT).decode()
    assert process.returncode == 130
    assert "the same command with --resume goes on from here" in told
    assert "Traceback" not in told


def test_two_workers_draw_what_one_draws(
    unbroken: Path, command: Command, bundle: Path, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    result = command("sample", bundle, *GIVEN, "--workers", 2, "-o", path)
    assert result.code == 0, result.err
    assert path.read_bytes() == unbroken.read_bytes()


def test_raw_streams_the_same_strings(command: Command, bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "raw.txt"
    given = ("sample", bundle, "--raw", "-n", 50, "--fidelity", "auto", "--temperature", 1)
    result = command(*given, "--part-size", 20, "--workers", 1, "-o", path)
    assert (result.code, result.out) == (0, "")
    assert path.read_text() == command(*given).out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--workers", 1), "needs an output file"),
        (("--workers", 0, "-o", "x.csv"), "at least 1"),
        (("--part-size", "many", "-o", "x.csv"), "at least 1"),
        (("-n", 60_000, "-o", "x.csv", "--sort", "qed"), "--top K"),
        (("-n", 60_000, "-o", "x.csv", "--rejected", "y.csv"), "--rejected is not for long runs"),
        (("--resume", "-o", "x.csv", "--stability", 2), "--stability is not for long runs"),
        (("--workers", 2, "-o", "x.json"), "a long run writes csv, tsv, jsonl, txt, smi, sdf"),
        (("--engine", "spark", "-o", "x.csv"), "invalid choice"),
        (("--workers", 1, "-o", "x.xlsx"), "unknown file ending"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refusals_come_before_the_work(
    arguments: tuple[object, ...],
    told: str,
    command: Command,
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = command("sample", bundle, *arguments)
    assert told in result.refusal()
    assert result.code == 2
    assert not list(tmp_path.iterdir())


def test_changed_settings_are_named(command: Command, bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    process = started(bundle, *GIVEN, "-n", 8000, "--workers", 1, "-o", path)
    stop_after_a_part(process, tmp_path / "out.csv.parts", signal.SIGKILL)
    result = command("sample", bundle, *GIVEN, "-n", 8000, "--seed", 4, "-o", path, "--resume")
    assert "seed was 3, now 4" in result.refusal()
    assert result.code == 2


def test_ray_is_asked_for_where_it_is_missing(
    command: Command, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "ray" else find(name, *rest),
    )
    result = command("sample", bundle, *GIVEN, "--engine", "ray", "-o", tmp_path / "out.csv")
    assert "pip install 'tvae-toolkit[ray]'" in result.refusal()
    assert result.code == 2


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="ray is not installed (the extra `ray`)"
)
def test_ray_draws_what_processes_draw(unbroken: Path, bundle: Path, tmp_path: Path) -> None:
    """A Ray of one CPU on this machine; in a process of its own, with warnings as errors."""
    path = tmp_path / "out.csv"
    words = (bundle, *GIVEN, "--engine", "ray", "--workers", 1, "-o", path)
    result = subprocess.run(
        [sys.executable, "-W", "error", "-m", "domains.smiles.sample", *map(str, words)],
        cwd=ROOT,
        env=os.environ | {"RAY_ADDRESS": ""},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert result.returncode == 0, result.stderr
    assert "80/80" in result.stderr
    assert path.read_bytes() == unbroken.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]
