"""`python -m domains.smiles.sample [CKPT] -n 1000`: molecules from the prior, the best first.

python -m domains.smiles.sample -n 1000 --min qed=0.6 --max sa=4 --alerts none -o x.sdf
"""

from __future__ import annotations

import sys

from domains.smiles.commands import COMMANDS
from tvae_core.cli.parser import run_command
from tvae_core.cli.sample import sample_command

if __name__ == "__main__":
    sys.exit(run_command("sample", lambda: sample_command(COMMANDS)))
