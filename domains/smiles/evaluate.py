"""`python -m domains.smiles.evaluate`: the toolkit's own evaluation, or the MOSES benchmark.

python -m domains.smiles.evaluate [CKPT]            see `tvae_core.cli.evaluate.evaluate_command`
python -m domains.smiles.evaluate --moses [CKPT]    see `domains.smiles.benchmark.moses.command`
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from domains.smiles.commands import COMMANDS
from tvae_core.cli.evaluate import evaluate_command
from tvae_core.cli.parser import hyphenated, run_command

NOTE = "With --moses: the MOSES benchmark; --moses --help lists its flags."


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the one or the other; returns the exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    flags = {word.partition("=")[0] for word in hyphenated(given)}
    if flags & {"--moses", "--samples-from"}:
        from domains.smiles.benchmark.moses.command import moses_command

        return moses_command(given)
    return evaluate_command(COMMANDS, given, NOTE)


if __name__ == "__main__":
    sys.exit(run_command("evaluate", main))
