"""The domains there are: a row each, and those of installed packages."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tvae_core.domain_commands import DomainCommands

DOMAINS = {
    "smiles": "molecules as SMILES",
    "midi": "melodies, chorales and other music",
    "python_code": "single-line Python statements",
    "headlines": "news headlines",
    "mnist": "handwritten digits as text",
}


ENTRY_POINTS = "tvae_toolkit.domains"
"""Where an installed package registers a domain of its own: `name = package.commands:COMMANDS`."""


def all_domains() -> list[str]:
    """The names of the domains here, then of those that installed packages register."""
    installed = {point.name for point in entry_points(group=ENTRY_POINTS)}
    return [*DOMAINS, *sorted(installed - set(DOMAINS))]


def commands_of(name: str) -> DomainCommands:
    """The commands of a domain.

    Raises:
        ValueError: for an unknown domain, naming those there are.
    """
    if name in DOMAINS:
        found: DomainCommands = importlib.import_module(f"domains.{name}.commands").COMMANDS
        return found
    for point in entry_points(group=ENTRY_POINTS, name=name):
        installed: DomainCommands = point.load()
        return installed
    raise ValueError(f"unknown domain {name!r}; there are {', '.join(all_domains())}")
