"""The single numbers of an evaluation: reconstruction, random validity, walks, the round trip.

Shares and means are `Estimate`s: floats that carry their 95% confidence interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tvae_core.data.batches import pad_rows
from tvae_core.domain import Known
from tvae_core.evaluation.intervals import NONE, Estimate, mean_of, share_of
from tvae_core.space.space import LatentSpace

RESAMPLES = 200


def cycle_r2(codes: Tensor, returned: Tensor) -> Estimate:
    """Share of the codes' variance that survives decode -> encode, 0..1.

    Squared correlation of each dimension of `codes` with itself after the round trip, weighted by
    the dimension's variance: what a linear reader could recover of the code. The interval is the
    percentile bootstrap over items (Efron and Tibshirani 1993, chapter 13).

    Args:
        codes: `(n, n_latent, latent_size)`.
        returned: the same shape.
    """
    a, b = codes.flatten(1).double(), returned.flatten(1).double()
    n = len(a)
    if n < 2:
        return NONE
    a, b = a - a.mean(0), b - b.mean(0)
    drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), RESAMPLES)
    weights = torch.cat((torch.ones(1, n), torch.from_numpy(drawn))).double() / n
    mean_a, mean_b = weights @ a, weights @ b
    shared = (weights @ (a * b) - mean_a * mean_b).square()
    own = (weights @ a.square() - mean_a.square()).clamp(min=0)
    other = (weights @ b.square() - mean_b.square()).clamp(min=1e-12)
    found = (shared / other).sum(1) / own.sum(1).clamp(min=1e-12)
    low, high = np.quantile(found[1:].numpy(), (0.025, 0.975))
    return Estimate(float(found[0]), float(low), float(high))


@torch.inference_mode()
def teacher_forced_accuracy(
    space: LatentSpace, texts: Sequence[str], batch_size: int = 256
) -> float:
    """Share of tokens predicted right from the code and the true tokens before them."""
    rows = space.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    rows.sort(key=len)
    right = total = 0.0
    for start in range(0, len(rows), batch_size):
        part = rows[start : start + batch_size]
        ids = pad_rows([torch.tensor(r) for r in part]).to(space.model.device)
        tokens = float(sum(len(r) + 1 for r in part))
        accuracy = space.model(input_ids=ids).token_accuracy
        right, total = right + float(accuracy) * tokens, total + tokens
    return right / total if total else math.nan


def reconstruction(
    space: LatentSpace, wanted: Sequence[str | None], decoded: Sequence[str]
) -> Estimate:
    """Share of the decoded texts whose canonical form is the wanted one."""
    found = [v.canonical for v in space.domain.check(decoded)]
    return share_of([a is not None and a == b for a, b in zip(wanted, found, strict=True)])


def random_metrics(
    texts: Sequence[str], space: LatentSpace, known: Known | None
) -> dict[str, float]:
    """Validity of random samples, distinct share of the valid, novel share of the distinct."""
    good = [v.canonical for v in space.domain.check(texts) if v.ok and v.canonical is not None]
    out: dict[str, float] = {
        "prior_valid": share_of([1] * len(good) + [0] * (len(texts) - len(good))),
        "prior_unique": len(set(good)) / len(good) if good else math.nan,
    }
    if known is not None and good:
        out["prior_novel"] = share_of([not hit for hit in known(sorted(set(good)))])
    return out


def interpolation_metrics(space: LatentSpace, paths: Sequence[Sequence[str]]) -> dict[str, float]:
    """Validity of the points between, copies of the two ends excluded, and distinct items a path.

    Args:
        space: gives the domain's check.
        paths: decoded texts of each path, both ends included.
    """
    flat = [text for path in paths for text in path]
    verdicts = iter(space.domain.check(flat))
    valid, counted, distinct = [], [], []
    for path in paths:
        found = [next(verdicts) for _ in path]
        ends = {found[0].canonical, found[-1].canonical}
        between = [v for v in found[1:-1] if not v.ok or v.canonical not in ends]
        valid.append(sum(v.ok for v in between))
        counted.append(len(between))
        distinct.append(len({v.canonical for v in found if v.ok}))
    return {
        "interpolation_valid": share_of(valid, counted),
        "interpolation_distinct": mean_of(distinct),
    }


def encode_some(space: LatentSpace, texts: Sequence[str]) -> tuple[list[int], Tensor]:
    """The positions of the texts that the model takes, and their codes."""
    fit = fitting(space, texts)
    return fit, space.encode([texts[i] for i in fit])


def fitting(space: LatentSpace, texts: Sequence[str]) -> list[int]:
    """Positions of the texts that are neither empty nor too long for the model."""
    limit = space.model.config.max_length
    rows = space.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return [i for i, row in enumerate(rows) if 0 < len(row) <= limit]
