"""The verbs as commands, for any domain: train, evaluate, and what the others share.

A domain's `train.py`, `sample.py`, ... are a few lines over this module.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tvae_core.cells import Written
from tvae_core.decoding.beam import check_beams
from tvae_core.decoding.generate import check_sampling
from tvae_core.decoding.verified import MAX_CYCLES, check_cycles
from tvae_core.domain import Domain
from tvae_core.evaluation.card import model_card
from tvae_core.evaluation.evaluate import Plan
from tvae_core.evaluation.measures import Known
from tvae_core.evaluation.tables import dial_table as dial_table
from tvae_core.space.space import LatentSpace
from tvae_core.support.command_line import (
    CommandError,
    CommandParser,
    fidelity_setting,
    use_threads,
)
from tvae_core.support.words import one_line
from tvae_core.training.presets import CORE_PRESETS, MODEL_FIELDS, TRAIN_FIELDS, find_presets, merge
from tvae_core.training.warm_start import begin


@dataclass(frozen=True)
class DomainCommands:
    """What a domain tells its commands.

    Attributes:
        domain: the domain.
        bundle: folder of the bundle that ships with it.
        presets: folder of its presets.
        default_preset: taken when `train` is given none.
        extra: files added to a new bundle, made from the prepared set's folder.
        known: reads a bundle's set of training items, for novelty.
        read_item: makes the domain's text of what a person gives on the command line; raises
            `DomainError`.
        read_item_for: as `read_item`, for a bundle's folder or name, where it matters which:
            `read_item_for(given, bundle)`.
        show: a text on one line, for terminals.
        columns: scores shown in tables; the first few of `score` where there are none.
        unit: what an item is called in bars and messages, in the singular.
        write_items: writes rows with their provenance to a file of one of `suffixes`, whole or not
            at all: `write_items(path, rows, provenance)`; gives what the file holds, or None for
            all valid rows.
        suffixes: endings, such as `.png`, of the files that `write_items` makes.
        folders: whether `write_items` also makes a folder of files: a path without an ending. The
            rows of `sample` then have `valid` and `reason`, and the invalid texts are among them.
        measure: the domain's own numbers for `evaluate`: `measure(space, texts, plan)` of held-out
            texts that the model takes.
    """

    domain: Domain
    bundle: Path
    presets: Path
    default_preset: str
    extra: Callable[[Path], Mapping[str, Path]] = field(default=lambda folder: {})
    known: Callable[[Path], Known | None] = field(default=lambda folder: None)
    read_item: Callable[[str], str] = field(default=lambda given: given)
    read_item_for: Callable[[str, str], str] | None = None
    show: Callable[[str], str] = field(default=one_line)
    columns: tuple[str, ...] = ()
    unit: str = "item"
    write_items: Callable[[Path, list[dict[str, Any]], dict[str, Any]], Written | None] | None = (
        None
    )
    suffixes: tuple[str, ...] = ()
    folders: bool = False
    measure: Callable[[LatentSpace, list[str], Plan], dict[str, float]] | None = None


def parser_for(commands: DomainCommands, verb: str, description: str) -> CommandParser:
    """A parser with the program name `python -m domains.<name>.<verb>`."""
    return CommandParser(
        prog=f"python -m domains.{commands.domain.name}.{verb}", description=description
    )


def add_space_arguments(parser: CommandParser, commands: DomainCommands) -> None:
    """The arguments of every verb that opens a bundle."""
    parser.add_argument(
        "bundle",
        nargs="?",
        metavar="CKPT",
        default=str(commands.bundle),
        help="bundle folder or hub name (default: the bundle that ships with the domain)",
    )
    add_run_arguments(parser)


def add_run_arguments(parser: CommandParser) -> None:
    """Seed, threads and device."""
    parser.add_argument("--seed", type=int, default=0, help="of all random draws (default 0)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: all)")
    parser.add_argument(
        "--device", default=None, help="cpu or cuda (default: cuda if there is one)"
    )


def add_fidelity_argument(parser: CommandParser, default: str) -> None:
    """The dial."""
    parser.add_argument(
        "--fidelity",
        type=fidelity_setting,
        default=None,
        metavar="F",
        help="dial from 1 (follow the code) to 0 (stay valid), or auto: the most faithful setting "
        f"whose result is valid (default: {default})",
    )


def add_drawing_arguments(parser: CommandParser) -> None:
    """How texts are drawn from what the decoder says."""
    own = "default: the bundle's"
    parser.add_argument("--temperature", type=float, default=None, help=f"0 is greedy ({own})")
    parser.add_argument(
        "--top-p", type=float, default=None, metavar="P", help=f"likeliest share drawn from ({own})"
    )
    add_beams_argument(parser)


def add_beams_argument(parser: CommandParser) -> None:
    """How widely the likeliest text is searched for."""
    parser.add_argument(
        "--beams",
        type=int,
        default=None,
        metavar="N",
        help="texts searched side by side for the likeliest one, where none is drawn at random; 1 "
        "is greedy (default: the bundle's)",
    )


def add_cycles_argument(parser: CommandParser) -> None:
    """How long the text that a real item's code has is looked for."""
    parser.add_argument(
        "--cycles",
        type=int,
        default=None,
        metavar="N",
        help="where a real item's code is decoded most faithfully: times that other texts are "
        f"tried while another code comes back, 0 to {MAX_CYCLES} (default: the bundle's)",
    )


