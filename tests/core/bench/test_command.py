"""`python -m tvae_core.bench`: its commands, their help, their mistakes, their JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tvae_core.bench.command import COMMANDS, main


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in COMMANDS)
    assert main([]) == 2


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert f"python -m tvae_core.bench {name}" in shown
    assert "--json" in shown


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["trian"], "unknown command 'trian'; did you mean train?"),
        (["ceiling", "--size", "8"], "unknown argument --size; did you mean --sizes?"),
        (["ceiling", "--sizes", "0"], "must be a whole number of at least 1"),
        (["train", "bsae"], "unknown preset 'bsae'; did you mean base"),
        (["train", "--length", "1"], "--length must be at least 2"),
        (["train", "--set", "d_model=3"], "TVAEConfig.d_model"),
        (["generate", "--length", "1"], "--length must be at least 2"),
        (["scaling", "--lengths", "64"], "at least two lengths"),
        (["mmd", "--codes", "1"], "at least 2 codes"),
        (["ceiling", "--device", "abacus"], "--device abacus cannot be used here"),
    ],
)
def test_mistakes_are_one_line(
    given: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(given) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1


def test_json_is_refused_before_the_work(tmp_path: Path) -> None:
    assert main(["ceiling", "--sizes", "8", "--json", str(tmp_path)]) == 1


def test_underscores_are_hyphens(tmp_path: Path) -> None:
    flags = ["--codes", "12", "--size", "5", "--tiled_codes", "6", "--device", "cpu"]
    target = tmp_path / "r.json"
    assert main(["mmd", *flags, "--threads", "1", "--json", str(target)]) == 0
    assert json.loads(target.read_text())
