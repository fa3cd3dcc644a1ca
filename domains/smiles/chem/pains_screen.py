"""Which PAINS patterns a molecule can match at all, by fingerprint: most of the search is saved.

A substructure's pattern fingerprint is a subset of the molecule's (RDKit's `PatternFingerprint`,
the screen that its `SubstructLibrary` relies on), so a pattern with a bit that the molecule lacks
cannot match. What is left is still matched by RDKit's filter catalogue. The patterns are read from
the file that comes with RDKit, `Data/Pains/wehi_pains.csv`, of which that catalogue is made; one
that cannot be found there is always a candidate.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rdkit import Chem, DataStructs, RDConfig

from domains.smiles.chem.molecule import quiet

_FILE = Path(RDConfig.RDDataDir) / "Pains" / "wehi_pains.csv"
_BITS = 1024


def _bits(mol: Chem.Mol) -> npt.NDArray[np.uint8]:
    fingerprint = Chem.PatternFingerprint(mol, fpSize=_BITS)
    return np.frombuffer(DataStructs.BitVectToBinaryText(fingerprint), dtype=np.uint8)


def _patterns() -> dict[str, str]:
    """SMARTS by the PAINS family's name, `catechol_A(92)`; empty if RDKit came without the file."""
    try:
        with _FILE.open(encoding="utf-8", newline="") as lines:
            rows = [row for row in csv.reader(lines) if len(row) == 2]
    except OSError:
        return {}
    named = ((re.fullmatch(r"<regId=(.*)>", label), smarts) for smarts, label in rows)
    return {match.group(1): smarts for match, smarts in named if match}


class PainsScreen:
    """The fingerprints of a catalogue's patterns.

    Args:
        entries: entries of RDKit's PAINS catalogue, in its order.
    """

    def __init__(self, entries: Sequence[Any]) -> None:
        self._entries = list(entries)
        patterns = _patterns()
        self._bits = np.zeros((len(self._entries), _BITS // 8), dtype=np.uint8)
        with quiet():
            for row, entry in enumerate(self._entries):
                query = Chem.MolFromSmarts(patterns.get(entry.GetDescription(), ""))
                if query is not None and query.GetNumAtoms():
                    # the catalogue counts hydrogens on their atoms instead of looking for them
                    self._bits[row] = _bits(Chem.MergeQueryHs(query))

    def candidates(self, mol: Chem.Mol) -> list[Any]:
        """The entries whose pattern the molecule may contain, in the catalogue's order."""
        missing = (self._bits & ~_bits(mol)).any(axis=1)
        return [self._entries[row] for row in np.flatnonzero(~missing)]
