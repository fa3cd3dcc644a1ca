"""Tanimoto similarity of molecules, pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rdkit import DataStructs

from domains.smiles.chem.molecule import parse
from domains.smiles.chem.scores import FloatArray, fingerprint
from domains.smiles.chem.syntax import Problem


def tanimoto(a: Sequence[str], b: Sequence[str]) -> FloatArray:
    """Tanimoto similarity (Morgan radius 2, 2,048 bits) of `a[i]` and `b[i]`, `(n,)`, 0 to 1.

    NaN where either is no molecule. A text that comes again is read once.

    Raises:
        ValueError: for lists of different lengths.
    """
    if len(a) != len(b):
        raise ValueError(f"similarity compares item by item, not {len(a)} with {len(b)}")
    known: dict[str, Any] = {}
    for text in {*a, *b}:
        mol = parse(text)
        known[text] = None if isinstance(mol, Problem) else fingerprint(mol)
    pairs = [(known[first], known[second]) for first, second in zip(a, b, strict=True)]
    return np.array(
        [
            np.nan if x is None or y is None else DataStructs.TanimotoSimilarity(x, y)
            for x, y in pairs
        ],
        dtype=np.float64,
    )
