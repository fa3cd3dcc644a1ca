"""What the domain tells its commands."""

from __future__ import annotations

from pathlib import Path

from roman.domain import BUNDLE, RomanDomain
from tvae_core.domain_commands import DomainCommands

COMMANDS = DomainCommands(
    domain=RomanDomain(),
    bundle=BUNDLE,
    presets=Path(__file__).parent / "presets",
    default_preset="roman_tiny",
    columns=("value", "letters"),
    unit="number",
    module=__name__,
)
