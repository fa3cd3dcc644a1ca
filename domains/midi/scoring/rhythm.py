"""Rhythm: metrical weights, syncopation, likeness of bars, beats without a note."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from domains.midi.notation import STEPS_PER_QUARTER, Score, bar_length

_TRIPLET = 8


@lru_cache(maxsize=256)
def metrical_weights(metre: tuple[int, int]) -> tuple[int, ...]:
    """Weight of every step of a bar: 0 on its first, -1 on the strongest of the others, and so on.

    The tree of Longuet-Higgins and Lee: 4/4 is halved down, 3/4 has three quarters, 6/8 two dotted
    ones of three quavers. Below the beat the tree is binary; the steps of a triplet in a binary
    beat weigh what its halves do.
    """
    length, beats = bar_length(metre), metre[0]
    grids, size = [length], length
    if beats > 3 and beats % 3 == 0 and metre[1] >= 8:
        parts = [2, 2, 3] if beats == 12 else [beats // 3, 3]
    else:
        parts = [2, 2] if beats == 4 else [beats]
    for part in parts:
        size //= part
        if size > 0 and size != grids[-1]:
            grids.append(size)
    beat = size
    while size % 2 == 0 and len(grids) < 12:
        size //= 2
        grids.append(size)
    weights = []
    for step in range(length):
        level = next((i for i, grid in enumerate(grids) if step % grid == 0), len(grids))
        half = next((i + 1 for i, grid in enumerate(grids) if grid == beat), len(grids))
        triplet = beat % STEPS_PER_QUARTER == 0 and step % _TRIPLET == 0
        weights.append(-min(level, half) if triplet else -level)
    return tuple(weights)


def syncopation(score: Score) -> float:
    """Syncopation a note, in levels of the metre: 0 where every note falls on its beat.

    A note that lasts (or is followed by rest) over a step stronger than its own counts the
    difference of the two weights (Longuet-Higgins and Lee 1984, Music Perception 1, 424).
    """
    weights = [w for metre in score.metres for w in metrical_weights(metre)]
    found = events = 0
    for voice in score.voices:
        onsets = [event.start for event in voice]
        events += len(onsets)
        for start, end in pairwise([*onsets, len(weights)]):
            if end - start > 1:
                found += max(0, max(weights[start + 1 : end]) - weights[start])
    return found / events


def groove_consistency(score: Score) -> float:
    """Mean likeness of the onsets of neighbouring bars, 0..1; NaN for a single bar.

    1 - (steps where just one of the two bars has an onset) / (steps of a bar), after the grooving
    pattern similarity of Wu and Yang 2020 (arXiv 2008.01307) between neighbours, as MusPy takes it.
    """
    bars = score.bars
    if len(bars) < 2:
        return float("nan")
    onsets: list[set[int]] = [set() for _ in bars]
    number = 0
    for start in sorted({event.start for voice in score.voices for event in voice}):
        while start >= bars[number].start + bars[number].length:
            number += 1
        onsets[number].add(start - bars[number].start)
    differ = [
        len(onsets[i] ^ onsets[i + 1]) / max(a.length, b.length)
        for i, (a, b) in enumerate(pairwise(bars))
    ]
    return 1 - sum(differ) / len(differ)


def empty_beats(score: Score) -> float:
    """Share of the quarters in which no note sounds, 0..1; the empty-beat rate of MusPy."""
    total = -(-score.length // STEPS_PER_QUARTER)
    sounding = {
        beat
        for voice in score.voices
        for event in voice
        for beat in range(
            event.start // STEPS_PER_QUARTER,
            (event.start + event.duration - 1) // STEPS_PER_QUARTER + 1,
        )
    }
    return 1 - len(sounding) / total


def polyphony(score: Score) -> float:
    """Mean number of notes that sound at once, over the steps where any does; 1 for a melody.

    The polyphony of MusPy (Dong et al. 2020, arXiv 2008.01951).
    """
    spans = sorted((e.start, e.start + e.duration) for v in score.voices for e in v)
    covered = end = 0
    for start, stop in spans:
        covered += max(0, stop - max(start, end))
        end = max(end, stop)
    return sum(e.duration * len(e.pitches) for v in score.voices for e in v) / covered
