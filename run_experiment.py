"""`python run_experiment.py NAME... [--flag value]`: see `domains.run_experiment`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from domains.run_experiment import run_experiment
from tvae_core.cli.parser import run_command


def prepare(domain: str, arguments: Sequence[str]) -> int:
    """Makes a prepared set with the domain's own command."""
    print(f"preparing the data first: data_prep.{domain} {' '.join(arguments)}", file=sys.stderr)
    code: int = importlib.import_module(f"data_prep.{domain}").main(list(arguments))
    return code


if __name__ == "__main__":
    sys.exit(run_command("run_experiment", lambda: run_experiment(sys.argv[1:], prepare)))
