"""`-o FOLDER`: a folder of items with a table of verdicts, where a domain makes such."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tvae_core.domain_commands import DomainCommands
from tvae_core.rows import FOLDER_TABLE, check_output, fills_folder
from tvae_core.support.errors import OutputError
from tvae_core.support.files import whole_folder


def fill(path: Path, rows: list[dict[str, Any]], origin: dict[str, Any]) -> None:
    with whole_folder(path) as folder:
        (folder / FOLDER_TABLE).write_text(json.dumps({"rows": rows, "origin": origin}))
        (folder / "001.sum").write_text("x")


def test_samples_have_their_verdicts(
    command: Callable[..., Any], commands: DomainCommands, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "out"
    given = ("-n", 60, "--prior", "normal", "--seed", 3, "--min", "total=6")
    result = command("sample", *given, "-o", f"{folder}/", write_items=fill, folders=True)
    assert result.code == 0, result.err
    assert (folder / "001.sum").exists()
    found = json.loads((folder / FOLDER_TABLE).read_text())
    kept = [row for row in found["rows"] if row["valid"]]
    failed = found["rows"][len(kept) :]
    assert kept
    assert failed
    assert all(row["total"] >= 6 and row["reason"] is None for row in kept)
    assert all(not row["valid"] and row["reason"] and row["sample"] for row in failed)
    assert [v.ok for v in commands.domain.check([row["text"] for row in failed])] == [
        False for _ in failed
    ]
    assert found["origin"]["seed"] == 3
    assert f"wrote {len(kept)} sums" in result.err


def test_a_name_without_an_ending_is_a_folder_only_where_a_domain_makes_them(
    command: Callable[..., Any], commands: DomainCommands, tmp_path: Path
) -> None:
    result = command("sample", "-n", 4, "-o", tmp_path / "out")
    assert "unknown file ending" in result.refusal()
    changed = commands.__class__(**(vars(commands) | {"folders": True}))
    assert fills_folder(tmp_path / "out", changed)
    assert not fills_folder(tmp_path / "out", changed, "csv")
    assert not fills_folder(tmp_path / "out.csv", changed)
    assert not fills_folder(tmp_path / "out", commands)


def test_nothing_of_others_is_replaced(
    commands: DomainCommands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = commands.__class__(**(vars(commands) | {"folders": True}))
    folder = tmp_path / "out"
    check_output(folder, changed)
    folder.mkdir()
    check_output(folder, changed)
    for name in (FOLDER_TABLE, "001.sum"):
        (folder / name).write_text("x")
    check_output(folder, changed)
    (folder / "mine.txt").write_text("x")
    with pytest.raises(OutputError, match="other files are in it"):
        check_output(folder, changed)
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="it is a file, not a folder"):
        check_output(tmp_path / "file", changed)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(OutputError, match="the command runs in it"):
        check_output(".", changed)
