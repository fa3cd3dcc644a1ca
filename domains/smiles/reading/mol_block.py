"""Molecules out of MDL mol blocks (version 2000 and 3000), with reasons and what was changed.

What a block holds that one SMILES cannot is refused (query atoms and bonds, polymers, groups drawn
as one atom) or told (stereo groups, atom maps, attachment points).
"""

from __future__ import annotations

import re

from rdkit import Chem

from domains.smiles.chem.molecule import messages_of, quiet, refusal, too_large
from domains.smiles.chem.syntax import Problem
from domains.smiles.reading.texts import STEREO_GROUPS, Change, Found, finished, refused, unmark

MAX_BLOCK_ATOMS = 999
"""Most atoms of a mol block, hydrogens included: what its version 2000 can count."""
ATTACHMENT = "attachment points dropped"
_COUNTS = re.compile(r"^M  V30 COUNTS +(\d+) +(\d+)", re.MULTILINE)
_POLYMERS = {"SRU", "MON", "MER", "COP", "CRO", "MOD", "GRA", "ANY"}
_IDLE = re.compile(r"\[[\d:]+\]|\*+|[\w -]+ Violation")
"""Lines of RDKit's messages that say nothing."""
_WILDCARD = re.compile(r"R(#|\d*)|\*|LP|")


def parse_block(block: str, line: int = 1) -> Chem.Mol | Problem:
    """The sanitised molecule of an MDL mol block, or what is wrong with it; never raises.

    Args:
        block: up to its `M  END`.
        line: of the file that the block begins in, for the reason.
    """
    if _block_atoms(block) > MAX_BLOCK_ATOMS:
        return Problem(f"more than the {MAX_BLOCK_ATOMS:,} atoms allowed in a mol block", -1)
    reason: tuple[str, int | None] | None = None
    with quiet():
        try:
            loose = Chem.MolFromMolBlock(block, sanitize=False, removeHs=False)
            large = None if loose is None else too_large(loose)
            if large is not None:
                return Problem(large, -1)
            mol = None if loose is None else Chem.MolFromMolBlock(block)
            if mol is not None:
                empty = Problem("a molecule without atoms", -1)
                return mol if mol.GetNumAtoms() else empty
            reason = None if loose is None else refusal(loose)
        except Exception:  # RDKit's C++ invariants surface as RuntimeError, among others
            reason = None
    return Problem(reason[0] if reason else _message(block, line), -1)


def _block_atoms(block: str) -> int:
    """Atoms that a mol block announces, or lines it has, whichever is more."""
    told = [int(number[:9]) for pair in _COUNTS.findall(block) for number in pair]
    lines = block.count("\n")
    return max([*told, 0 if lines < 10 * MAX_BLOCK_ATOMS else lines])


def _message(block: str, line: int) -> str:
    """RDKit's own words about a block that it does not read, with the line of the file."""

    def work() -> None:
        try:
            Chem.MolFromMolBlock(block)
        except Exception as error:
            raised.append(str(error))

    raised: list[str] = []
    lines = [part.strip() for text in (*messages_of(work), *raised) for part in text.splitlines()]
    said = [part for part in lines if part and not _IDLE.fullmatch(part)]
    if not said:
        return "not a readable MDL mol block"
    text = " ".join(said[0].split())[:200]
    place = re.search(r"\bline:? ?(\d{1,9})\b", text)
    where = f" (line {line + int(place[1]) - 1} of the file)" if place and line > 1 else ""
    return f"not a readable MDL mol block: {text}{where}"


def read_block(block: str, line: int = 1) -> Found:
    """Reads a mol block; never raises. The arguments of `parse_block`."""
    mol = parse_block(block, line)
    if isinstance(mol, Problem):
        return refused(mol)
    try:
        reason = _not_one_molecule(mol)
        if reason:
            return Found("", reason)
        changes = []
        kinds = Chem.StereoGroupType
        groups = [g for g in mol.GetStereoGroups() if g.GetGroupType() != kinds.STEREO_ABSOLUTE]
        for group in groups:
            bonds = [bond.GetIdx() for bond in group.GetBonds()]
            unmark(mol, [atom.GetIdx() for atom in group.GetAtoms()], bonds)
        if groups:
            changes.append(Change(STEREO_GROUPS, len(groups)))
        points = sum(atom.HasProp("molAttchpt") for atom in mol.GetAtoms())
        if points:
            changes.append(Change(ATTACHMENT, points))
        return finished(mol, None, changes)
    except Exception:  # as in `parse_block`
        return Found("", "RDKit cannot write this molecule as a SMILES")


def _not_one_molecule(mol: Chem.Mol) -> str:
    """Why a block stands for more than one molecule, or less; empty where it does not."""
    for atom in mol.GetAtoms():
        name = f"atom {atom.GetIdx() + 1}"
        label = atom.GetProp("dummyLabel") if atom.HasProp("dummyLabel") else ""
        if atom.HasProp("molFileAlias"):
            alias = " ".join(atom.GetProp("molFileAlias").split())[:30]
            return f"{name} is drawn as {alias!r}, whose atoms are not in the block"
        if atom.HasQuery() and not (label or atom.DescribeQuery().startswith("AtomNull")):
            return f"{name} is a query atom, which stands for several elements or surroundings"
        if not atom.GetAtomicNum() and not _WILDCARD.fullmatch(label):
            return f"{name} ({label[:30]}) stands for something that is no element"
    for bond in mol.GetBonds():
        ends = f"{bond.GetBeginAtomIdx() + 1} and {bond.GetEndAtomIdx() + 1}"
        if bond.HasQuery():
            return f"the bond of atoms {ends} is a query bond, which stands for several kinds"
        if bond.HasProp("_MolFileBondEndPts"):
            return f"the bond of atoms {ends} goes to several atoms (variable attachment)"
    if mol.HasProp("_molLinkNodes"):
        return "a link node, which stands for chains of several lengths"
    for group in Chem.GetMolSubstanceGroups(mol):
        if group.HasProp("TYPE") and group.GetProp("TYPE") in _POLYMERS:
            return f"a polymer (S-group {group.GetProp('TYPE')}) is not one molecule"
    return ""
