"""A SMILES as it stands in a file: its canonical form, or why it is none; and what was changed.

    found = read_smiles("[CH3:1][CH2:2][OH:3]")
    assert (found.smiles, found.changes) == ("CCO", (Change(ATOM_MAPS),))

What a plain SMILES of one molecule cannot hold does not stay and is told (`Change`): CXSMILES
extensions, numbers of atoms of a reaction. Isotopes, charges, stereo, fragments and wildcards stay,
the labels of wildcards (`[*:1]`) among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from rdkit import Chem

from domains.smiles.chem.molecule import MAX_LENGTH, canonical, canonical_form, parse, quiet
from domains.smiles.chem.syntax import Problem
from domains.smiles.reading.cxsmiles import Extension, read_extension, split_extension

ATOM_MAPS = "atom maps removed"
_UNMARKED = "whose centres have no mark now"
STEREO_GROUPS = f"stereo groups dropped, {_UNMARKED}"
EXTENSION = "CXSMILES extension dropped"
_ODD = re.compile(r"[~:<>]|@[ABOST]")
"""What a canonical form holds that RDKit may write and not read: it is read again to see."""
_MAP = "molAtomMapNumber"
_LONGEST_LEFTOVER = 100
_SHEET_ERROR = re.compile(r"#(REF!|N/A|NAME\?|VALUE!|DIV/0!|NULL!|NUM!|SPILL!|CALC!)", re.I)
_NUMBER = re.compile(r"[-+]?\d*[.,]?\d+([eE][-+]?\d+)?%?")
_NOTHING = {"nan", "none", "null", "na", "n/a", "nil", "n.d.", "nd", "-", "--", "?", "unknown"}
_WITH_HYDROGENS = Chem.SmilesParserParams()
_WITH_HYDROGENS.allowCXSMILES = False
_WITH_HYDROGENS.parseName = False
_WITH_HYDROGENS.removeHs = False


class Change(NamedTuple):
    """What was changed in a molecule, and how many times in it."""

    kind: str
    times: int = 1


class Found(NamedTuple):
    """What reading gave: a canonical SMILES, or the reason why there is none; what was changed."""

    smiles: str
    reason: str | None = None
    changes: tuple[Change, ...] = ()


def str_problem(problem: Problem) -> str:
    """A problem as one phrase, with its 1-based character where one is known."""
    where = f" (at character {problem.position + 1})" if problem.position >= 0 else ""
    return f"{problem.reason}{where}"


def refused(problem: Problem) -> Found:
    """What reading gives for a problem."""
    return Found("", str_problem(problem))


def read_smiles(text: str) -> Found:
    """Reads a SMILES, with an extension or not; never raises. White space around it is ignored."""
    text = text.strip()
    core, extension, rest = split_extension(text)
    mol = parse(core)
    if isinstance(mol, Problem):
        return refused(mol) if extension else Found("", _leftover(text) or str_problem(mol))
    if rest:
        return Found("", f"text after the CXSMILES extension {extension[:60]}: {rest[:60]!r}")
    changes: list[Change] = []
    if extension:
        with quiet():
            whole = Chem.MolFromSmiles(core, _WITH_HYDROGENS)
        held = read_extension(extension, whole.GetNumAtoms())
        if isinstance(held, Problem):
            return refused(held)
        changes = _told(held)
        if held.groups or held.relative:
            everything = range(whole.GetNumAtoms())
            unmark(whole, set(everything if held.relative else sum(held.groups, ())))
            mol = whole
    return finished(mol, core, changes)


def _told(held: Extension) -> list[Change]:
    """The changes that dropping an extension makes."""
    found = [Change(f"{EXTENSION} ({what})") for what in held.dropped]
    if held.groups:
        found.append(Change(f"{EXTENSION} (stereo groups, {_UNMARKED})", len(held.groups)))
    elif held.relative:
        found.append(Change(f"{EXTENSION} (relative stereo, {_UNMARKED})"))
    return found or [Change(f"{EXTENSION} (it holds nothing)")]


def unmark(mol: Chem.Mol, atoms: Iterable[int], bonds: Iterable[int] = ()) -> None:
    """Takes the stereo marks off some atoms and bonds."""
    for place in atoms:
        mol.GetAtomWithIdx(place).SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    for place in bonds:
        mol.GetBondWithIdx(place).SetStereo(Chem.BondStereo.STEREONONE)


def finished(mol: Chem.Mol, text: object, changes: list[Change]) -> Found:
    """The canonical form of a molecule without its atom maps, and all changes."""
    if not isinstance(text, str) or ":" in text:
        mapped = [a for a in mol.GetAtoms() if a.HasProp(_MAP) and a.GetAtomicNum()]
        for atom in mapped:
            atom.SetAtomMapNum(0)
        changes = [*changes, *[Change(ATOM_MAPS)] * bool(mapped)]
    if not changes:
        written = _written(mol)
        if len(written) <= MAX_LENGTH // 2 and not _ODD.search(written):
            return Found(written)
    form = canonical_form(mol, text)
    if changes and isinstance(form, str):
        # hydrogens and marks that only a map or a group kept apart go when it is read again
        again = parse(form)
        form = again if isinstance(again, Problem) else canonical_form(again, form)
    return refused(form) if isinstance(form, Problem) else Found(form, None, tuple(changes))


def _written(mol: Chem.Mol) -> str:
    try:
        return canonical(mol)
    except Exception:  # RDKit's C++ layer raises whatever it likes; `canonical_form` says so
        return "~"


def _leftover(text: str) -> str:
    """What a cell holds that was never a SMILES alone; empty if there is no telling."""
    first, *more = text.split(maxsplit=1)[:2] or [""]
    if more and text.isprintable() and not isinstance(parse(first), Problem):
        return f"text after the SMILES: {more[0][:60]!r}"
    if len(text) > _LONGEST_LEFTOVER:
        return ""
    if _SHEET_ERROR.match(text):
        return f"an error of a spreadsheet ({text[:20]}), no SMILES"
    if text.lower() in _NOTHING:
        return f"no molecule: the cell says {text!r}"
    if _NUMBER.fullmatch(text):
        return f"a number ({text[:20]}), no SMILES"
    if text.startswith(("=", "@", "+")) and re.match(r"[=@+]\w+\(", text):
        return f"a formula of a spreadsheet ({text[:20]}), no SMILES"
    return ""
