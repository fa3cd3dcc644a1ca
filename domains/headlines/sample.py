"""`python -m domains.headlines.sample`: see `--help` and `tvae_core.cli.sample`."""

from __future__ import annotations

import sys

from domains.headlines.commands import COMMANDS
from tvae_core.cli.parser import run_command
from tvae_core.cli.sample import sample_command

if __name__ == "__main__":
    sys.exit(run_command("sample", lambda: sample_command(COMMANDS)))
