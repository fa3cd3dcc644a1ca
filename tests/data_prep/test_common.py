"""What the preparation commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.common import PrepError, cache_dir, hyphenated, run_command, whole_folder


def test_hyphenated() -> None:
    given = ["--vocab_size", "a_b", "--out_dir=x_y", "-n_1", "plain_word", "--", "--as_is"]
    assert hyphenated(given) == [
        "--vocab-size",
        "a_b",
        "--out-dir=x_y",
        "-n_1",
        "plain_word",
        "--",
        "--as_is",
    ]


def test_cache_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TVAE_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.delenv("TVAE_CACHE")
    assert cache_dir() == Path.home() / ".cache" / "tvae"


def test_run_command(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    def refused() -> None:
        raise PrepError("no such column", 2)

    def unreadable() -> None:
        raise PermissionError(13, "Permission denied", "secret.csv")

    assert run_command("prep", lambda: None) == 0
    assert run_command("prep", interrupted) == 130
    assert run_command("prep", refused) == 2
    assert run_command("prep", unreadable) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[1:] == ["prep: no such column", "prep: secret.csv: Permission denied"]


def test_whole_folder_takes_an_empty_folder(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b"
    target.mkdir(parents=True)
    with whole_folder(target) as folder:
        (folder / "x").write_text("1")
        assert not (target / "x").exists()
    assert (target / "x").read_text() == "1"
    assert [path.name for path in target.parent.iterdir()] == ["b"]


def test_whole_folder_leaves_nothing_half_written(tmp_path: Path) -> None:
    target = tmp_path / "set"

    def write_half() -> None:
        with whole_folder(target) as folder:
            (folder / "x").write_text("1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert list(tmp_path.iterdir()) == []
