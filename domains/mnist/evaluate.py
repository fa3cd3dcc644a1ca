"""`python -m domains.mnist.evaluate`: see `tvae_core.cli.evaluate.evaluate_command`."""

from __future__ import annotations

import sys

from domains.mnist.commands import COMMANDS
from tvae_core.cli.evaluate import evaluate_command
from tvae_core.cli.parser import run_command

if __name__ == "__main__":
    sys.exit(run_command("evaluate", lambda: evaluate_command(COMMANDS)))
