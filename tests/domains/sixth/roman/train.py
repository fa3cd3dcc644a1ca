"""`python -m roman.train`."""

from __future__ import annotations

import sys

from roman.commands import COMMANDS
from tvae_core.domain_commands import train_command
from tvae_core.support.command_line import run_command

if __name__ == "__main__":
    sys.exit(run_command("train", lambda: train_command(COMMANDS)))
