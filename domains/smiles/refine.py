"""`python -m domains.smiles.refine [CKPT] -o BUNDLE`: train a decoder on its own valid samples."""

from __future__ import annotations

import sys

from domains.smiles.commands import COMMANDS
from tvae_core.cli.parser import run_command
from tvae_core.cli.refine import refine_command

if __name__ == "__main__":
    sys.exit(run_command("refine", lambda: refine_command(COMMANDS)))
