"""What codes say: whether near codes are like items, and whether facts can be read from them.

And what follows for a user: how good the analogues of an item are, and the middle of a walk.

Distances and probes are of the coarse code where a model has coarse tokens, else of the whole code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from tvae_core.domain import FloatArray
from tvae_core.evaluation.intervals import share_of
from tvae_core.evaluation.walks import Walks
from tvae_core.model.mmd import squared_distances
from tvae_core.space.analogues import draw_analogues
from tvae_core.space.similarity import Similarity
from tvae_core.space.space import LatentSpace

MOST_ITEMS = 1_000
"""Items compared with each other; of domains that compare tokens, `FEW_ITEMS`."""
FEW_ITEMS = 300
RIDGE = 1.0
"""Penalty of the probes, on codes of unit variance."""
FEWEST = 20
CHUNK = 50_000
LIKE = 0.4
"""Similarity from which two items are analogues."""
DRAWS = 5
"""Analogues drawn of each item."""


def coarse_part(codes: Tensor, n_coarse: int) -> Tensor:
    """The numbers of codes `(n, n_latent, latent_size)` that mean likeness, `(n, k)`."""
    return (codes[:, :n_coarse] if n_coarse else codes).flatten(1).float()


def likeness(
    codes: Tensor,
    texts: Sequence[str],
    alike: Similarity,
    stage: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, float]:
    """How distances of codes go with similarities of their items.

    Args:
        codes: `(n, k)`, see `coarse_part`.
        texts: valid ones, as many.
        alike: similarity, item by item.
        stage: called as `stage(done, total)`, in pairs.

    Returns:
        `likeness`: Spearman's correlation of nearness and similarity over all pairs.
        `nearest_likeness`: mean similarity of an item to that of the nearest code, 0 where it is a
        random pair's and 1 where it is the most alike item's. And the three similarities that this
        is made of: `similarity_random`, `similarity_nearest_code`, `similarity_nearest_item`.
        Empty for fewer than three items.
    """
    n = len(texts)
    if n < 3:
        return {}
    rows, columns = np.triu_indices(n, 1)
    values = np.zeros(len(rows))
    for start in range(0, len(rows), CHUNK):
        part = slice(start, start + CHUNK)
        values[part] = alike([texts[i] for i in rows[part]], [texts[i] for i in columns[part]])
        stage(min(start + CHUNK, len(rows)), len(rows))
    similarity = np.full((n, n), -np.inf)
    similarity[rows, columns] = similarity[columns, rows] = np.nan_to_num(values, nan=0.0)
    distances = squared_distances(codes, codes).double().numpy()
    np.fill_diagonal(distances, np.inf)
    near = similarity[np.arange(n), distances.argmin(1)].mean()
    best, random = similarity.max(1).mean(), similarity[rows, columns].mean()
    return {
        "likeness": spearman(-distances[rows, columns], similarity[rows, columns]),
        "nearest_likeness": float((near - random) / max(best - random, 1e-12)),
        "similarity_random": float(random),
        "similarity_nearest_code": float(near),
        "similarity_nearest_item": float(best),
    }


def spearman(a: FloatArray, b: FloatArray) -> float:
    """Spearman's rank correlation of two lists of numbers, ties with their mean rank; 0 if flat."""
    first, second = _ranks(a), _ranks(b)
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / scale if scale else 0.0


def _ranks(values: FloatArray) -> FloatArray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place])


