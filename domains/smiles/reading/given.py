"""A molecule that a person gives to a verb: read, and what was left out of it told."""

from __future__ import annotations

from rdkit import Chem

from domains.smiles.chem.molecule import canonical, parse
from domains.smiles.chem.syntax import Problem
from tvae_core.cli.telling import tell
from tvae_core.support.words import shortened


def plain(text: str) -> tuple[str, str]:
    """A SMILES without atom map numbers, which say nothing of the molecule, and a note of that.

    With them no molecule would be equal to the one given. Any other text stays as it is, without
    a note.
    """
    mol = parse(text)
    if isinstance(mol, Problem) or not any(atom.GetAtomMapNum() for atom in mol.GetAtoms()):
        return text, ""
    bare = Chem.Mol(mol)
    for atom in bare.GetAtoms():
        atom.SetAtomMapNum(0)
    # a map number keeps an explicit hydrogen apart: read again, it is one like the others
    again = parse(canonical(bare))
    found = canonical(bare if isinstance(again, Problem) else again)
    return found, f"its atom map numbers are left out, {found} is taken"


def without_maps(verb: str, name: str, text: str) -> str:
    """`plain`, and its note on stderr.

    Args:
        verb: that the molecule was given to.
        name: what lines call it, such as `--reference`.
        text: as it was given, a molecule or not.
    """
    found, note = plain(text)
    if note:
        tell(verb, f"{name} {shortened(text)}: {note}")
    return found
