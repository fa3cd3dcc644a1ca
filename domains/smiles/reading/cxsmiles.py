"""CXSMILES extensions: the `|...|` after a SMILES, which a plain SMILES cannot hold.

    core, extension, rest = split_extension("C[C@H](N)O |&1:1|")
    found = read_extension(extension, atoms=4)

Three kinds of things stand in it. Drawing and notes (coordinates, labels, values) can be dropped.
Stereo groups say that a centre is racemic (`&1:3`) or known but for its sign (`o1:3`): without them
the SMILES would be one pure enantiomer, so the centres' marks have to go as well. Of the rest
(polymer units, link nodes, variable attachment, radicals, query features) a SMILES alone would be
another molecule, and the row is refused. The grammar: ChemAxon, "Extended SMILES"; RDKit Book,
"CXSMILES/CXSMARTS extensions".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from domains.smiles.chem.syntax import Problem

_SHOWN = 60
MAX_LENGTH = 100_000
"""Characters of the longest extension that is read: coordinates of 500 atoms have 20,000."""
_SPLIT = re.compile(r"(\S+)\s+(\|.*)", re.DOTALL)
_NUMBERS = r"\d+(?:[.,:]\d+)*"
_NEXT = r"(?=,(?:[&oa]\d*:|[cCtHmrwflu]|S|L|R|\(|\$|\^|atomProp)|$)"

_DROPPED = (
    ("coordinates", r"\([-\d.,;eE+ ]*\)"),
    ("atom values", r"\$_AV:[^$]*\$"),
    ("atom labels", r"\$[^$]*\$"),
    ("absolute stereo", rf"a:{_NUMBERS}"),
    ("drawing of bonds", rf"w[UD]?:{_NUMBERS}"),
    ("ring bonds", rf"(?:ctu|c):{_NUMBERS}"),
    ("lone pairs", rf"lp:{_NUMBERS}"),
    ("fragment groups", rf"f:{_NUMBERS}"),
    ("atom properties", rf"atomProp(?::[^,:]*)+?{_NEXT}"),
    ("data", rf"SgD:.*?{_NEXT}"),
)
_REFUSED = (
    ("a polymer unit", r"SgH|Sg:"),
    ("radical electrons", r"\^\d"),
    ("a position that varies", r"m:"),
    ("a link node", r"LN:"),
    ("R-group definitions", r"RG:"),
    ("coordinate or hydrogen bonds", r"[CH]:"),
    ("the geometry of a ring's double bond", r"t:"),
    ("query features", r"rb:|s:|u:"),
    ("an order of ligands", r"LO:"),
)
_GROUP = re.compile(r"([&o])(\d+):(\d+(?:,\d+)*)")
_KNOWN = [(what, re.compile(pattern, re.DOTALL)) for what, pattern in _DROPPED]
_LOST = [(what, re.compile(pattern)) for what, pattern in _REFUSED]


@dataclass(frozen=True, slots=True)
class Extension:
    """What an extension holds.

    Attributes:
        dropped: the kinds of things that go with it, in words.
        groups: atoms (from 0) of each stereo group that is racemic or relative.
        relative: whether all stereo marks are relative only (`r`).
    """

    dropped: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...] = ()
    relative: bool = False


def split_extension(text: str) -> tuple[str, str, str]:
    """The SMILES, its extension with both bars (or the cut rest), and what follows.

    Extension and rest are empty where there is none; the SMILES is then the text as it is.
    """
    found = _SPLIT.fullmatch(text) if "|" in text else None
    if found is None:
        return text, "", ""
    end = found[2].find("|", 1)
    if end < 0:
        return found[1], found[2], ""
    return found[1], found[2][: end + 1], found[2][end + 1 :].strip()


def read_extension(extension: str, atoms: int) -> Extension | Problem:
    """What an extension holds, or why a molecule cannot do without it; never raises.

    Args:
        extension: with its bars.
        atoms: of the SMILES before it, explicit hydrogens included.
    """
    shown = extension if len(extension) <= _SHOWN else extension[: _SHOWN - 3] + "..."
    name = f"the CXSMILES extension {shown}"
    if len(extension) < 2 or not extension.endswith("|"):
        return Problem(f"{name} is cut short: no closing |", -1)
    if len(extension) > MAX_LENGTH:
        return Problem(f"{name} has more than the {MAX_LENGTH:,} characters allowed", -1)
    inside, at = extension[1:-1], 0
    dropped: dict[str, None] = {}
    groups: list[tuple[int, ...]] = []
    relative = False
    while at < len(inside):
        if group := _GROUP.match(inside, at):
            if len(group[3]) > 6 * (atoms + 1):
                return Problem(f"{name} names more atoms than there are", -1)
            places = tuple(int(place) for place in group[3].split(",") if len(place) < 9)
            if len(places) <= group[3].count(",") or max(places) >= atoms:
                return Problem(f"{name} names an atom that is not there", -1)
            groups.append(places)
            end = group.end()
        elif inside[at] == "r" and inside[at + 1 : at + 2] in ("", ","):
            relative, end = True, at + 1
        else:
            what, end = _section(inside, at)
            if end <= at:
                told = f"holds {what}, which a SMILES alone loses" if what else "is not understood"
                return Problem(f"{name} {told}", -1)
            dropped[what] = None
        if inside[end : end + 1] not in ("", ","):
            return Problem(f"{name} is not understood", -1)
        at = end + 1
    return Extension(tuple(dropped), tuple(groups), relative)


def _section(inside: str, at: int) -> tuple[str, int]:
    """The kind of the section that begins here, and its end; no end where it cannot be dropped."""
    for what, pattern in _KNOWN:
        if found := pattern.match(inside, at):
            if what == "atom labels" and "_R" in found[0]:
                what = "R-group labels"
            return what, found.end()
    return next((what for what, pattern in _LOST if pattern.match(inside, at)), ""), at
