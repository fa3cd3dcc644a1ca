"""Tasks of the PMO benchmark that need RDKit alone: 20 of its 23.

    TASKS["albuterol_similarity"](["CC(C)NCC(O)c1ccc(O)cc1"])
    python -m domains.smiles.optimise --target domains.smiles.pmo:albuterol_similarity

Gao et al. 2022 (arXiv 2206.12411) took them from GuacaMol (Brown et al. 2019, arXiv 1811.09621),
where the molecules and numbers below come from; all scores lie in 0..1. The other three, DRD2,
GSK3b and JNK3, are classifiers that have to be downloaded. Not through the package `guacamol`: it
fails to import beside a present-day SciPy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from rdkit import Chem, DataStructs
from rdkit.Chem import Descriptors, rdMolDescriptors
from rdkit.Chem.Pharm2D import Generate, Gobbi_Pharm2D
from rdkit.Chem.rdFingerprintGenerator import (
    GetAtomPairGenerator,
    GetMorganFeatureAtomInvGen,
    GetMorganGenerator,
)

from domains.smiles.chem.molecule import parse
from domains.smiles.chem.syntax import Problem

Measure = Callable[[Any], float]

_OSIMERTINIB = "COc1cc(N(C)CCN(C)C)c(NC(=O)C=C)cc1Nc2nccc(n2)c3cn(C)c4ccccc34"
_SITAGLIPTIN = "Fc1cc(c(F)cc1F)CC(N)CC(=O)N3Cc2nnc(n2CC3)C(F)(F)F"
_HOPPED = "CCCOc1cc2ncnc(Nc3ccc4ncsc4c3)c2cc1S(=O)(=O)C(C)(C)C"
_HOP_SCAFFOLD = "[#7]-c1n[c;h1]nc2[c;h1]c(-[#8])[c;h0][c;h1]c12"


@dataclass(frozen=True)
class Task:
    """A score: the mean of its parts, each a function of a molecule with values in 0..1."""

    parts: tuple[Measure, ...]
    geometric: bool = True

    def of(self, mol: Any) -> float:
        """The score of a molecule."""
        found = np.array([part(mol) for part in self.parts], dtype=np.float64)
        if not self.geometric:
            return float(found.mean())
        return float(np.exp(np.log(found).mean())) if found.all() else 0.0

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """The scores of SMILES, 0 for what is no molecule."""
        mols = [parse(text) for text in texts]
        return [0.0 if isinstance(mol, Problem) else self.of(mol) for mol in mols]


def gaussian(value: float, mean: float, width: float) -> float:
    """1 at the mean, falling off to both sides."""
    return float(np.exp(-0.5 * ((value - mean) / width) ** 2))


def _near(measure: Measure, mean: float, width: float) -> Measure:
    return lambda mol: gaussian(measure(mol), mean, width)


def _at_most(measure: Measure, mean: float, width: float) -> Measure:
    return lambda mol: gaussian(max(measure(mol), mean), mean, width)


def _at_least(measure: Measure, mean: float, width: float) -> Measure:
    return lambda mol: gaussian(min(measure(mol), mean), mean, width)


@cache
def _fingerprint(kind: str) -> Callable[[Any], Any]:
    if kind == "PHCO":
        return lambda mol: Generate.Gen2DFingerprint(mol, Gobbi_Pharm2D.factory)
    if kind == "AP":
        generator = GetAtomPairGenerator(maxDistance=10)
    else:
        feature = {"atomInvariantsGenerator": GetMorganFeatureAtomInvGen()}
        generator = GetMorganGenerator(
            radius=int(kind[-1]) // 2, **(feature if kind.startswith("F") else {})
        )
    return lambda mol: generator.GetSparseCountFingerprint(mol)


def _like(smiles: str, kind: str, full: float = 1.0) -> Measure:
    """Tanimoto similarity of counts to a molecule, in units of what counts as `full`."""
    make = _fingerprint(kind)
    target = cache(lambda: make(Chem.MolFromSmiles(smiles)))

    def measure(mol: Any) -> float:
        alike = float(DataStructs.TanimotoSimilarity(target(), make(mol)))
        return min(alike, full) / full

    return measure


def _has(smarts: str, wanted: bool = True) -> Measure:
    query = Chem.MolFromSmarts(smarts)
    return lambda mol: float(mol.HasSubstructMatch(query) == wanted)


def _formula(formula: str) -> Task:
    """Nearness to a molecular formula: of every element's number of atoms, and of all atoms'."""
    counts = {
        element: int(number or 1) for element, number in re.findall(r"([A-Z][a-z]?)(\d*)", formula)
    }

    def count(element: str) -> Measure:
        def measure(mol: Any) -> float:
            full = Chem.AddHs(mol)
            return float(sum(atom.GetSymbol() == element for atom in full.GetAtoms()))

        return measure

    parts = [_near(count(element), number, 1.0) for element, number in counts.items()]
    total = _near(lambda mol: Chem.AddHs(mol).GetNumAtoms(), sum(counts.values()), 2.0)
    return Task((*parts, total))


def _value_of(measure: Measure, smiles: str) -> float:
    return measure(Chem.MolFromSmiles(smiles))


_LOGP: Measure = Descriptors.MolLogP
_TPSA: Measure = Descriptors.TPSA
_BERTZ: Measure = Descriptors.BertzCT
_RINGS: Measure = rdMolDescriptors.CalcNumRings
_AROMATIC: Measure = rdMolDescriptors.CalcNumAromaticRings


def _fluorines(mol: Any) -> float:
    return float(sum(atom.GetSymbol() == "F" for atom in mol.GetAtoms()))


def _as_sitagliptin(measure: Measure, width: float) -> Measure:
    return _near(measure, _value_of(measure, _SITAGLIPTIN), width)


TASKS: dict[str, Task] = {
    "albuterol_similarity": Task((_like("CC(C)(C)NCC(O)c1ccc(O)c(CO)c1", "FCFP4", 0.75),)),
    "amlodipine_mpo": Task(
        (
            _like(r"Clc1ccccc1C2C(=C(/N/C(=C2/C(=O)OCC)COCCN)C)\C(=O)OC", "ECFP4"),
            _near(_RINGS, 3, 0.5),
        )
    ),
    "celecoxib_rediscovery": Task(
        (_like("CC1=CC=C(C=C1)C1=CC(=NN1C1=CC=C(C=C1)S(N)(=O)=O)C(F)(F)F", "ECFP4"),)
    ),
    "deco_hop": Task(
        (
            _like(_HOPPED, "PHCO", 0.85),
            _has("CS([#6])(=O)=O", wanted=False),
            _has("[#7]-c1ccc2ncsc2c1", wanted=False),
            _has(_HOP_SCAFFOLD),
        ),
        geometric=False,
    ),
    "fexofenadine_mpo": Task(
        (
            _like("CC(C)(C(=O)O)c1ccc(cc1)C(O)CCCN2CCC(CC2)C(O)(c3ccccc3)c4ccccc4", "AP", 0.8),
            _at_least(_TPSA, 90, 10),
            _at_most(_LOGP, 4, 1),
        )
    ),
    "isomers_c7h8n2o2": _formula("C7H8N2O2"),
    "isomers_c9h10n2o2pf2cl": _formula("C9H10N2O2PF2Cl"),
    "median1": Task(
        (_like("CC(C)C1CCC(C)CC1O", "ECFP4"), _like("CC1(C)C2CCC1(C)C(=O)C2", "ECFP4"))
    ),
    "median2": Task(
        (
            _like("O=C1N(CC(N2C1CC3=C(C2C4=CC5=C(OCO5)C=C4)NC6=C3C=CC=C6)=O)C", "ECFP6"),
            _like("CCCC1=NN(C2=C1N=C(NC2=O)C3=C(C=CC(=C3)S(=O)(=O)N4CCN(CC4)C)OCC)C", "ECFP6"),
        )
    ),
    "mestranol_similarity": Task(
        (_like("COc1ccc2[C@H]3CC[C@@]4(C)[C@@H](CC[C@@]4(O)C#C)[C@@H]3CCc2c1", "AP", 0.75),)
    ),
    "osimertinib_mpo": Task(
        (
            _like(_OSIMERTINIB, "FCFP4", 0.8),
            _at_most(_like(_OSIMERTINIB, "ECFP6"), 0.85, 0.1),
            _at_least(_TPSA, 100, 10),
            _at_most(_LOGP, 1, 1),
        )
    ),
    "perindopril_mpo": Task(
        (
            _like("O=C(OCC)C(NC(C(=O)N1C(C(=O)O)CC2CCCCC12)C)CCC", "ECFP4"),
            _near(_AROMATIC, 2, 0.5),
        )
    ),
    "qed": Task((Descriptors.qed,)),
    "ranolazine_mpo": Task(
        (
            _like("COc1ccccc1OCC(O)CN2CCN(CC(=O)Nc3c(C)cccc3C)CC2", "AP", 0.7),
            _at_least(_LOGP, 7, 1),
            _near(_fluorines, 1, 1),
            _at_least(_TPSA, 95, 20),
        )
    ),
    "scaffold_hop": Task(
        (
            _like(_HOPPED, "PHCO", 0.75),
            _has("[#6]-[#6]-[#6]-[#8]-[#6]~[#6]~[#6]~[#6]~[#6]-[#7]-c1ccc2ncsc2c1"),
            _has(_HOP_SCAFFOLD, wanted=False),
        ),
        geometric=False,
    ),
    "sitagliptin_mpo": Task(
        (
            _near(_like(_SITAGLIPTIN, "ECFP4"), 0, 0.1),
            _as_sitagliptin(_LOGP, 0.2),
            _as_sitagliptin(_TPSA, 5),
            _formula("C16H15F6N5O").of,
        )
    ),
    "thiothixene_rediscovery": Task(
        (_like("CN(C)S(=O)(=O)c1ccc2Sc3ccccc3C(=CCCN4CCN(C)CC4)c2c1", "ECFP4"),)
    ),
    "troglitazone_rediscovery": Task(
        (_like("Cc1c(C)c2OC(C)(COc3ccc(CC4SC(=O)NC4=O)cc3)CCc2c(C)c1O", "ECFP4"),)
    ),
    "valsartan_smarts": Task(
        (
            _has("CN(C=O)Cc1ccc(c2ccccc2)cc1"),
            _as_sitagliptin(_LOGP, 0.2),
            _as_sitagliptin(_TPSA, 5),
            _as_sitagliptin(_BERTZ, 30),
        )
    ),
    "zaleplon_mpo": Task(
        (
            _like("O=C(C)N(CC)C1=CC=CC(C2=CC=NC3=C(C=NN23)C#N)=C1", "ECFP4"),
            _formula("C19H17N3O2").of,
        )
    ),
}
"""The tasks, by PMO's names."""

MISSING = ("drd2", "gsk3b", "jnk3")
"""The tasks of PMO that are not here."""


def __getattr__(name: str) -> Task:
    """A task as a function of the module, for `--target domains.smiles.pmo:NAME`."""
    if name in TASKS:
        return TASKS[name]
    raise AttributeError(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *TASKS})


def auc_top(scores: Sequence[float], budget: int, top: int = 10, step: int = 100) -> float:
    """Area under the mean of the best `top` scores against calls, in 0..1.

    As PMO takes it: trapezoids between multiples of `step` calls, from 0; a search that ends before
    its budget keeps its last value.

    Args:
        scores: of the calls in order, NaN counting as 0.
        budget: calls that the area is divided by.
    """
    found = np.nan_to_num(np.asarray(scores, dtype=np.float64)[:budget])
    area = before = 0.0
    last = 0
    for end in [*range(step, len(found), step), len(found)]:
        best = float(np.sort(found[:end])[::-1][:top].mean()) if end else 0.0
        area += (end - last) * (best + before) / 2
        last, before = end, best
    return (area + (budget - len(found)) * before) / budget
