"""`python -m roman.sample`."""

from __future__ import annotations

import sys

from roman.commands import COMMANDS
from tvae_core.cli.parser import run_command
from tvae_core.cli.sample import sample_command

if __name__ == "__main__":
    sys.exit(run_command("sample", lambda: sample_command(COMMANDS)))
