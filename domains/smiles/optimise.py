"""`python -m domains.smiles.optimise`: see `--help` and `tvae_core.verbs.optimise`."""

from __future__ import annotations

import sys

from domains.smiles.commands import COMMANDS
from tvae_core.cli import run_command
from tvae_core.verbs.optimise import optimise_command

if __name__ == "__main__":
    sys.exit(run_command("optimise", lambda: optimise_command(COMMANDS)))
