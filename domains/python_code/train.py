"""`python -m domains.python_code.train`: see `tvae_core.cli.train.train_command`."""

from __future__ import annotations

import sys

from domains.python_code.commands import COMMANDS
from tvae_core.cli.parser import run_command
from tvae_core.cli.train import train_command

if __name__ == "__main__":
    sys.exit(run_command("train", lambda: train_command(COMMANDS)))
