"""The whole MOSES protocol on a list of samples: `score_samples(texts, reference)`.

Metrics and their order of work follow `moses.get_all_metrics` of molsets 0.3.1: unique@k among the
first k valid samples, everything else over all valid samples, repeats included, but for novelty.
Repeats are computed once and counted as often as they occur.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from domains.smiles.benchmark.moses import metrics
from domains.smiles.benchmark.moses.chemnet import (
    activations,
    frechet_distance,
    load_chemnet,
    moments,
)
from domains.smiles.benchmark.moses.molecules import PROPERTIES, Features, canonical_forms, features
from domains.smiles.benchmark.moses.reference import Reference
from tvae_core.support.workers import CHEAP, Progress, Workers

Stage = Callable[[str], Progress | None]
"""Gives the progress callback of a stage that begins."""

_SUFFIX = {"test": "test", "test_scaffolds": "testsf"}


@dataclass(frozen=True)
class Valid:
    """The valid samples: in order, the distinct ones, and how often each of these occurs."""

    smiles: list[str]
    distinct: list[str]
    weights: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]

    @classmethod
    def of(cls, smiles: list[str]) -> Valid:
        """Finds the distinct ones, in the order of their first occurrence."""
        place = {text: index for index, text in enumerate(dict.fromkeys(smiles))}
        rows = np.array([place[text] for text in smiles], np.int64)
        return cls(smiles, list(place), np.bincount(rows, minlength=len(place)), rows)


def score_samples(
    texts: Sequence[str],
    reference: Reference,
    jobs: int = 1,
    device: str | torch.device = "cpu",
    stage: Stage | None = None,
) -> dict[str, float]:
    """All metrics of the protocol.

    Args:
        texts: raw samples, one SMILES or something else each.
        reference: statistics of the test sets.
        jobs: processes for what is done molecule by molecule.
        device: where ChemNet and the products of fingerprints run.
        stage: called with the name of each stage, for progress.

    Returns:
        A number for each metric; NaN where there are too few valid samples.

    Raises:
        ValueError: there are no samples.
        CommandError: ChemNet's weights are not installed.
    """
    if not texts:
        raise ValueError("there are no samples to score")
    begin = stage or (lambda name: None)
    model = load_chemnet(device=device)
    with Workers(jobs) as workers:
        forms = workers.map(
            canonical_forms, texts, chunk=500, pays_from=CHEAP, progress=begin("valid")
        )
        valid = Valid.of([form for form in forms if form is not None])
        found = workers.map(
            functools.partial(features, filters=reference.filters),
            valid.distinct,
            chunk=100,
            progress=begin("fragments, scaffolds, filters, properties"),
        )
    result = {
        "valid": len(valid.smiles) / len(texts),
        "unique_1k": metrics.fraction_unique(valid.smiles, 1000),
        "unique_10k": metrics.fraction_unique(valid.smiles, 10_000),
        "novelty": metrics.novelty(valid.distinct, reference.known(valid.distinct)),
    }
    rows = activations(valid.distinct, model, progress=begin("ChemNet"))
    result |= _frechet(rows[valid.rows], reference)
    result |= _compared(valid, found, reference, device, begin)
    result["n_valid"] = float(len(valid.smiles))
    return {name: result.get(name, math.nan) for name in NAMES}


def _frechet(rows: npt.NDArray[np.float32], reference: Reference) -> dict[str, float]:
    result = {}
    enough = len(rows) >= 2
    own = moments(rows) if enough else None
    for name, suffix in _SUFFIX.items():
        other = getattr(reference, name)
        result[f"fcd_{suffix}"] = (
            frechet_distance(*own, other.mean, other.covariance) if own else math.nan
        )
    return result


def _compared(
    valid: Valid,
    found: Sequence[Features | None],
    reference: Reference,
    device: str | torch.device,
    begin: Stage,
) -> dict[str, float]:
    """Everything that rests on the features of the molecules."""
    # A canonical SMILES that RDKit does not read back is left out, as if it were not there.
    kept = [index for index, item in enumerate(found) if item is not None]
    items = [item for item in found if item is not None]
    weights = valid.weights[kept]
    if not items:
        return {}
    packed = np.frombuffer(b"".join(item.fingerprint for item in items), np.uint8)
    packed = packed.reshape(len(items), -1)
    fragments = metrics.weighted_counts([item.fragments for item in items], weights.tolist())
    scaffolds = metrics.weighted_counts(
        [(item.scaffold,) if item.scaffold else () for item in items], weights.tolist()
    )
    result: dict[str, float] = {}
    for name, suffix in _SUFFIX.items():
        other = getattr(reference, name)
        near = metrics.nearest_similarity(
            packed, other.fingerprints, device, begin(f"similarity to {name}")
        )
        result[f"snn_{suffix}"] = float(np.average(near, weights=weights))
        result[f"frag_{suffix}"] = metrics.cosine(fragments, other.fragments)
        result[f"scaf_{suffix}"] = metrics.cosine(scaffolds, other.scaffolds)
    result["intdiv"], result["intdiv2"] = metrics.internal_diversity(
        packed, weights, device, begin("diversity")
    )
    result["filters"] = float(np.average([item.passes for item in items], weights=weights))
    values = np.repeat(np.array([item.properties for item in items]), weights, axis=0)
    for column, name in enumerate(PROPERTIES):
        result[f"w1_{name}"] = metrics.wasserstein(
            values[:, column], reference.test.properties[name]
        )
    return result


NAMES = (
    "valid",
    "unique_1k",
    "unique_10k",
    "novelty",
    *(
        f"{kind}_{suffix}"
        for kind in ("fcd", "snn", "frag", "scaf")
        for suffix in ("test", "testsf")
    ),
    "intdiv",
    "intdiv2",
    "filters",
    *(f"w1_{name}" for name in PROPERTIES),
    "n_valid",
)
"""The metrics in the order in which they are shown."""
