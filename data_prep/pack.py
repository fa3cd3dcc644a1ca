"""Packs a prepared set and a preset into one file, to train where little is installed.

    python -m data_prep.pack data/druglike druglike -o druglike.packed
    python -m tvae_core.train_kit druglike.packed -o kit --minutes 9

The file holds the training split's tokens, weights and features, the tokenizer and the settings. It
is kept below --megabytes: features are in four bits, and of as many items as there is room for.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from data_prep.common import BAD_USAGE, CommandParser, PrepError, is_prepared_set, run_command


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = CommandParser(prog="python -m data_prep.pack", description=__doc__)
    add = parser.add_argument
    add("data", type=Path, help="the prepared set")
    add("presets", nargs="*", help="presets, merged left to right (default: the domain's)")
    add("-o", "--output", type=Path, required=True, help="file to write")
    add("--megabytes", type=float, default=48.0, help="at most, of the file (%(default)s)")

    def run() -> None:
        args = parser.parse(arguments)
        if not args.megabytes > 0:
            raise PrepError("--megabytes must be more than 0", BAD_USAGE)
        if not is_prepared_set(args.data):
            raise PrepError(f"{args.data} is not a prepared set", BAD_USAGE)
        pack_set(args.data, args.presets, args.output, args.megabytes)

    return run_command("data_prep.pack", run)


def pack_set(data: Path, presets: Sequence[str], output: Path, megabytes: float) -> None:
    """Packs a set and says what the file holds.

    Raises:
        ValueError: unknown presets, or settings that make no model.
        OutputError: the file cannot be written.
    """
    from domains.registry import commands_of
    from tvae_core.data.prepared import PreparedSet
    from tvae_core.support.files import check_parent
    from tvae_core.train_kit.pack import pack, write_packed
    from tvae_core.training.presets import CORE_PRESETS, merge

    check_parent(output)
    prepared = PreparedSet(data)
    commands = commands_of(str(prepared.manifest.get("domain")))
    names = list(presets) or [commands.default_preset]
    merged = merge(names, [CORE_PRESETS, commands.presets], {})
    told = write_packed(pack(prepared, merged, megabytes), output)
    print(
        f"{output}: {told['items']:,} items, {told['tokens']:,} tokens, features of "
        f"{told['featured']:,}, {told['megabytes']} MB"
    )


if __name__ == "__main__":
    sys.exit(main())
