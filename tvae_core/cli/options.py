"""The arguments that commands share, and what becomes of them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tvae_core.cli.parser import CommandParser, fidelity_setting
from tvae_core.cli.telling import tell
from tvae_core.decoding.ranges import MAX_CYCLES, check_beams, check_cycles, check_sampling
from tvae_core.domain import Domain, DomainError
from tvae_core.domain_commands import DomainCommands
from tvae_core.support.errors import CommandError
from tvae_core.support.machine import use_threads
from tvae_core.support.words import shortened

if TYPE_CHECKING:
    from tvae_core.decoding.settings import Decoding
    from tvae_core.space.space import LatentSpace


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


def check_drawing(args: argparse.Namespace) -> None:
    """Refuses impossible settings of the drawing before a bundle is opened.

    Raises:
        ValueError: for settings out of range.
    """
    temperature = args.temperature or 0.0
    check_sampling(temperature, 1.0 if args.top_p is None else args.top_p)
    check_search(args, temperature)


def sampling_of(space: LatentSpace, args: argparse.Namespace) -> Decoding:
    """How random samples are decoded: as the arguments say, else as the bundle recommends.

    Raises:
        CommandError: beams where texts are drawn at random.
        ValueError: for settings out of range.
    """
    how = space.sampling(
        args.fidelity,
        temperature=args.temperature,
        top_p=args.top_p,
        seed=args.seed,
        batch_size=args.batch_size,
    )
    check_search(args, how.temperature)
    return how


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
    from tvae_core.space.space import LatentSpace

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


def with_values(argv: Sequence[str] | None, *flags: str) -> list[str]:
    """The arguments with `--sort -length` as `--sort=-length`, which argparse takes for flags.

    Args:
        argv: arguments; by default the command line.
        flags: those whose value may start with a hyphen.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    end = given.index("--") if "--" in given else len(given)
    place = 0
    while place < end - 1:
        if given[place] in flags:
            given[place : place + 2] = [f"{given[place]}={given[place + 1]}"]
            end -= 1
        place += 1
    return given


def split_items(argv: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """The arguments before `--`, and what stands after it: items that may start with a hyphen."""
    given = list(sys.argv[1:] if argv is None else argv)
    place = given.index("--") if "--" in given else len(given)
    return given[:place], given[place + 1 :]


def score_names(domain: Domain) -> list[str]:
    """The names of a domain's scores."""
    return list(domain.score([]))


def read_items(
    verb: str, commands: DomainCommands, given: Mapping[str, str], bundle: str = ""
) -> list[tuple[str, str]]:
    """The items that a person gave: canonical, and as they were spelled.

    What a domain leaves out of them (`DomainCommands.plain`) is told once all of them are read.

    Args:
        verb: that they were given to.
        commands: the domain's.
        given: as they were given, by what messages call them.
        bundle: the one that they are for; the domain's own where none is named.

    Raises:
        DomainError: one is refused, with the reason and, where known, the position.
    """
    read = {what: _read(commands, text, what, bundle) for what, text in given.items()}
    for what, (_, spelled) in read.items():
        plain, note = commands.plain(spelled)
        if note:
            tell(verb, f"{what} {shortened(spelled)}: {note}")
            read[what] = _read(commands, plain, what, bundle)
    return list(read.values())


def _read(commands: DomainCommands, given: str, what: str, bundle: str) -> tuple[str, str]:
    try:
        if commands.read_item_for is None:
            text = commands.read_item(given)
        else:
            text = commands.read_item_for(given, bundle or str(commands.bundle))
        commands.domain.from_text(text)
        (verdict,) = commands.domain.check([text])
        if not verdict.ok:
            raise DomainError(verdict.reason or "it is not valid", verdict.position)
    except DomainError as error:
        reason = f"{what} {shortened(given)}: {error.reason}"
        raise DomainError(reason, error.position) from None
    return (text if verdict.canonical is None else verdict.canonical), text
