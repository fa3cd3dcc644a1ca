"""Penalised logP, the score that constrained optimisation of molecules is compared by.

`plogp_raw` is `logP - SA - ring penalty` (Gomez-Bombarelli et al. 2018, ACS Cent. Sci. 4, 268), the
penalty being the atoms beyond six of the largest ring. `plogp` has each of the three terms
standardised by its mean and standard deviation in the 250,000 ZINC molecules of that work: the form
behind the published tables of JT-VAE (Jin et al. 2018, arXiv 1802.04364), GCPN (You et al. 2018,
arXiv 1806.02473) and MoFlow (Zang and Wang 2020, arXiv 2006.10137), with GCPN's constants.

Rings are those of RDKit's smallest set; the published codes take a cycle basis of the graph, which
can hold larger ones in fused systems.
"""

from __future__ import annotations

import numpy as np
from rdkit import Chem

from domains.smiles.chem.molecule import parse, quiet
from domains.smiles.chem.scores import FloatArray
from domains.smiles.chem.syntax import Problem

LOGP_ZINC = (2.4570953396190123, 1.434324401111988)
SA_ZINC = (3.0525811293166134, 0.8335207024513095)
RING_ZINC = (0.0485696876403053, 0.2860212110245455)
"""Mean and standard deviation of logP, SA and the ring penalty over ZINC 250k (GCPN)."""


def ring_penalty(mol: Chem.Mol) -> float:
    """Atoms beyond six of the largest ring, 0 if there is none."""
    largest = max((len(ring) for ring in mol.GetRingInfo().AtomRings()), default=0)
    return float(max(0, largest - 6))


def ring_penalties(texts: list[str]) -> FloatArray:
    """`ring_penalty` of SMILES, `(n,)`; NaN for those that are no molecule."""
    with quiet():
        mols = [parse(text) for text in texts]
    return np.array([np.nan if isinstance(m, Problem) else ring_penalty(m) for m in mols])


def plogp_raw(logp: FloatArray, sa: FloatArray, ring: FloatArray) -> FloatArray:
    """Penalised logP as it was defined first."""
    return np.asarray(logp - sa - ring, dtype=np.float64)


def plogp(logp: FloatArray, sa: FloatArray, ring: FloatArray) -> FloatArray:
    """Penalised logP with standardised terms, as in the published tables."""
    terms = ((logp, LOGP_ZINC, 1.0), (sa, SA_ZINC, -1.0), (ring, RING_ZINC, -1.0))
    return np.asarray(
        sum(sign * (value - mean) / sd for value, (mean, sd), sign in terms), dtype=np.float64
    )
