"""What every command shares: flags spelled with hyphens or underscores, one-line errors, progress.

A command returns 0, or raises: `CommandError` says its exit code; `ValueError` (bad settings,
bad items) is bad usage, 2; an unusable bundle or prepared set and `OSError` are failures, 1.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from tqdm import tqdm

FAILED = 1
BAD_USAGE = 2


class CommandError(Exception):
    """A mistake or a failure that is told in one line, with the exit code that goes with it."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def hyphenated(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--vocab_size` spelt `--vocab-size`; values stay as they are."""
    result: list[str] = []
    for index, argument in enumerate(arguments):
        if argument == "--":
            return [*result, *arguments[index:]]
        if argument.startswith("--"):
            flag, equals, value = argument.partition("=")
            argument = flag.replace("_", "-") + equals + value
        result.append(argument)
    return result


class CommandParser(argparse.ArgumentParser):
    """An `ArgumentParser` for `--a-b` and `--a_b` alike, with mistakes told in one line."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("allow_abbrev", False)
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**settings)

    def parse(self, arguments: Sequence[str] | None = None) -> argparse.Namespace:
        """Parses `arguments` (by default the command line).

        Raises:
            CommandError: an unknown flag or a bad value, exit code 2.
        """
        given = hyphenated(sys.argv[1:] if arguments is None else arguments)
        parsed, unknown = self.parse_known_intermixed_args(given)
        if unknown:
            flags = [flag for action in self._actions for flag in action.option_strings]
            near = difflib.get_close_matches(unknown[0].partition("=")[0], flags, n=1, cutoff=0.7)
            hint = f"; did you mean {near[0]}?" if near else "; see --help"
            raise CommandError(f"unknown argument {unknown[0]}{hint}", BAD_USAGE)
        return parsed

    def error(self, message: str) -> NoReturn:
        """Raises instead of printing the usage and exiting."""
        raise CommandError(message, BAD_USAGE)


def positive_int(text: str) -> int:
    """An `argparse` type: a whole number of at least 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return number


def fidelity_setting(text: str) -> float | str:
    """An `argparse` type: a setting of the fidelity dial, 0..1, or `auto`."""
    if text == "auto":
        return text
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"must be a number in 0..1, or auto, not {text!r}")
    return number


def run_command(name: str, command: Callable[[], int | None]) -> int:
    """Runs a command; a mistake becomes one line on stderr and an exit code."""
    from tvae_core.bundle import BundleError
    from tvae_core.data.prepared import PreparedSetError
    from tvae_core.support.files import OutputError

    def tell(error: BaseException) -> None:
        text = " ".join(str(error).split()) or type(error).__name__
        print(f"{name}: {text}", file=sys.stderr)

    try:
        return command() or 0
    except CommandError as error:
        tell(error)
        return error.exit_code
    except (BundleError, PreparedSetError, OutputError, FloatingPointError) as error:
        tell(error)
        return FAILED
    except ValueError as error:
        if os.environ.get("TVAE_DEBUG"):
            raise
        tell(error)
        return BAD_USAGE
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"{name}: {where}{error.strerror or error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"{name}: stopped", file=sys.stderr)
        return 130


class Bar:
    """A progress callback `(done, total)` that draws a bar with rate and ETA on stderr."""

    def __init__(self, what: str, unit: str = "it") -> None:
        self._bar: tqdm[NoReturn] | None = None
        self.what, self.unit, self._started = what, unit, time.time()

    def __call__(self, done: int, total: int) -> None:
        """Shows that `done` of `total` are done."""
        if self._bar is None:
            self._bar = tqdm(
                total=total, desc=self.what, unit=self.unit, file=sys.stderr, mininterval=0.3
            )
            self._bar.start_t = self._started  # the first batch took its time, too
        self._bar.update(done - self._bar.n)
        if done >= total:
            self.close()

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def available_cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_threads(threads: int | None) -> int:
    """Sets torch's CPU threads: the given number, or what `OMP_NUM_THREADS` or the machine has."""
    import torch

    count = threads or int(os.environ.get("OMP_NUM_THREADS") or 0)
    count = count or available_cores()
    torch.set_num_threads(count)
    return count


def reuse_memory() -> bool:
    """Keeps freed memory for the next step instead of giving it back (glibc; else does nothing).

    A training step on a CPU frees and asks for the same hundreds of megabytes each time; glibc
    would return large blocks to the system and have them zeroed again, which took 13% of a
    step (105M parameters, 32 rows of 30 tokens, bf16).

    Returns:
        Whether it was done.
    """
    import ctypes

    mmap_max, trim_threshold, top_pad = -4, -1, -2
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    wanted = ((mmap_max, 0), (trim_threshold, 2**31 - 1), (top_pad, 64 << 20))
    done = [mallopt(option, value) == 1 for option, value in wanted]
    return all(done)