def check_search(args: argparse.Namespace, temperature: float) -> None:
    """Refuses a search for the likeliest text where texts are drawn at random.

    Raises:
        CommandError: `--beams` above 1 at a temperature above 0.
    """
    if args.beams is not None and args.beams > 1 and temperature > 0:
        raise CommandError(
            f"--beams {args.beams} searches for the likeliest text, and at temperature "
            f"{temperature:g} texts are drawn at random: add --temperature 0",
            2,
        )


def add_walk_arguments(parser: CommandParser) -> None:
    """How the way between two items is walked."""
    parser.add_argument("--steps", type=int, default=9, help="points, both ends included")
    parser.add_argument("--how", choices=("slerp", "lerp"), default="slerp")
    parser.add_argument("--per-token", action="store_true", help="an arc for each latent token")
    parser.add_argument(
        "--distinct",
        action="store_true",
        help="only valid items that differ from those before, from eight times as many points",
    )
    add_fidelity_argument(parser, "follow the path")
    add_beams_argument(parser)
    add_cycles_argument(parser)


def plain_drawing(args: argparse.Namespace) -> tuple[float, float]:
    """Temperature and nucleus as given; greedy, and of everything, where they are not.

    Raises:
        ValueError: for settings out of range.
    """
    heat, nucleus = args.temperature or 0.0, 1.0 if args.top_p is None else args.top_p
    check_sampling(heat, nucleus)
    check_search(args, heat)
    return heat, nucleus


def use_machine(args: argparse.Namespace) -> str:
    """Sets the threads that the arguments name, and gives their device.

    Raises:
        CommandError: a device that is not there, or an impossible number of threads.
    """
    import torch

    if args.threads < 0:
        raise CommandError(f"--threads must be 0 or more, not {args.threads}", 2)
    use_threads(args.threads)
    device: str = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise CommandError(f"--device {device} cannot be used here", 2) from error
    return device


def open_space(args: argparse.Namespace, domain: Domain) -> LatentSpace:
    """Opens the bundle that the arguments name, with their threads and device.

    Raises:
        BundleError: a bundle that cannot be used.
        CommandError: a device that is not there.
        ValueError: an impossible number of beams or cycles.
    """
    beams, cycles = getattr(args, "beams", None), getattr(args, "cycles", None)
    check_beams(1 if beams is None else beams)
    check_cycles(cycles or 0)
    device = use_machine(args)
    space = LatentSpace.load(args.bundle, domain, device)
    space.search(beams, cycles)
    return space


def read_checkpoint_first(
    given: Sequence[str], items: int, commands: DomainCommands
) -> tuple[str, list[str]]:
    """Splits `[CKPT] A B ...` into the bundle and its `items` items.

    Raises:
        CommandError: for too few or too many.
    """
    if len(given) == items:
        return str(commands.bundle), list(given)
    if len(given) == items + 1:
        return given[0], list(given[1:])
    raise CommandError(f"expected [CKPT] and {items} item(s), not {len(given)} argument(s)", 2)


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


def evaluate_command(
    commands: DomainCommands, argv: Sequence[str] | None = None, note: str = ""
) -> int:
    """`python -m domains.<name>.evaluate [CKPT]`, see `tvae_core.cli.evaluate`."""
    from tvae_core.cli.evaluate import run_evaluation

    return run_evaluation(commands, argv, note)


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
