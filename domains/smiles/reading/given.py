"""A molecule that a person gives to a verb: read, and what was left out of it told."""

from __future__ import annotations

from rdkit import Chem

from domains.smiles.chem.molecule import canonical, parse
from domains.smiles.chem.syntax import Problem
from tvae_core.cli.telling import tell
from tvae_core.support.words import shortened


def without_maps(verb: str, name: str, text: str) -> str:
    """A SMILES without atom map numbers, which say nothing of the molecule; told on stderr.

    With them no molecule would be equal to the one given. Any other text stays as it is.

    Args:
        verb: that it was given to.
        name: what lines call it, such as `--start`.
        text: as it was given, a molecule or not.
    """
    mol = parse(text)
    if isinstance(mol, Problem) or not any(atom.GetAtomMapNum() for atom in mol.GetAtoms()):
        return text
    plain = Chem.Mol(mol)
    for atom in plain.GetAtoms():
        atom.SetAtomMapNum(0)
    # a map number keeps an explicit hydrogen apart: read again, it is one like the others
    again = parse(canonical(plain))
    found = canonical(plain if isinstance(again, Problem) else again)
    tell(verb, f"{name} {shortened(text)}: its atom map numbers are left out, {found} is taken")
    return found
