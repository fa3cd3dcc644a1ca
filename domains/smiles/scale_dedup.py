"""Which molecules of a long run have been seen before, in a few bytes a molecule.

    seen = SeenKeys()
    fresh = seen.add(text_hashes(["CCO", "CCC", "CCO"]))      # array([True, True, False])

A molecule is its 64-bit hash. Two of n distinct molecules share one with probability n^2 / 2^65
(the birthday bound): 3e-8 for a million, 3e-4 for a hundred million, and then one molecule is left
out; none is ever let through twice.

The hashes lie in sorted runs whose lengths at least halve from one to the next (the logarithmic
method: Bentley and Saxe, J. Algorithms 1, 301 (1980)): 8 bytes a molecule, twice that while two
runs are merged, n log n work in all.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]


class SeenKeys:
    """A growing set of 64-bit keys."""

    def __init__(self) -> None:
        self._runs: list[Keys] = []

    def __len__(self) -> int:
        return sum(len(run) for run in self._runs)

    @property
    def nbytes(self) -> int:
        """Bytes that the keys take."""
        return sum(run.nbytes for run in self._runs)

    def add(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Adds keys `(n,)`; True `(n,)` where one comes for the first time, also within `keys`."""
        fresh = np.zeros(len(keys), dtype=np.bool_)
        distinct, first = np.unique(keys, return_index=True)
        known = np.zeros(len(distinct), dtype=np.bool_)
        for run in self._runs:
            place = np.minimum(np.searchsorted(run, distinct), len(run) - 1)
            known |= run[place] == distinct
        fresh[first[~known]] = True
        self._push(distinct[~known])
        return fresh

    def _push(self, run: Keys) -> None:
        if not len(run):
            return
        self._runs.append(run)
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            merged = np.concatenate((self._runs.pop(), self._runs.pop()))
            merged.sort(kind="stable")
            self._runs.append(merged)
