"""`python -m domains.midi.evaluate`: see `--help`, `tvae_core.commands.evaluate_command`."""

from __future__ import annotations

import sys

from domains.midi.commands import COMMANDS
from tvae_core.cli import run_command
from tvae_core.commands import evaluate_command

if __name__ == "__main__":
    sys.exit(run_command("evaluate", lambda: evaluate_command(COMMANDS)))
