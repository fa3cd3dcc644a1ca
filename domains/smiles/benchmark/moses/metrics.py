"""The metrics of MOSES on arrays and counts, without molecules.

Fingerprints are 0/1 matrices `(n, bits)` or packed `(n, bits / 8)` bytes; products of such
matrices count common bits exactly, in bfloat16 too where no row has more than 256 bits set.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

FloatArray = npt.NDArray[np.float64]
ByteArray = npt.NDArray[np.uint8]
Progress = Callable[[int, int], None]

BLOCK = 4096
"""Rows of fingerprints in one product."""

SAMPLE_BLOCK = 16384
"""Samples held unpacked while the reference passes by; with `BLOCK`, 128 MB of counts."""

_EXACT_BF16 = 256


def fraction_unique(smiles: Sequence[str], k: int) -> float:
    """Distinct ones among the first `k` valid molecules, as a share; NaN if there are none."""
    first = smiles[:k]
    return len(set(first)) / len(first) if first else math.nan


def novelty(smiles: Sequence[str], known: set[str]) -> float:
    """The share of the distinct molecules that are not `known`; NaN if there are none."""
    distinct = set(smiles)
    return len(distinct - known) / len(distinct) if distinct else math.nan


def cosine(a: Mapping[str, int], b: Mapping[str, int]) -> float:
    """The cosine of two vectors of counts; NaN where one of them is empty."""
    if not a or not b:
        return math.nan
    product = sum(count * b[key] for key, count in a.items() if key in b)
    return product / math.sqrt(
        math.fsum(count * count for count in a.values())
        * math.fsum(count * count for count in b.values())
    )


def weighted_counts(parts: Sequence[Sequence[str]], weights: Sequence[int]) -> Counter[str]:
    """How often each part occurs, molecule `i` counted `weights[i]` times."""
    found: Counter[str] = Counter()
    for names, weight in zip(parts, weights, strict=True):
        for name in names:
            found[name] += weight
    return found


def wasserstein(a: FloatArray, b: FloatArray) -> float:
    """The Wasserstein-1 distance of two samples: the area between their distribution functions.

    Values that are NaN are left out; NaN if a sample has no others.
    """
    a, b = np.sort(a[~np.isnan(a)]), np.sort(b[~np.isnan(b)])
    if not len(a) or not len(b):
        return math.nan
    steps = np.sort(np.concatenate([a, b]))
    below_a = np.searchsorted(a, steps[:-1], side="right") / len(a)
    below_b = np.searchsorted(b, steps[:-1], side="right") / len(b)
    return float(np.sum(np.abs(below_a - below_b) * np.diff(steps)))


def _bits(packed: ByteArray, device: torch.device | str, kind: torch.dtype) -> Tensor:
    return torch.from_numpy(np.unpackbits(packed, axis=1)).to(device).to(kind)


def counting_type(device: torch.device | str = "cpu", most_bits: int = 0) -> torch.dtype:
    """The faster of bfloat16 and float32 for counting common bits here."""
    if most_bits > _EXACT_BF16:
        return torch.float32
    taken = {}
    for kind in (torch.float32, torch.bfloat16):
        rows = torch.ones(256, 1024, device=device, dtype=kind)
        float((rows @ rows.T)[0, 0])
        started = time.perf_counter()
        float((rows @ rows.T)[0, 0])
        taken[kind] = time.perf_counter() - started
    return min(taken, key=lambda kind: taken[kind])


def nearest_similarity(
    samples: ByteArray,
    reference: ByteArray,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> FloatArray:
    """The largest Tanimoto similarity of each sample to any reference molecule.

    Among reference molecules with the same number of bits the most similar one is that with the
    most common bits, so a product and a maximum for each such group are all there is to do; groups
    whose size alone keeps them below what has been found are skipped.

    Args:
        samples: packed fingerprints `(n, bytes)`.
        reference: packed fingerprints `(m, bytes)`, m at least 1.
        device: where the products run.
        progress: called with (done, total), in pairs of a sample and a group.

    Returns:
        `(n,)`; two molecules without any bit are alike.
    """
    mine = np.bitwise_count(samples).sum(1, dtype=np.int64)
    theirs = np.bitwise_count(reference).sum(1, dtype=np.int64)
    kind = counting_type(device, int(max(mine.max(initial=0), theirs.max())))
    rows = {int(size): np.flatnonzero(theirs == size) for size in np.unique(theirs)}
    found = np.zeros(len(samples))
    order = np.argsort(mine, kind="stable")
    for start in range(0, len(order), SAMPLE_BLOCK):
        part = order[start : start + SAMPLE_BLOCK]
        bits, sizes = _bits(samples[part], device, kind), mine[part]
        best = np.zeros(len(part))
        middle = float(np.median(sizes))
        for number, size in enumerate(sorted(rows, key=lambda size: abs(size - middle))):
            if progress is not None:
                progress(start * len(rows) + number * len(part), len(order) * len(rows))
            bound = np.minimum(sizes, size) / np.maximum(np.maximum(sizes, size), 1)
            open_rows = np.flatnonzero((best < bound) | (size + sizes == 0))
            if not len(open_rows):
                continue
            some = bits if len(open_rows) == len(part) else bits[torch.from_numpy(open_rows)]
            common = torch.zeros(len(open_rows), device=bits.device)
            for first in range(0, len(rows[size]), BLOCK):
                block = _bits(reference[rows[size][first : first + BLOCK]], device, kind)
                common = torch.maximum(common, (some @ block.T).amax(1).float())
            shared = common.double().cpu().numpy()
            union = sizes[open_rows] + size - shared
            near = np.where(union == 0, 1.0, shared / np.maximum(union, 1))
            best[open_rows] = np.maximum(best[open_rows], near)
        found[part] = best
    if progress is not None:
        progress(len(order) * len(rows), len(order) * len(rows))
    return found


def internal_diversity(
    samples: ByteArray,
    weights: npt.NDArray[np.int64],
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> tuple[float, float]:
    """IntDiv and IntDiv2: one minus the mean similarity of all pairs, a molecule with itself too.

    IntDiv2 takes, for each molecule, the root of the mean squared similarity (MOSES' code; its
    paper takes the root once, of the mean over all pairs).

    Args:
        samples: packed fingerprints of distinct molecules, `(n, bytes)`.
        weights: how often each occurs, `(n,)`.
        device: where the products run.
        progress: called with (done, n).
    """
    if not len(samples):
        return math.nan, math.nan
    sizes = torch.from_numpy(np.bitwise_count(samples).sum(1, dtype=np.int64)).to(device).float()
    kind = counting_type(device, int(sizes.max()))
    share = torch.from_numpy(weights / weights.sum()).to(device).float()
    total = total_squared = 0.0
    for start in range(0, len(samples), BLOCK):
        rows = slice(start, start + BLOCK)
        bits = _bits(samples[rows], device, kind)
        mean = torch.zeros(len(bits), device=device, dtype=torch.float64)
        mean_squared = torch.zeros_like(mean)
        for first in range(0, len(samples), BLOCK):
            columns = slice(first, first + BLOCK)
            common = (bits @ _bits(samples[columns], device, kind).T).float()
            union = sizes[rows, None] + sizes[None, columns] - common
            alike = torch.where(union > 0, common / union.clamp(min=1), 1.0)
            mean += (alike @ share[columns]).double()
            mean_squared += (alike.square_() @ share[columns]).double()
        total += float(mean @ share[rows].double())
        total_squared += float(mean_squared.sqrt() @ share[rows].double())
        if progress is not None:
            progress(min(start + BLOCK, len(samples)), len(samples))
    return 1 - total, 1 - total_squared
