"""The file of a bundle's topics: for each label, mean and spread of its headlines' codes.

`topics.safetensors` has `means` and `scales`, each `(labels, n_latent, latent_size)`;
`topics.json` the labels, how many headlines each is made of, and the hashes of the tensors and of
the weights that the codes belong to. `domains.headlines.topics` makes them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from tvae_core.support.files import json_text, sha256_file, write_whole
from tvae_core.support.random_rows import normal_rows
from tvae_core.support.words import unknown_name

TENSORS, ABOUT = "topics.safetensors", "topics.json"
FORMAT_VERSION = 1
CODE_STREAM = 21


@dataclass(frozen=True)
class Topics:
    """Labels with the Gaussians of their codes.

    Attributes:
        labels: in alphabetical order.
        counts: headlines that each was made of.
        means: `(labels, n_latent, latent_size)`.
        scales: standard deviations, of the same shape, all above 0.
    """

    labels: tuple[str, ...]
    counts: tuple[int, ...]
    means: Tensor
    scales: Tensor

    def number(self, label: str) -> int:
        """The row of a label; raises `ValueError` for an unknown one, naming the nearest."""
        if label not in self.labels:
            raise unknown_name("topic", label, self.labels)
        return self.labels.index(label)

    def draw(self, label: str, n: int, seed: int = 0, first_row: int = 0) -> Tensor:
        """Codes `first_row ...` of a label's endless table, `(n, n_latent, latent_size)`."""
        row = self.number(label)
        shape = tuple(self.means.shape[1:])
        noise = normal_rows(first_row, first_row + n, shape, seed, stream=CODE_STREAM)
        return self.means[row] + self.scales[row] * noise

    def direction(self, start: str, end: str) -> Tensor:
        """From one label's mean to another's, `(n_latent, latent_size)`."""
        return self.means[self.number(end)] - self.means[self.number(start)]

    def nearest(self, codes: Tensor) -> list[str]:
        """The likeliest label of each code, all labels being as frequent.

        One diagonal covariance serves all labels: linear discriminant analysis.

        Args:
            codes: `(n, n_latent, latent_size)`.
        """
        if not len(codes):
            return []
        shares = torch.tensor(self.counts, dtype=torch.float32) / sum(self.counts)
        pooled = (shares[:, None] * self.scales.flatten(1).square()).sum(0).sqrt()
        places = torch.cdist(codes.flatten(1).float() / pooled, self.means.flatten(1) / pooled)
        return [self.labels[row] for row in places.argmin(1).tolist()]

    def save(self, folder: str | Path, weights: str) -> None:
        """Writes both files, each whole or not at all; raises `OutputError`.

        Args:
            folder: of the bundle.
            weights: the bundle's hash.
        """
        target = Path(folder)
        tensors = {"means": self.means.contiguous(), "scales": self.scales.contiguous()}
        write_whole(target / TENSORS, save(tensors))
        about = {
            "format_version": FORMAT_VERSION,
            "bundle": weights,
            "sha256": sha256_file(target / TENSORS),
            "labels": list(self.labels),
            "counts": list(self.counts),
        }
        write_whole(target / ABOUT, json_text(about))

    @classmethod
    def load(cls, folder: str | Path, weights: str | None = None) -> Topics | None:
        """Reads the topics of a bundle; None if it has none.

        Args:
            folder: of the bundle.
            weights: its hash, which the file must name; None accepts any.

        Raises:
            ValueError: a file is missing, damaged, or made for another bundle.
        """
        path = Path(folder) / ABOUT
        if not path.exists():
            return None
        labels, counts = _read_about(path, weights)
        tensors = path.with_name(TENSORS)
        try:
            found = load_file(tensors)
        except (OSError, SafetensorError) as error:
            raise ValueError(f"{tensors} cannot be read: {str(error).splitlines()[0]}") from None
        means, scales = found.get("means"), found.get("scales")
        if means is None or scales is None or set(found) != {"means", "scales"}:
            raise ValueError(f"{tensors} does not hold means and scales")
        if means.ndim != 3 or means.shape != scales.shape or len(means) != len(labels):
            raise ValueError(f"{tensors}: its shapes do not fit {len(labels)} labels")
        means, scales = means.float(), scales.float()
        if not bool(
            torch.isfinite(means).all() & torch.isfinite(scales).all() & (scales > 0).all()
        ):
            raise ValueError(f"{tensors} has numbers that are not finite, or scales not above 0")
        return cls(labels, counts, means, scales)


def _read_about(path: Path, weights: str | None) -> tuple[tuple[str, ...], tuple[int, ...]]:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise ValueError(f"{path} is not readable JSON") from None
    if not isinstance(about, dict) or about.get("format_version") != FORMAT_VERSION:
        raise ValueError(f"{path} is not a list of topics of version {FORMAT_VERSION}")
    labels, counts = about.get("labels"), about.get("counts")
    if not _strings(labels) or not _whole(counts) or len(labels) != len(counts):
        raise ValueError(f"{path} does not name labels, each once, with a count for each")
    if weights is not None and about.get("bundle") != weights:
        raise ValueError(
            f"{path} was made for the weights {about.get('bundle')}, not {weights}: "
            "make it again with python -m domains.headlines.topics"
        )
    tensors = path.with_name(TENSORS)
    if not tensors.is_file() or sha256_file(tensors) != about.get("sha256"):
        raise ValueError(f"{tensors} is missing or damaged: its sha256 is not that of {path.name}")
    return tuple(labels), tuple(counts)


def _strings(found: Any) -> TypeGuard[list[str]]:
    """Whether these are texts, none empty, each once."""
    if not isinstance(found, list) or not found or not all(isinstance(v, str) for v in found):
        return False
    return len(set(found)) == len(found) and all(found)


def _whole(found: Any) -> TypeGuard[list[int]]:
    """Whether these are whole numbers above 0 that a file of headlines can have."""
    return isinstance(found, list) and all(type(v) is int and 0 < v < 2**40 for v in found)
