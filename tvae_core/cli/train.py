"""`python -m domains.<name>.train [PRESET...] [--flag value ...]`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tvae_core.cli.options import (
    parser_for,
)
from tvae_core.domain_commands import DomainCommands
from tvae_core.evaluation.tables import dial_table, model_card
from tvae_core.training.presets import CORE_PRESETS, MODEL_FIELDS, TRAIN_FIELDS, find_presets, merge
from tvae_core.training.warm_start import begin

if TYPE_CHECKING:
    pass


def train_command(commands: DomainCommands, argv: Sequence[str] | None = None) -> int:
    """`python -m domains.<name>.train [PRESET...] [--flag value ...]`."""
    folders = [CORE_PRESETS, commands.presets]
    names = ", ".join(find_presets(folders))
    parser = parser_for(
        commands, "train", f"Train a model. Presets merge left to right, flags last: {names}."
    )
    parser.add_argument("presets", nargs="*", metavar="PRESET", help="names of presets")
    parser.add_argument("--dry-run", action="store_true", help="print the merged settings and stop")
    for table, allowed in (("model", MODEL_FIELDS), ("training", TRAIN_FIELDS)):
        group = parser.add_argument_group(f"{table} settings")
        for name, kind in allowed.items():
            group.add_argument(
                "--" + name.replace("_", "-"), type=_reader(kind), default=None, metavar="X"
            )
    args = vars(parser.parse(argv))
    presets = args.pop("presets") or ["finetune" if args["start"] else commands.default_preset]
    dry = args.pop("dry_run")
    flags = {key: value for key, value in args.items() if value is not None}
    merged = merge(presets, folders, flags)
    if dry:
        print(begin(merged, commands.domain.name)[0].table())
        return 0
    from tvae_core.training.run import train

    run = train(commands.domain, merged, model_card, commands.extra)
    if run is not None:
        print(dial_table(run.evaluation))
        print(f"bundle: {run.bundle}")
    return 0


def _reader(kind: type) -> Callable[[str], Any]:
    """An `argparse` type for a setting; lists are written `2,2,2` or `2_2_2`."""
    if kind is tuple:

        def read_list(text: str) -> tuple[int, ...]:
            try:
                return tuple(int(part) for part in text.replace("_", ",").split(","))
            except ValueError:
                raise argparse.ArgumentTypeError(
                    f"must be numbers such as 2,2,2, not {text!r}"
                ) from None

        return read_list
    if kind is bool:

        def read_bool(text: str) -> bool:
            words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
            if text.lower() not in words:
                raise argparse.ArgumentTypeError(f"must be true or false, not {text!r}")
            return words[text.lower()]

        return read_bool
    return kind
