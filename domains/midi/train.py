"""`python -m domains.midi.train`: see `--help` and `tvae_core.commands.train_command`."""

from __future__ import annotations

import sys

from domains.midi.commands import COMMANDS
from tvae_core.cli import run_command
from tvae_core.commands import train_command

if __name__ == "__main__":
    sys.exit(run_command("train", lambda: train_command(COMMANDS)))
