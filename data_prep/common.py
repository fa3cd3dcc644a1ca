"""What the preparation commands share: flags, one-line errors, hashes, folders written whole."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tvae_core.cli.parser import CommandParser, hyphenated, positive_int, run_command
from tvae_core.support import files
from tvae_core.support.errors import BAD_USAGE, FAILED
from tvae_core.support.errors import CommandError as PrepError
from tvae_core.support.files import check_parent, sha256_file
from tvae_core.support.machine import available_cores

__all__ = [
    "BAD_USAGE",
    "FAILED",
    "MANIFEST",
    "CommandParser",
    "PrepError",
    "available_cores",
    "cache_dir",
    "check_not_negative",
    "check_output",
    "hyphenated",
    "is_prepared_set",
    "positive_int",
    "run_command",
    "run_preparation",
    "sha256_file",
    "stdout_to_stderr",
    "whole_folder",
]

MANIFEST = "manifest.json"


def run_preparation(
    name: str,
    given: Sequence[str] | None,
    make_parser: Callable[[], CommandParser],
    prepare: Callable[[argparse.Namespace, str], None],
) -> int:
    """Runs `python -m data_prep.NAME`; returns the exit code.

    Args:
        name: of the command.
        given: its arguments, by default the process's.
        make_parser: of its flags.
        prepare: does the work; it gets the parsed arguments and the line that was typed.
    """
    words = list(sys.argv[1:] if given is None else given)
    line = shlex.join(["python", "-m", f"data_prep.{name}", *words])
    return run_command(f"data_prep.{name}", lambda: prepare(make_parser().parse(words), line))


def check_not_negative(arguments: argparse.Namespace, *flags: str) -> None:
    """Refuses negative numbers; raises `PrepError`, naming the flag."""
    for flag in flags:
        if (getattr(arguments, flag) or 0) < 0:
            raise PrepError(f"--{flag} must not be negative", BAD_USAGE)


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Sends what native code prints on stdout to stderr, so that stdout holds results only."""
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)


def cache_dir() -> Path:
    """Where downloads are kept: ``TVAE_CACHE``, or ``~/.cache/tvae``."""
    return Path(os.environ.get("TVAE_CACHE") or Path.home() / ".cache" / "tvae")


def is_prepared_set(folder: Path) -> bool:
    """Whether a folder is one that a preparation command has written."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and "format_version" in manifest and "counts" in manifest


def check_output(folder: Path) -> None:
    """Refuse an output folder that cannot be written or holds something other than a prepared set.

    Raises:
        PrepError: the folder is a file, holds anything else, or cannot be written.
    """
    folder = folder.resolve()
    if folder.exists() and not folder.is_dir():
        raise PrepError(f"{folder} is a file, not a folder", BAD_USAGE)
    if folder.is_dir() and any(folder.iterdir()) and not is_prepared_set(folder):
        raise PrepError(f"{folder} is not a prepared set and is left alone; choose another --out")
    check_parent(folder)


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder to write in, which takes the place of ``folder`` only if all goes well.

    Raises:
        PrepError: ``folder`` holds something other than a prepared set.
        OutputError: it cannot be written.
    """
    check_output(folder)
    with files.whole_folder(folder) as fresh:
        yield fresh
