"""The domains: one folder each, all implementing `tvae_core.domain.Domain`."""

from __future__ import annotations

import sys
from importlib.util import find_spec


def needs(items: str, packages: tuple[str, ...], extra: str) -> None:
    """Says what to install where a domain's own packages are missing.

    A command (`python -m domains.smiles.sample`) ends with one line and exit code 1.

    Args:
        items: what the domain is about, for the message.
        packages: modules that it cannot do without.
        extra: that brings them.

    Raises:
        ModuleNotFoundError: one is missing, and no command is being started.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if not missing:
        return
    message = f"{items} need {', '.join(missing)}: pip install 'tvae-toolkit[{extra}]'"
    if sys.argv[:1] == ["-m"]:  # what Python puts there until the module of `-m` is found
        sys.exit(message)
    raise ModuleNotFoundError(message, name=missing[0])
