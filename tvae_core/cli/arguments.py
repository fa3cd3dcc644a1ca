"""What the commands are given: items, names of scores, values that start with a hyphen."""

from __future__ import annotations

import sys
from collections.abc import Sequence

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


def read_item(commands: DomainCommands, given: str, what: str, bundle: str = "") -> str:
    """The canonical text of an item that a person gave.

    Args:
        commands: the domain's.
        given: as it was given.
        what: what messages call it.
        bundle: the one that it is for; the domain's own where none is named.

    Raises:
        DomainError: it is refused, with the reason and, where known, the position.
    """
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
    return text if verdict.canonical is None else verdict.canonical
