"""How every command reads its arguments and tells its mistakes.

Flags are spelled with hyphens or underscores. A command returns 0, or raises: a `UserError`
has its exit code, `ValueError` (bad settings, bad items) is bad usage, 2, `OSError` a failure, 1.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from tvae_core.support.errors import BAD_USAGE, FAILED, CommandError, UserError

if TYPE_CHECKING:
    pass


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

    def tell(error: BaseException) -> None:
        text = " ".join(str(error).split()) or type(error).__name__
        print(f"{name}: {text}", file=sys.stderr)

    try:
        return command() or 0
    except UserError as error:
        tell(error)
        return error.exit_code
    except FloatingPointError as error:
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
