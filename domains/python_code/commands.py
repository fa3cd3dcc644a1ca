"""What the Python domain tells its commands: bundle, presets, the set of known statements."""

from __future__ import annotations

from pathlib import Path

from domains.python_code.domain import BUNDLE, PythonDomain
from tvae_core.data.known import known_of_bundle, known_of_prepared_set
from tvae_core.domain_commands import DomainCommands

DOMAIN = PythonDomain()

COMMANDS = DomainCommands(
    domain=DOMAIN,
    bundle=BUNDLE,
    presets=Path(__file__).parent / "presets",
    default_preset="python_base",
    extra=lambda folder: known_of_prepared_set(folder, DOMAIN),
    known=lambda bundle: known_of_bundle(bundle, DOMAIN),
    columns=("compiles", "names_bound", "depth", "length"),
    unit="line",
    module=__name__,
)
