"""What `evaluate` measures of tunes besides what it measures in every domain.

Notes and steps that reconstructions keep (`accuracy`), distributions of the scores of samples
beside those of held-out tunes (`overlap`), walks in latent space beside mixtures in data space
(`mixing`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from domains.midi.notation import Score
from domains.midi.scoring.accuracy import kept_shares, teacher_forced_notes, token_accuracy_free
from domains.midi.scoring.mixing import can_mix, mixed, walk_numbers
from domains.midi.scoring.overlap import overlaps
from domains.midi.scoring.scores import score_items
from domains.midi.scoring.similarity import score_or_none
from tvae_core.evaluation.evaluate import PATH_STEPS, Plan
from tvae_core.space import LatentSpace
from tvae_core.space.paths import path


def measure(space: LatentSpace, texts: Sequence[str], plan: Plan) -> dict[str, float]:
    """The numbers of the modules above, of held-out tunes.

    Args:
        space: what is measured.
        texts: valid held-out tunes that the model takes, in random order.
        plan: how much is measured; only ends of equal bars and voices are mixed (`mixing_pairs`).
    """
    read = [score_or_none(text) for text in texts]
    held = [(text, score) for text, score in zip(texts, read, strict=True) if score is not None]
    texts, scores = [text for text, _ in held], [score for _, score in held]
    if not scores:
        return {}
    plan.stage("notes", 0, 3)
    decoded = space.reconstruct(texts)
    found: dict[str, float] = {
        "note_accuracy_teacher_forced": teacher_forced_notes(space, texts),
        "token_accuracy_free": token_accuracy_free(space, texts, decoded),
        **kept_shares(scores, [score_or_none(text) for text in decoded]),
    }
    plan.stage("distributions", 1, 3)
    sampled = space.sample(plan.n_samples, plan.seed, plan.prior).texts
    made = [score for score in map(score_or_none, sampled) if score is not None]
    if made:
        found |= overlaps(score_items(made), score_items(scores))
    plan.stage("walks", 2, 3)
    found |= _walks(space, texts[: 2 * plan.n_paths], scores[: 2 * plan.n_paths], plan.seed)
    plan.stage("done", 3, 3)
    return found


def _walks(
    space: LatentSpace, texts: Sequence[str], scores: Sequence[Score], seed: int
) -> dict[str, float]:
    half = len(texts) // 2
    pairs = [i for i in range(half) if can_mix(scores[i], scores[half + i])]
    if not pairs:
        return {"mixing_pairs": 0.0}
    codes = space.encode([texts[i] for i in pairs] + [texts[half + i] for i in pairs])
    ends = zip(codes[: len(pairs)], codes[len(pairs) :], strict=True)
    paths = torch.stack([path(a, b, PATH_STEPS, "slerp") for a, b in ends])
    follow, settings = space.follow(paths)
    decoded = [
        score_or_none(text)
        for text in space.rebuild(follow.flatten(0, 1), settings.repeat(len(pairs)))
    ]
    walked = [decoded[i : i + PATH_STEPS] for i in range(0, len(decoded), PATH_STEPS)]
    shares = np.linspace(0, 1, PATH_STEPS).tolist()
    mixes = [mixed(scores[i], scores[half + i], shares, seed + i) for i in pairs]
    return {
        **walk_numbers(walked, "interpolation"),
        **walk_numbers(mixes, "mixing"),
        "mixing_pairs": float(len(pairs)),
    }
