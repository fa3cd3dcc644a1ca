"""What makes items alike, as numbers that a code can have: a domain's features, whitened.

A coarse code that is near N(0, I) cannot have the shape of a similarity kernel, which has few large
directions. It can have the whitened principal components of the features: mean 0, variance 1 and no
correlation, as the prior has, and near where items are alike. Of MOSES' test molecules, by 64
components of Morgan fingerprints, the nearest of 2,000 is .77 of the way from a random one to the
most alike one; by 128 it is .85 (`domains/smiles/RECIPE.md`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

FEATURES = "features"
"""Folder of a prepared set: `SPLIT.npy`, rows of whitened features, and their `FeatureBasis`."""
Floats = npt.NDArray[np.float32]
FILE = "basis.safetensors"


@dataclass(frozen=True)
class FeatureBasis:
    """Turns features into whitened principal components.

    Attributes:
        mean: `(k,)`, of the features it was fitted to.
        components: `(k, size)`, largest first, each divided by its standard deviation.
        share: `(size,)`, of the features' variance that each component has.
    """

    mean: Floats
    components: Floats
    share: Floats

    @classmethod
    def fit(cls, features: npt.ArrayLike, size: int) -> FeatureBasis:
        """The basis of some items' features `(n, k)`; fewer components where fewer have variance.

        Raises:
            ValueError: fewer than two items, or all of them alike.
        """
        rows = np.asarray(features, dtype=np.float64)
        if len(rows) < 2:
            raise ValueError("features of at least two items are needed")
        mean = rows.mean(0)
        off = rows - mean
        values, vectors = np.linalg.eigh(off.T @ off / len(rows))
        values, vectors = values[::-1], vectors[:, ::-1]
        size = min(size, int((values > 1e-6 * max(values[0], 1e-12)).sum()))
        if not size or values[0] <= 0:
            raise ValueError("the features of all items are equal")
        values, vectors = values[:size], vectors[:, :size]
        # a direction of its own, not of the routine that found it
        vectors = vectors * np.where(vectors[np.abs(vectors).argmax(0), range(size)] < 0, -1, 1)
        total = float(off.var(0).sum())
        return cls(
            mean.astype(np.float32),
            (vectors / np.sqrt(values)).astype(np.float32),
            (values / total).astype(np.float32),
        )

    def __call__(self, features: npt.ArrayLike) -> Floats:
        """Whitened components `(n, size)` of features `(n, k)`; 0, the mean, where not a number."""
        rows = np.asarray(features, dtype=np.float32) - self.mean
        whitened: Floats = np.nan_to_num(rows @ self.components, nan=0.0)
        return whitened

    def save(self, path: Path) -> None:
        """Writes the basis as safetensors."""
        from safetensors.numpy import save_file

        save_file(
            {"mean": self.mean, "components": self.components, "share": self.share}, str(path)
        )

    @classmethod
    def load(cls, path: Path) -> FeatureBasis:
        """Reads a basis.

        Raises:
            ValueError: the file is missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            found = load_file(str(path))
            basis = cls(found["mean"], found["components"], found["share"])
        except (OSError, KeyError, SafetensorError) as error:
            raise ValueError(f"{path} is no basis of features: {error}") from None
        if basis.components.shape != (len(basis.mean), len(basis.share)):
            raise ValueError(f"{path} is no basis of features: its shapes do not match")
        return basis
