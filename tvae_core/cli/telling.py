"""What the verbs tell on stderr: items that do not come back, what was written, a start's score."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from tvae_core.domain_commands import DomainCommands
from tvae_core.evaluation.comes_back import ComesBack, comes_back, compare, faithfully
from tvae_core.space.space import LatentSpace

MOST_NAMED = 60
"""Characters of an item that a line is about."""


def tell(verb: str, line: str) -> None:
    """One line on stderr."""
    print(f"{verb}: {line}", file=sys.stderr)


def named(commands: DomainCommands, name: str, text: str) -> str:
    """An item as lines speak of it: `A` or `--start`, and the item on one line."""
    shown = commands.show(text)
    shown = shown if len(shown) <= MOST_NAMED else shown[: MOST_NAMED - 3] + "..."
    return f"{name} {shown}".strip()


def tell_lost(verb: str, commands: DomainCommands, found: Mapping[str, ComesBack]) -> None:
    """Tells in one line of each item that does not come back from its own code.

    Args:
        verb: that it was given to.
        commands: the domain's.
        found: what came back, by what lines call the item.
    """
    for name, each in found.items():
        if each.lost:
            told = each.told(commands.unit, commands.show)
            tell(verb, f"{named(commands, name, each.text)} {told}")


def check_back(
    verb: str, commands: DomainCommands, space: LatentSpace, items: Mapping[str, str]
) -> None:
    """Decodes items' own codes, and tells of those that do not come back.

    Args:
        verb: that they were given to.
        commands: the domain's.
        space: of the bundle.
        items: canonical texts, by what lines call them.
    """
    found = comes_back(space, list(items.values()))
    tell_lost(verb, commands, dict(zip(items, found, strict=True)))


def check_ends(
    commands: DomainCommands,
    space: LatentSpace,
    ends: Sequence[str],
    decoded: Sequence[str],
    fidelity: float | str | None,
) -> list[bool]:
    """Tells of ends of a walk that are not the items given, and whether the dial is why.

    Args:
        commands: the domain's.
        space: of the bundle.
        ends: both items, in canonical form.
        decoded: what both ends of the walk were decoded to.
        fidelity: of the walk; None follows the path, which decodes its ends most faithfully.

    Returns:
        Which ends are the items.
    """
    found = compare(space, ends, decoded)
    for name, here, best in zip("AB", found, faithfully(space, found, fidelity), strict=True):
        if best.lost:
            tell_lost("interpolate", commands, {name: best})
        elif here.lost:
            item = named(commands, name, here.text)
            tell(
                "interpolate",
                f"{item} does not come back at --fidelity {fidelity}; it does at the most "
                "faithful setting, 1",
            )
    return [each.exact for each in found]


def ends_kept(kept: Sequence[bool]) -> str:
    """What the line of a walk's counts adds where an end is not the item given."""
    return "" if all(kept) else f"; {sum(kept)} of the {len(kept)} ends came back as given"
