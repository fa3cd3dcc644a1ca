"""Scores of molecules: drug-likeness, synthetic accessibility, size, polarity, likeness to another.

`SCORES` names them; `score_all` computes them for many molecules, over several processes where
that pays. A text that is no molecule, or that a score is not defined for, scores NaN.

    scores = score_all(["CCO", "c1ccccc1"], ["qed", "sa"])
    scores = score_all(texts, ["similarity"], reference="CC(=O)Oc1ccccc1C(=O)O", jobs=2)
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from rdkit import Chem, DataStructs
from rdkit.Chem import QED, Crippen, Descriptors, rdFingerprintGenerator, rdMolDescriptors
from rdkit.Chem.Scaffolds import MurckoScaffold
from rdkit.Contrib.SA_Score import sascorer

from domains.smiles.chem.molecule import parse, quiet
from domains.smiles.chem.names import check_names, default_names
from domains.smiles.chem.syntax import Problem
from tvae_core.support.workers import Progress, Workers

FloatArray = npt.NDArray[np.float64]

FINGERPRINT_RADIUS = 2
FINGERPRINT_BITS = 2048
MAX_SCAFFOLD_ATOMS = 500


@dataclass(frozen=True, slots=True)
class Reference:
    """The molecule that the reference-based scores compare with."""

    smiles: str
    fingerprint: Any
    scaffold: str


@dataclass(frozen=True, slots=True)
class Score:
    """One named score.

    Attributes:
        unit: what a value is counted in; empty for a plain number.
        better: which direction is wanted, where there is one.
        value: computes it for a molecule; only scores with `needs_reference` look at the reference.
    """

    name: str
    unit: str
    description: str
    better: Literal["higher", "lower", "neither"]
    value: Callable[[Chem.Mol, Reference | None], float]
    needs_reference: bool = False


_fingerprints = rdFingerprintGenerator.GetMorganGenerator(
    radius=FINGERPRINT_RADIUS, fpSize=FINGERPRINT_BITS
)
_sa_lock = threading.Lock()
_untyped: Any = (QED.qed, sascorer.calculateScore, sascorer.readFragmentScores)
_qed_of, _sa_of, _load_sa = _untyped


def fingerprint(mol: Chem.Mol) -> Any:
    """The Morgan fingerprint (radius 2, 2,048 bits) as an RDKit bit vector."""
    return _fingerprints.GetFingerprint(mol)


def scaffold(mol: Chem.Mol) -> str:
    """The Bemis-Murcko scaffold as SMILES; empty for a molecule without rings.

    Also empty beyond 500 atoms, where RDKit takes many seconds. Bemis and Murcko, J. Med. Chem. 39,
    2887 (1996).
    """
    if not rdMolDescriptors.CalcNumRings(mol) or mol.GetNumAtoms() > MAX_SCAFFOLD_ATOMS:
        return ""
    with quiet():
        try:
            return str(MurckoScaffold.MurckoScaffoldSmiles(mol=mol))
        except Exception:  # cutting side chains off an odd aromatic ring may leave no molecule
            return ""


def make_reference(text: str) -> Reference:
    """Prepares the molecule to compare with.

    Raises:
        ValueError: `text` is no molecule.
    """
    mol = parse(text)
    if isinstance(mol, Problem):
        raise ValueError(f"reference {text!r} is not a molecule: {mol.reason}")
    return Reference(text, fingerprint(mol), scaffold(mol))


def _qed(mol: Chem.Mol, _: Reference | None) -> float:
    return float(_qed_of(mol))


def _sa(mol: Chem.Mol, _: Reference | None) -> float:
    with _sa_lock:
        if sascorer._fscores is None:
            _load_sa()
    return float(_sa_of(mol))


def _logp(mol: Chem.Mol, _: Reference | None) -> float:
    return float(Crippen.MolLogP(mol))


def _weight(mol: Chem.Mol, _: Reference | None) -> float:
    return float(Descriptors.MolWt(mol))


def _tpsa(mol: Chem.Mol, _: Reference | None) -> float:
    return float(rdMolDescriptors.CalcTPSA(mol))


def _lipinski(mol: Chem.Mol, _: Reference | None) -> float:
    return float(
        (_weight(mol, None) > 500)
        + (_logp(mol, None) > 5)
        + (rdMolDescriptors.CalcNumLipinskiHBD(mol) > 5)
        + (rdMolDescriptors.CalcNumLipinskiHBA(mol) > 10)
    )


def _heavy_atoms(mol: Chem.Mol, _: Reference | None) -> float:
    return float(mol.GetNumHeavyAtoms())


def _rings(mol: Chem.Mol, _: Reference | None) -> float:
    return float(rdMolDescriptors.CalcNumRings(mol))


def _similarity(mol: Chem.Mol, reference: Reference | None) -> float:
    if reference is None:
        return math.nan
    return float(DataStructs.TanimotoSimilarity(fingerprint(mol), reference.fingerprint))


def _scaffold_match(mol: Chem.Mol, reference: Reference | None) -> float:
    if reference is None or not reference.scaffold:
        return math.nan
    return float(scaffold(mol) == reference.scaffold)


SCORES: dict[str, Score] = {
    score.name: score
    for score in (
        Score("qed", "", "quantitative estimate of drug-likeness, 0 to 1", "higher", _qed),
        Score("sa", "", "synthetic accessibility, 1 (easy) to 10 (hard)", "lower", _sa),
        Score("logp", "", "octanol-water partition, Wildman-Crippen estimate", "neither", _logp),
        Score("weight", "g/mol", "molecular weight, average isotopes", "neither", _weight),
        Score("tpsa", "Å²", "topological polar surface area", "neither", _tpsa),
        Score("lipinski", "", "violations of the rule of five, 0 to 4", "lower", _lipinski),
        Score("heavy_atoms", "atoms", "atoms other than hydrogen", "neither", _heavy_atoms),
        Score("rings", "rings", "smallest set of rings", "neither", _rings),
        Score(
            "similarity",
            "",
            "Tanimoto similarity to the reference, Morgan radius 2, 2,048 bits",
            "higher",
            _similarity,
            needs_reference=True,
        ),
        Score(
            "scaffold_match",
            "",
            "1 where the Bemis-Murcko scaffold is the reference's",
            "higher",
            _scaffold_match,
            needs_reference=True,
        ),
    )
}

_DEFINED_FOR_WILDCARDS = frozenset({"heavy_atoms", "rings", "similarity", "scaffold_match"})


def score_mol(mol: Chem.Mol, name: str, reference: Reference | None = None) -> float:
    """One score of one molecule; NaN where it is not defined (an atom is a wildcard, ...)."""
    return _score_mol(mol, (name,), reference)[0]


def score_all(
    items: Sequence[Chem.Mol | str],
    names: Sequence[str] | None = None,
    reference: str | None = None,
    jobs: int | Workers = 1,
    progress: Progress | None = None,
) -> dict[str, FloatArray]:
    """Scores many molecules.

    Args:
        items: molecules or SMILES, mixed as you like.
        names: which scores; all that can be computed by default.
        reference: SMILES that `similarity` and `scaffold_match` compare with.
        jobs: processes, used from 1,000 items on; or the running `Workers` to use.
        progress: called as `progress(done, total)`.

    Returns:
        An array of shape `(len(items),)` for each name; NaN where an item cannot be scored.

    Raises:
        ValueError: an unknown name, a reference that is no molecule or is missing.
    """
    chosen = default_names(reference is not None) if names is None else list(names)
    check_names(chosen, reference is not None)
    if reference is not None:
        make_reference(reference)
    work = functools.partial(_score_chunk, names=tuple(chosen), reference=reference)
    with nullcontext(jobs) if isinstance(jobs, Workers) else Workers(jobs) as workers:
        rows = workers.map(work, items, chunk=100, progress=progress)
    table = np.array(rows, dtype=np.float64).reshape(len(items), len(chosen))
    return {name: table[:, column].copy() for column, name in enumerate(chosen)}


def _score_chunk(
    items: Sequence[Chem.Mol | str], names: tuple[str, ...], reference: str | None
) -> list[list[float]]:
    compare = make_reference(reference) if reference is not None else None
    rows: list[list[float]] = []
    for item in items:
        mol = item if isinstance(item, Chem.Mol) else parse(item)
        if isinstance(mol, Problem):
            rows.append([math.nan] * len(names))
        else:
            rows.append(_score_mol(mol, names, compare))
    return rows


def _score_mol(mol: Chem.Mol, names: tuple[str, ...], reference: Reference | None) -> list[float]:
    wild = any(atom.GetAtomicNum() == 0 for atom in mol.GetAtoms())
    row = []
    with quiet():
        for name in names:
            if wild and name not in _DEFINED_FOR_WILDCARDS:
                row.append(math.nan)
                continue
            try:
                row.append(SCORES[name].value(mol, reference))
            except Exception:  # RDKit's C++ layer raises whatever it likes; unscorable is NaN
                row.append(math.nan)
    return row