def probes(codes: Tensor, scores: dict[str, FloatArray]) -> dict[str, float]:
    """How well each score can be read from codes: R2 of a ridge regression, both halves in turn.

    Args:
        codes: `(n, k)`.
        scores: by name, `(n,)`; items without one are left out.

    Returns:
        `probe_r2_NAME` of every score that differs between items and that `FEWEST` have.
    """
    found = {}
    rows = codes.double().numpy()
    for name, values in scores.items():
        there = np.isfinite(values)
        if there.sum() < FEWEST or np.ptp(values[there]) == 0:
            continue
        x, y = rows[there], np.asarray(values[there], dtype=np.float64)
        half = np.arange(len(y)) % 2 == 0
        off, spread = 0.0, 0.0
        for part in (half, ~half):
            off += float(((y[~part] - _ridge(x[part], y[part], x[~part])) ** 2).sum())
            spread += float(((y[~part] - y[part].mean()) ** 2).sum())
        found[f"probe_r2_{name}"] = 1 - off / max(spread, 1e-300)
    return found


def _ridge(x: FloatArray, y: FloatArray, new: FloatArray) -> FloatArray:
    """Predictions for new rows by ridge regression with an intercept."""
    mean, middle = x.mean(0), y.mean()
    off = x - mean
    weights = np.linalg.solve(off.T @ off + RIDGE * np.eye(x.shape[1]), off.T @ (y - middle))
    return np.asarray((new - mean) @ weights + middle)


def said_by_codes(
    codes: Tensor,
    texts: Sequence[str | None],
    n_coarse: int,
    alike: Similarity,
    scores: Callable[[Sequence[str]], dict[str, FloatArray]],
    most: int = MOST_ITEMS,
) -> dict[str, float]:
    """`likeness` and `probes` of held-out items.

    Args:
        codes: `(n, n_latent, latent_size)`.
        texts: their canonical forms, None where invalid; as many.
        n_coarse: coarse tokens of the model.
        alike: similarity, item by item.
        scores: of texts, by name.
        most: items that are compared.
    """
    places = [i for i, text in enumerate(texts) if text is not None]
    valid = [text for text in texts if text is not None]
    part = coarse_part(codes[torch.tensor(places, dtype=torch.long)], n_coarse)
    found = likeness(part[:most], valid[:most], alike)
    return found | probes(part, scores(valid) if valid else {})


def analogue_rate(
    space: LatentSpace,
    starts: Sequence[str],
    codes: Tensor,
    similarity: Similarity,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, float]:
    """Draws analogues of items, see `tvae_core.space.analogues`.

    Args:
        space: decodes.
        starts: canonical forms of the items.
        codes: their codes, `(n, n_latent, latent_size)`.
        similarity: of canonical forms.
        draws: of each item.
        seed: of the draws.

    Returns:
        Of all draws: `analogue_valid`, `analogue_same` (the item itself) and `analogue_rate`
        (valid, another item, and at a similarity of `LIKE` or more). Empty without items.
    """
    if not starts:
        return {}
    texts = draw_analogues(space, codes, draws, seed=seed)
    verdicts = space.domain.check(texts)
    given = [start for start in starts for _ in range(draws)]
    valid = np.array([verdict.ok for verdict in verdicts])
    forms = [verdict.canonical or "" for verdict in verdicts]
    same = np.array([form == start for form, start in zip(forms, given, strict=True)]) & valid
    others = np.flatnonzero(valid & ~same)
    alike = np.zeros(len(texts), dtype=np.bool_)
    found = similarity([forms[i] for i in others], [given[i] for i in others])
    alike[others] = np.nan_to_num(found) >= LIKE
    shares = {"valid": valid, "same": same, "rate": alike}
    return {
        f"analogue_{name}": share_of(
            flags.reshape(-1, draws).sum(1).tolist(), [draws] * len(starts)
        )
        for name, flags in shares.items()
    }


def joint_similarity(walks: Walks) -> dict[str, float]:
    """How alike the middle of a walk is to the end that it is less like.

    Returns:
        `joint_similarity`, the mean over walks whose middle is valid; empty if there are none.
    """
    if not walks.valid.size:
        return {}
    middle = walks.valid.shape[1] // 2
    farther = np.minimum(walks.to_start[:, middle], walks.to_end[:, middle])
    known = farther[np.isfinite(farther)]
    return {"joint_similarity": float(known.mean())} if len(known) else {}
