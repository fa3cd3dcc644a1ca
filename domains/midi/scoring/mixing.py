"""Mixing two tunes in data space, beat by beat: what a walk in latent space is compared with.

MusicVAE's baseline (Roberts et al. 2018, arXiv 1803.05428): every element of the mixture is drawn
from one end or the other. Here the element is a quarter, and a mixture at `t` keeps the quarters
that mixtures before it had from the second tune.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from domains.midi.notation import STEPS_PER_QUARTER, Event, Score, key_shift
from domains.midi.scoring.scores import score_items
from domains.midi.scoring.similarity import score_similarity
from tvae_core.evaluation.intervals import mean_of


def can_mix(a: Score, b: Score) -> bool:
    """Whether two tunes have the same bars and as many voices."""
    return a.metres == b.metres and len(a.voices) == len(b.voices)


def mixed(a: Score, b: Score, shares: Sequence[float], seed: int = 0) -> list[Score]:
    """Mixtures of two tunes, in the key of the first.

    Args:
        a: a tune.
        b: another one of the same bars and as many voices.
        shares: of the quarters that are from `b`, 0..1; for each a mixture.
        seed: of the order in which quarters change.
    """
    size = -(-a.length // STEPS_PER_QUARTER)
    turns = np.random.default_rng(seed).permutation(size)
    shift = key_shift(a.key) - key_shift(b.key)
    found = []
    for share in shares:
        from_b = turns < round(share * size)
        edges = [0, *(np.flatnonzero(np.diff(from_b)) + 1).tolist(), size]
        spans = [
            (bool(from_b[first]), first * STEPS_PER_QUARTER, last * STEPS_PER_QUARTER)
            for first, last in pairwise(edges)
        ]
        voices = []
        for mine, other in zip(a.voices, b.voices, strict=True):
            voice: list[Event] = []
            for second, start, stop in spans:
                voice += _cut(other if second else mine, start, stop, shift if second else 0)
            voices.append(tuple(voice))
        found.append(Score(a.key, a.metres, tuple(voices)))
    return found


def _cut(voice: Sequence[Event], start: int, stop: int, shift: int) -> list[Event]:
    found = []
    for event in voice:
        first, last = max(event.start, start), min(event.start + event.duration, stop)
        if first < last:
            pitches = tuple(pitch + shift for pitch in event.pitches)
            found.append(Event(first, last - first, pitches))
    return found


def walk_numbers(paths: Sequence[Sequence[Score | None]], prefix: str) -> dict[str, float]:
    """How evenly walks between tunes change, and how tonal the tunes between are.

    Args:
        paths: the points of each, both ends included; invalid ones, None, are left out.
        prefix: of the names.

    Returns:
        `_step_distance`: note-edit distance (1 - similarity) of neighbouring points, mean;
        `_worst_distance`: the largest of a path, mean over paths; `_scale_consistency` of the
        points between.
    """
    first, second, sizes = list[Score](), list[Score](), []
    between: list[Score] = []
    for path in paths:
        valid = [point for point in path if point is not None and any(point.voices)]
        first += valid[:-1]
        second += valid[1:]
        sizes.append(max(0, len(valid) - 1))
        between += [point for point in path[1:-1] if point is not None and any(point.voices)]
    steps = np.split(1 - score_similarity(first, second), np.cumsum(sizes)[:-1])
    consistency = score_items(between)["scale_consistency"]
    return {
        f"{prefix}_step_distance": mean_of([s.sum() for s in steps], sizes, most=1),
        f"{prefix}_worst_distance": mean_of([s.max() for s in steps if len(s)], most=1),
        f"{prefix}_scale_consistency": mean_of(consistency[~np.isnan(consistency)], most=1),
    }
