"""What the corpus needs to know of a molecule, worked out once, in processes.

A molecule is known by numbers instead of texts, so that millions fit into memory: its own, that of
its skeleton (what its ions and stereoisomers share) and that of its Bemis-Murcko scaffold.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from hashlib import blake2b
from typing import NamedTuple

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from domains.smiles.chem.molecule import quiet
from domains.smiles.chem.scores import scaffold
from domains.smiles.reading.standard import is_ionised, skeleton, standard_molecule
from domains.smiles.reading.texts import Change
from tvae_core.support.workers import Workers

OFTEN, SELDOM = 2.0, 0.5
"""Weights of what a uniform draw shows too seldom, and of what teaches to leave stereo out."""
_CHUNK = 1_000


class Described(NamedTuple):
    """A molecule in its standard form.

    Attributes:
        smiles: canonical; empty where there is a reason.
        reason: why it is left out; None for a molecule that is not.
        changes: what was changed in it.
        skeleton: hash of what its forms share.
        scaffold: hash of its scaffold, of the whole skeleton where it has no rings.
        weight: how often it is drawn.
    """

    smiles: str
    reason: str | None = None
    changes: tuple[Change, ...] = ()
    skeleton: int = 0
    scaffold: int = 0
    weight: float = 1.0


def number(text: str) -> int:
    """64 bits that stand for a text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def describe(text: str, fragments: str = "largest", canonical: bool = False) -> Described:
    """Standardises a molecule and works out the rest; never raises.

    Args:
        text: a SMILES.
        fragments: see `domains.smiles.reading.standard.standardise`.
        canonical: whether the text is known to be canonical.
    """
    found, mol = standard_molecule(text, fragments, canonical)
    if mol is None:
        return Described("", found.reason, found.changes)
    plain = skeleton(found.smiles, mol)
    weight = weight_of(mol, found.smiles)
    whole = number(plain)
    core = scaffold(mol)
    return Described(
        found.smiles, None, found.changes, whole, number(core) if core else whole, weight
    )


def weight_of(mol: Chem.Mol, smiles: str) -> float:
    """How often a molecule is drawn: more with stereo marks or an ion, less with marks left out."""
    if any(mark in smiles for mark in "@/\\") or is_ionised(mol):
        return OFTEN
    with quiet():
        Chem.FindPotentialStereo(mol, cleanIt=False, flagPossible=True)
        left_out = rdMolDescriptors.CalcNumUnspecifiedAtomStereoCenters(mol)
    return SELDOM if left_out else 1.0


def _describe_all(fragments: str, canonical: bool, texts: Sequence[str]) -> list[Described]:
    return [describe(text, fragments, canonical) for text in texts]


def described(
    texts: Sequence[str], fragments: str, workers: Workers, canonical: bool = False
) -> list[Described]:
    """Each text, in order."""
    return workers.map(partial(_describe_all, fragments, canonical), texts, chunk=_CHUNK)
