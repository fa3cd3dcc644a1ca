"""A bundle copied by half: every command says what is missing, in one line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from domains.smiles.commands import BUNDLE
from tests.cli.conftest import in_place

COMMANDS: dict[str, tuple[object, ...]] = {
    "sample": ("-n", 1),
    "evaluate": ("--data", "none"),
    "interpolate": ("CCO", "CCN"),
    "neighbours": ("CCO", "-n", 1),
    "optimise": ("--target", "qed", "--budget", 1),
    "refine": ("-o", "refined"),
}
FILES = tuple(
    sorted(p.name for p in BUNDLE.iterdir() if p.name not in ("README.md", "evaluation.png"))
)


def spoilt(folder: Path, name: str, how: str) -> Path:
    """The shipped bundle in another place, one file of it missing or cut in the middle."""
    folder.mkdir()
    for file in BUNDLE.iterdir():
        if file.name != name:
            os.link(file, folder / file.name)
    if how == "cut":
        data = (BUNDLE / name).read_bytes()
        (folder / name).write_bytes(data[: len(data) // 2])
    return folder


@pytest.fixture
def other_place(tmp_path: Path) -> Callable[..., Path]:
    """Links need the same file system; where there is another, the test is skipped."""

    def make(name: str, how: str) -> Path:
        try:
            return spoilt(tmp_path / f"{name}-{how}", name, how)
        except OSError as error:
            pytest.skip(f"no links from {BUNDLE}: {error.strerror}")

    return make


@pytest.mark.parametrize("how", ["missing", "cut"])
@pytest.mark.parametrize("name", FILES)
def test_a_half_copied_bundle_is_told_by_every_command(
    name: str,
    how: str,
    other_place: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = other_place(name, how)
    monkeypatch.chdir(tmp_path)
    for verb, arguments in COMMANDS.items():
        result = in_place(verb, folder, *arguments)
        told = result.refusal()
        assert result.code == 1, (verb, told)
        assert str(folder) in told, verb
        assert name in told, verb
    assert list(tmp_path.iterdir()) == [folder]
