"""The domains there are: a row each."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tvae_core.commands import DomainCommands

DOMAINS = {
    "smiles": "molecules as SMILES",
    "midi": "melodies, chorales and other music",
    "python_code": "single-line Python statements",
    "headlines": "news headlines",
    "mnist": "handwritten digits as text",
}


def commands_of(name: str) -> DomainCommands:
    """The commands of a domain.

    Raises:
        ValueError: for an unknown domain, naming those there are.
    """
    if name not in DOMAINS:
        raise ValueError(f"unknown domain {name!r}; there are {', '.join(DOMAINS)}")
    module = importlib.import_module(f"domains.{name}.commands")
    found: DomainCommands = module.COMMANDS
    return found
