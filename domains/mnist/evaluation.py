"""What `evaluate` measures of digits besides what it measures in every domain.

The classifier that reads the labels (`classifier`) was trained apart from any model and sees pixels
only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from domains.mnist.pictures.text import text_to_array
from domains.mnist.scores import score_all
from tvae_core.domain import DomainError
from tvae_core.evaluation.evaluate import Plan
from tvae_core.space import LatentSpace

CONFIDENT = 0.9
"""The probability from which the classifier is taken to be sure of its label."""


def measure(space: LatentSpace, texts: Sequence[str], plan: Plan) -> dict[str, float]:
    """Labels kept, pixels kept, and samples that look like a digit.

    Args:
        space: what is measured.
        texts: valid held-out digits that the model takes.
        plan: how many samples, their prior and seed.

    Returns:
        `label_kept`: share of held-out digits in whose reconstruction the classifier reads the
        label that it reads in the original; what is no image keeps none. `pixels_kept`: share of
        equal pixels, of reconstructions that are images. `samples_confident`: share of valid
        samples with a label of at least `CONFIDENT`. `labels_drawn`: distinct labels among those.
    """
    plan.stage("labels", 0, 2)
    decoded = space.reconstruct(texts)
    before, after = score_all(texts)["digit"], score_all(decoded)["digit"]
    found = {"label_kept": float(np.mean(before == after))}
    pixels = [share for share in map(_equal_pixels, texts, decoded) if share is not None]
    if pixels:
        found["pixels_kept"] = float(np.mean(pixels))
    plan.stage("samples", 1, 2)
    scores = score_all(space.sample(plan.n_samples, plan.seed, plan.prior).texts)
    images = np.isfinite(scores["digit"])
    if images.any():
        sure = scores["digit_confidence"][images] >= CONFIDENT
        found["samples_confident"] = float(sure.mean())
        found["labels_drawn"] = float(len(np.unique(scores["digit"][images][sure])))
    plan.stage("done", 2, 2)
    return found


def _equal_pixels(text: str, other: str) -> float | None:
    try:
        a, b = text_to_array(text), text_to_array(other)
    except DomainError:
        return None
    return float((a == b).mean()) if a.shape == b.shape else None
