"""What goes wrong with files that a person names: told in one line, exit code 1."""

from __future__ import annotations


class BundleError(ValueError):
    """A bundle that cannot be used, with the file and the reason."""


class PreparedSetError(ValueError):
    """A folder that is not a prepared set, with what is missing."""
