"""`python -m domains.python_code.neighbours`: see `--help` and `tvae_core.cli.neighbours`."""

from __future__ import annotations

import sys

from domains.python_code.commands import COMMANDS
from tvae_core.cli.neighbours import neighbours_command
from tvae_core.cli.parser import run_command

if __name__ == "__main__":
    sys.exit(run_command("neighbours", lambda: neighbours_command(COMMANDS)))
