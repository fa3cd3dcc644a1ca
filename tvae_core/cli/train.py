"""`python -m domains.<name>.train [PRESET...] [--flag value ...]`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tvae_core.architecture import Architecture, check_model
from tvae_core.cli.options import parser_for
from tvae_core.domain_commands import DomainCommands
from tvae_core.evaluation.tables import dial_table, model_card
from tvae_core.support.errors import BAD_USAGE, CommandError
from tvae_core.support.settings import add_flags
from tvae_core.training.presets import (
    CORE_PRESETS,
    MODEL_FIELDS,
    TRAIN_FIELDS,
    TrainSettings,
    find_presets,
    merge,
)
from tvae_core.training.warm_start import begin


def train_command(commands: DomainCommands, argv: Sequence[str] | None = None) -> int:
    """`python -m domains.<name>.train [PRESET...] [--flag value ...]`."""
    folders = [CORE_PRESETS, commands.presets]
    names = ", ".join(find_presets(folders))
    parser = parser_for(
        commands, "train", f"Train a model. Presets merge left to right, flags last: {names}."
    )
    parser.add_argument("presets", nargs="*", metavar="PRESET", help="names of presets")
    parser.add_argument("--dry-run", action="store_true", help="print the merged settings and stop")
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FOLDER",
        help="take no steps: make a bundle of what the training kit left (tvae_core.train_kit)",
    )
    add_flags(parser.add_argument_group("model settings"), MODEL_FIELDS)
    add_flags(parser.add_argument_group("training settings"), TRAIN_FIELDS)
    args = vars(parser.parse(argv))
    presets = args.pop("presets") or ["finetune" if args["start"] else commands.default_preset]
    dry, weights = args.pop("dry_run"), args.pop("weights")
    flags = {key: value for key, value in args.items() if value is not None}
    merged = merge(presets, folders, flags)
    if dry:
        print(begin(merged, commands.domain.name)[0].table())
        return 0
    if weights is not None and flags.get("start"):
        raise CommandError("--weights and --start exclude each other", BAD_USAGE)
    if not TrainSettings(**merged.train).start:
        check_model(Architecture(**merged.model), "TVAEConfig.")
    if weights is None:
        from tvae_core.training.run import train

        run = train(commands.domain, merged, model_card, commands.extra)
    else:
        from tvae_core.cli.kit_folder import finish_kit

        run = finish_kit(commands.domain, merged, weights, model_card, commands.extra)
    if run is not None:
        print(dial_table(run.evaluation))
        print(f"bundle: {run.bundle}")
    return 0
