"""What the commands are given: items, names of scores, values that start with a hyphen."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from tvae_core.cli.telling import tell
from tvae_core.domain import Domain, DomainError
from tvae_core.domain_commands import DomainCommands
from tvae_core.support.words import shortened


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
