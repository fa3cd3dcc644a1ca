"""`python -m domains.headlines.evaluate`: see `tvae_core.domain_commands.evaluate_command`."""

from __future__ import annotations

import sys

from domains.headlines.commands import COMMANDS
from tvae_core.domain_commands import evaluate_command
from tvae_core.support.command_line import run_command

if __name__ == "__main__":
    sys.exit(run_command("evaluate", lambda: evaluate_command(COMMANDS)))
