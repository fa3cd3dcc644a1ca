"""What all commands share: flags, one-line errors, exit codes, progress."""

from __future__ import annotations

import argparse

import pytest
import torch

from tvae_core.cli.parser import (
    CommandParser,
    fidelity_setting,
    hyphenated,
    positive_int,
    run_command,
)
from tvae_core.domain import DomainError
from tvae_core.support.errors import BundleError, CommandError, OutputError, PreparedSetError
from tvae_core.support.machine import use_threads
from tvae_core.support.progress import Bar


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["--max_steps", "3"], ["--max-steps", "3"]),
        (["--max-steps=3"], ["--max-steps=3"]),
        (["--max_steps=a_b"], ["--max-steps=a_b"]),
        (["my_preset", "-o", "my_file"], ["my_preset", "-o", "my_file"]),
        (["--a_b", "--", "--c_d"], ["--a-b", "--", "--c_d"]),
        ([], []),
    ],
)
def test_underscores_are_hyphens_in_flags_only(given: list[str], meant: list[str]) -> None:
    assert hyphenated(given) == meant


@pytest.fixture
def parser() -> CommandParser:
    parser = CommandParser(prog="x")
    parser.add_argument("--max-steps", type=int, default=1)
    parser.add_argument("-n", type=positive_int, default=1)
    parser.add_argument("--fidelity", type=fidelity_setting)
    return parser


def test_both_spellings(parser: CommandParser) -> None:
    assert parser.parse(["--max_steps", "3"]) == parser.parse(["--max-steps", "3"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--max-step", "3"], r"unknown argument --max-step; did you mean --max-steps\?"),
        (["--max-stepps=3"], r"--max-stepps=3; did you mean --max-steps\?"),
        (["--quite-other"], "unknown argument --quite-other; see --help"),
        (["extra"], "unknown argument extra"),
        (["--max-steps", "many"], "--max-steps: invalid int value: 'many'"),
        (["--max-steps"], "--max-steps: expected one argument"),
        (["-n", "0"], "-n: must be a whole number of at least 1, not '0'"),
        (["-n", "1.5"], "whole number"),
        (["-n", "-3"], "-n"),
        (["--fidelity", "1.1"], r"must be a number in 0\.\.1, or auto, not '1.1'"),
        (["--fidelity", "nan"], r"in 0\.\.1"),
        (["--fidelity", "high"], r"in 0\.\.1"),
    ],
)
def test_mistakes_are_bad_usage(given: list[str], message: str, parser: CommandParser) -> None:
    with pytest.raises(CommandError, match=message) as caught:
        parser.parse(given)
    assert caught.value.exit_code == 2


def test_flags_are_not_abbreviated(parser: CommandParser) -> None:
    with pytest.raises(CommandError):
        parser.parse(["--max", "3"])


def test_readers() -> None:
    assert fidelity_setting("auto") == "auto"
    assert fidelity_setting("0.25") == 0.25
    assert [fidelity_setting(x) for x in ("0", "1")] == [0.0, 1.0]
    assert positive_int("7") == 7
    with pytest.raises(argparse.ArgumentTypeError):
        positive_int("seven")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandError("no"), 1),
        (CommandError("no", 2), 2),
        (DomainError("no", 3), 2),
        (ValueError("no"), 2),
        (BundleError("no"), 1),
        (PreparedSetError("no"), 1),
        (OutputError("no"), 1),
        (FloatingPointError("no"), 1),
        (OSError(28, "no", "some/file"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    assert run_command("verb", fail) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("verb: ")
    assert err.count("\n") == 1
    if isinstance(error, OSError):
        assert "some/file: no" in err


def test_lines_of_an_error_are_joined(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ValueError("first\n  second")

    assert run_command("verb", fail) == 2
    assert capsys.readouterr().err == "verb: first second\n"


def test_our_own_mistakes_are_not_hidden() -> None:
    def fail() -> None:
        raise AssertionError

    with pytest.raises(AssertionError):
        run_command("verb", fail)
    assert run_command("verb", lambda: None) == 0
    assert run_command("verb", lambda: 5) == 5


def test_progress_is_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar("sampling", "molecule")
    for done in (1, 3):
        bar(done, 3)
    bar.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert "sampling: 100%" in err
    assert "3/3" in err
    assert "molecule" in err


def test_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    try:
        assert use_threads(1) == 1 == torch.get_num_threads()
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        assert use_threads(None) == 1
        monkeypatch.delenv("OMP_NUM_THREADS")
        assert use_threads(None) >= 1
    finally:
        torch.set_num_threads(before)


def test_names_may_stand_behind_flags() -> None:
    parser = CommandParser(prog="x")
    parser.add_argument("presets", nargs="*")
    parser.add_argument("--steps", type=int)
    found = parser.parse(["base", "--steps", "3", "window60"])
    assert found.presets == ["base", "window60"]
    assert found.steps == 3
