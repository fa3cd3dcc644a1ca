"""`python -m roman.evaluate`."""

from __future__ import annotations

import sys

from roman.commands import COMMANDS
from tvae_core.cli.evaluate import evaluate_command
from tvae_core.cli.parser import run_command

if __name__ == "__main__":
    sys.exit(run_command("evaluate", lambda: evaluate_command(COMMANDS)))
