"""How good analogues are: what is drawn around items is other items, valid, and like them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from tvae_core.evaluation.intervals import share_of
from tvae_core.evaluation.walks import Walks
from tvae_core.space.analogues import draw_analogues
from tvae_core.space.similarity import Similarity
from tvae_core.space.space import LatentSpace

LIKE = 0.4
"""Similarity from which two items are analogues."""
DRAWS = 5
"""Analogues drawn of each item."""


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
