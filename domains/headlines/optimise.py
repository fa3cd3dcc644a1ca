"""`python -m domains.headlines.optimise`: see `--help` and `tvae_core.cli.optimise`."""

from __future__ import annotations

import sys

from domains.headlines.commands import COMMANDS
from tvae_core.cli.optimise import optimise_command
from tvae_core.cli.parser import run_command

if __name__ == "__main__":
    sys.exit(run_command("optimise", lambda: optimise_command(COMMANDS)))
