"""The published statistics of the MOSES test sets, in a format that is safe to read.

`data_prep.moses_reference` writes them once from the `molsets` wheel into the folder `moses` of
the prepared set; `Reference.load(folder)` reads them. The folder holds

    test.safetensors, test_scaffolds.safetensors   fingerprints (n, 128) packed bits, ChemNet mean
                                                   (512,) and covariance (512, 512), properties (n,)
    test.json, test_scaffolds.json                 how often each fragment and scaffold occurs
    train.parquet                                  the training molecules, as published
    filters.json                                   SMARTS of the medicinal-chemistry filters
    manifest.json                                  source and counts
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from tvae_core.support.errors import FAILED, CommandError
from tvae_core.support.files import json_text

FORMAT_VERSION = 1
FOLDER = "moses"
PROPERTIES = ("logp", "sa", "qed", "weight")
FINGERPRINT_BITS = 1024
ACTIVATIONS = 512
SETS = ("test", "test_scaffolds")

FloatArray = npt.NDArray[np.float64]
ByteArray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Statistics:
    """What the metrics compare samples with.

    Attributes:
        fingerprints: Morgan fingerprints, radius 2, 1,024 bits, packed to `(n, 128)`.
        mean: of ChemNet's activations, `(512,)`.
        covariance: of ChemNet's activations, `(512, 512)`.
        properties: `logp`, `sa`, `qed` and `weight`, each `(n,)`.
        fragments: how often each BRICS fragment occurs.
        scaffolds: how often each Bemis-Murcko scaffold of at least two rings occurs.
    """

    fingerprints: ByteArray
    mean: FloatArray
    covariance: FloatArray
    properties: Mapping[str, FloatArray]
    fragments: Mapping[str, int]
    scaffolds: Mapping[str, int]

    def save(self, folder: Path, name: str) -> None:
        """Writes the two files of a set into a folder."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "fingerprints": self.fingerprints,
            "mean": self.mean,
            "covariance": self.covariance,
            **self.properties,
        }
        plain = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
        save_file(plain, folder / f"{name}.safetensors")
        (folder / f"{name}.safetensors").chmod(0o644)
        counts = {"fragments": dict(self.fragments), "scaffolds": dict(self.scaffolds)}
        (folder / f"{name}.json").write_text(json.dumps(counts), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, name: str) -> Statistics:
        """Reads what `save` wrote; raises `ValueError` if it has another shape."""
        arrays = load_file(folder / f"{name}.safetensors")
        counts = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        found = cls(
            arrays["fingerprints"],
            arrays["mean"],
            arrays["covariance"],
            {key: arrays[key] for key in PROPERTIES},
            counts["fragments"],
            counts["scaffolds"],
        )
        if found.fingerprints.ndim != 2 or found.fingerprints.shape[1] * 8 != FINGERPRINT_BITS:
            raise ValueError(f"fingerprints of shape {found.fingerprints.shape}")
        if found.covariance.shape != (ACTIVATIONS, ACTIVATIONS):
            raise ValueError(f"a covariance of shape {found.covariance.shape}")
        return found


@dataclass(frozen=True)
class Reference:
    """The statistics of both test sets, the training molecules and the filters."""

    test: Statistics
    test_scaffolds: Statistics
    train: pa.ChunkedArray
    filters: tuple[str, ...]

    def known(self, smiles: Sequence[str]) -> set[str]:
        """Those of `smiles` that are training molecules, compared as strings."""
        if not smiles:
            return set()
        hits = pc.is_in(self.train, value_set=pa.array(list(smiles), pa.string()))
        return set(self.train.filter(hits).to_pylist())

    def save(self, folder: Path, source: Mapping[str, object]) -> None:
        """Writes all files into an existing folder, the manifest last."""
        self.test.save(folder, "test")
        self.test_scaffolds.save(folder, "test_scaffolds")
        pq.write_table(
            pa.table({"smiles": self.train}), folder / "train.parquet", compression="zstd"
        )
        (folder / "filters.json").write_text(json_text(list(self.filters)), encoding="utf-8")
        counts = {
            "train": len(self.train),
            "test": len(self.test.fingerprints),
            "test_scaffolds": len(self.test_scaffolds.fingerprints),
            "filters": len(self.filters),
        }
        manifest = {"format_version": FORMAT_VERSION, "counts": counts, **source}
        (folder / "manifest.json").write_text(json_text(manifest), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Reference:
        """Reads the folder that `save` filled.

        Raises:
            CommandError: there is none, or it is damaged; with the command that writes it.
        """
        prepared = folder.parent
        if (prepared / "manifest.json").is_file():
            remedy = f"run: python -m data_prep.moses_reference --out {prepared}"
        else:
            remedy = f"run: python -m data_prep.smiles --out {prepared}"
        if not (folder / "manifest.json").is_file():
            raise CommandError(f"no MOSES reference statistics in {folder}; {remedy}", FAILED)
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            if manifest["format_version"] != FORMAT_VERSION:
                raise ValueError(f"format version {manifest['format_version']!r}")
            filters = json.loads((folder / "filters.json").read_text(encoding="utf-8"))
            train = pq.read_table(folder / "train.parquet")["smiles"]
            test, scaffolds = (Statistics.load(folder, name) for name in SETS)
            found = cls(test, scaffolds, train, tuple(filters))
            sizes = [len(train), len(test.fingerprints), len(scaffolds.fingerprints), len(filters)]
            if sizes != list(manifest["counts"].values()):
                raise ValueError("other counts than its manifest's")
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            reason = " ".join(str(error).split())
            raise CommandError(f"{folder} is damaged ({reason}); {remedy}", FAILED) from None
        return found
