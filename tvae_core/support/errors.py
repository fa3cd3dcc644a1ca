"""What a command tells in one line: mistakes and failures, each with its exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


FAILED = 1
BAD_USAGE = 2


class UserError(Exception):
    """What a person is told in one line; `exit_code` is the command's."""

    exit_code = FAILED


class CommandError(UserError):
    """A mistake or a failure of a command."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class BundleError(UserError, ValueError):
    """A bundle that cannot be used, with the file and the reason."""


class PreparedSetError(UserError, ValueError):
    """A folder that is not a prepared set, with what is missing."""


class OutputError(UserError, ValueError):
    """A place that cannot be written, with the reason."""
