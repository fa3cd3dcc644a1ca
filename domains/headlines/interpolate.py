"""`python -m domains.headlines.interpolate`: see `--help` and `tvae_core.cli.interpolate`."""

from __future__ import annotations

import sys

from domains.headlines.commands import COMMANDS
from tvae_core.cli.interpolate import interpolate_command
from tvae_core.cli.parser import run_command

if __name__ == "__main__":
    sys.exit(run_command("interpolate", lambda: interpolate_command(COMMANDS)))
