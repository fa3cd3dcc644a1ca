"""What the MOSES metrics need of each molecule; module-level functions, so that processes share it.

Neither torch nor transformers is imported here, so worker processes start fast.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator, rdmolops
from rdkit.Chem.Scaffolds import MurckoScaffold

from domains.smiles.chem.molecule import canonical, parse, quiet
from domains.smiles.chem.scores import score_mol
from domains.smiles.chem.syntax import Problem

PROPERTIES = ("logp", "sa", "qed", "weight")
ELEMENTS = frozenset({"C", "N", "S", "O", "F", "Cl", "Br", "H"})
MAX_RING = 7
MIN_SCAFFOLD_RINGS = 2
SCREEN_BITS = 2048
"""Of the pattern fingerprints that spare most substructure searches."""

_generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)


class Features(NamedTuple):
    """One molecule: packed fingerprint (128 bytes), fragments, scaffold, filters, properties."""

    fingerprint: bytes
    fragments: tuple[str, ...]
    scaffold: str | None
    passes: bool
    properties: tuple[float, ...]


def canonical_forms(texts: Sequence[str]) -> list[str | None]:
    """Canonical SMILES, stereochemistry included; None for what is no molecule."""
    mols = (parse(text) for text in texts)
    return [None if isinstance(mol, Problem) else canonical(mol) for mol in mols]


def features(texts: Sequence[str], filters: tuple[str, ...]) -> list[Features | None]:
    """The features of canonical SMILES.

    Args:
        texts: SMILES.
        filters: SMARTS that a molecule must not match, with its hydrogens written out.
    """
    found: list[Features | None] = []
    for text in texts:
        mol = parse(text)
        if isinstance(mol, Problem):
            found.append(None)
            continue
        with quiet():
            found.append(
                Features(
                    fingerprint(mol),
                    fragments(mol),
                    scaffold(mol),
                    passes_filters(mol, filters),
                    tuple(score_mol(mol, name) for name in PROPERTIES),
                )
            )
    return found


def fingerprint(mol: Chem.Mol) -> bytes:
    """The Morgan fingerprint (radius 2, 1,024 bits), first bit highest in the first byte."""
    bits = np.zeros(1024, np.uint8)
    DataStructs.ConvertToNumpyArray(_generator.GetFingerprint(mol), bits)
    return np.packbits(bits).tobytes()


def fragments(mol: Chem.Mol) -> tuple[str, ...]:
    """The SMILES of the BRICS fragments (Degen et al., ChemMedChem 3, 1503 (2008))."""
    return tuple(str(Chem.MolToSmiles(rdmolops.FragmentOnBRICSBonds(mol))).split("."))


def scaffold(mol: Chem.Mol) -> str | None:
    """The Bemis-Murcko scaffold; None if it has fewer than two rings or cannot be made."""
    try:
        core = MurckoScaffold.GetScaffoldForMol(mol)
    except (ValueError, RuntimeError):
        return None
    rings = core.GetRingInfo().NumRings()
    return (str(Chem.MolToSmiles(core)) or None) if rings >= MIN_SCAFFOLD_RINGS else None


@functools.cache
def _patterns(filters: tuple[str, ...]) -> list[tuple[Chem.Mol, DataStructs.ExplicitBitVect]]:
    found = []
    for smarts in filters:
        pattern = Chem.MolFromSmarts(smarts)
        if pattern is None:
            raise ValueError(f"filter {smarts!r} is not a SMARTS")
        found.append((pattern, Chem.PatternFingerprint(pattern, SCREEN_BITS)))
    return found


def passes_filters(mol: Chem.Mol, filters: tuple[str, ...]) -> bool:
    """Whether a molecule is uncharged, of the usual elements, without big rings or alerts.

    A pattern's fingerprint has no bit that a molecule matching it lacks, so the search for
    substructures runs only where the fingerprints allow a match.

    Raises:
        ValueError: a filter is no SMARTS.
    """
    if any(len(ring) > MAX_RING for ring in mol.GetRingInfo().AtomRings()):
        return False
    if any(a.GetFormalCharge() or a.GetSymbol() not in ELEMENTS for a in mol.GetAtoms()):
        return False
    full = Chem.AddHs(mol)
    screen = Chem.PatternFingerprint(full, SCREEN_BITS)
    return not any(
        DataStructs.AllProbeBitsMatch(bits, screen) and full.HasSubstructMatch(pattern)
        for pattern, bits in _patterns(filters)
    )
