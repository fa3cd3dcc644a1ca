"""Scores of tunes: range, tonality, rhythm, form; a number a text, NaN where a text is no tune.

Most are those by which generated music is compared with real music: MusPy (Dong et al. 2020, arXiv
2008.01951), MGEval (Yang and Lerch 2020, Neural Computing and Applications 32, 4773), and what
`tonality` and `rhythm` cite. All but `key`, `mean_pitch` and `in_key` are the same in every key.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from domains.midi.notation import STEPS_PER_QUARTER, Score
from domains.midi.scoring import rhythm, tonality
from domains.midi.scoring.similarity import score_or_none
from tvae_core.domain import FloatArray

SCORES = {
    "bars": "number of bars",
    "notes": "number of notes, each note of a chord counted",
    "pitch_range": "semitones from the lowest to the highest note",
    "pitch_entropy": "Shannon entropy of the pitch classes in bits, 0 to 3.585",
    "scale_consistency": "largest share of the notes that one diatonic scale holds, 0 to 1",
    "in_key": "share of the notes in the scale of the key signature, 0 to 1",
    "key_clarity": "correlation with the profile of the nearest of 24 keys (Krumhansl-Schmuckler)",
    "groove_consistency": "likeness of the onsets of neighbouring bars, 0 to 1",
    "empty_beats": "share of the quarters in which nothing sounds, 0 to 1",
    "density": "notes a quarter",
    "repetition": "share of the runs of three notes that came before, in any key, 0 to 1",
    "syncopation": "levels of the metre by which a note is off its beat (Longuet-Higgins-Lee)",
    "contour": "correlation of pitch and time: -1 falling to 1 rising",
    "mean_pitch": "mean MIDI number of the notes, middle C is 60",
    "polyphony": "notes that sound at once, where any does, mean",
    "voices": "number of voices",
    "key": "key signature, -7 (seven flats) to 7 (seven sharps)",
    "minor": "correlation with the nearest minor key less that with the nearest major one",
}
"""Name of each score and what it says."""

RUN = 3
"""Notes of the runs that `repetition` counts."""


def score_all(texts: Sequence[str]) -> dict[str, FloatArray]:
    """Every score, `(len(texts),)`; NaN for what is no tune, and where a score has no meaning."""
    return score_items([score_or_none(text) for text in texts])


def score_items(items: Sequence[Score | None]) -> dict[str, FloatArray]:
    """Every score of items, `(len(items),)`; NaN for None."""
    out = {name: np.full(len(items), np.nan) for name in SCORES}
    held = [(index, item) for index, item in enumerate(items) if item is not None]
    if not held:
        return out
    rows, scores = [index for index, _ in held], [item for _, item in held]
    alone = np.array([_alone(score) for score in scores])
    for name, values in zip(_ALONE, alone.T, strict=True):
        out[name][rows] = values
    counts, lengths = np.zeros((len(scores), 12)), np.zeros((len(scores), 12))
    for row, score in enumerate(scores):
        for _, duration, pitch in score.notes:
            counts[row, pitch % 12] += 1
            lengths[row, pitch % 12] += duration
    correlations = tonality.key_correlations(lengths)
    major, minor = correlations[:, :12].max(axis=1), correlations[:, 12:].max(axis=1)
    for name, values in (
        ("pitch_entropy", tonality.entropy(counts)),
        ("scale_consistency", tonality.scale_consistency(counts)),
        ("in_key", tonality.in_key(counts, [score.key for score in scores])),
        ("key_clarity", np.maximum(major, minor)),
        ("minor", minor - major),
    ):
        out[name][rows] = values
    return out


_ALONE = (
    *("bars", "notes", "pitch_range", "groove_consistency", "empty_beats", "density"),
    *("repetition", "syncopation", "contour", "mean_pitch", "polyphony", "voices", "key"),
)


def _alone(score: Score) -> tuple[float, ...]:
    """The scores of `_ALONE` of one tune."""
    notes = score.notes
    pitches = [pitch for _, _, pitch in notes]
    return (
        len(score.metres),
        len(notes),
        max(pitches) - min(pitches),
        rhythm.groove_consistency(score),
        rhythm.empty_beats(score),
        len(notes) * STEPS_PER_QUARTER / score.length,
        repetition(score),
        rhythm.syncopation(score),
        contour(score),
        sum(pitches) / len(pitches),
        rhythm.polyphony(score),
        len(score.voices),
        score.key,
    )


def repetition(score: Score) -> float:
    """1 - distinct / all runs of three notes of a voice, 0..1; NaN for voices of fewer notes.

    A run is two steps: the interval between the highest notes in semitones, and the time between
    the onsets. The counterpart of distinct-n (Li et al. 2016, arXiv 1510.03055).
    """
    total, seen = 0, set()
    for voice in score.voices:
        steps = [(b.pitches[-1] - a.pitches[-1], b.start - a.start) for a, b in pairwise(voice)]
        runs = [tuple(steps[i : i + RUN - 1]) for i in range(len(steps) - RUN + 2)]
        total += len(runs)
        seen.update(runs)
    return 1 - len(seen) / total if total else float("nan")


def contour(score: Score) -> float:
    """Pearson's correlation of the notes' pitches and onsets, -1..1; 0 for a flat line.

    Over all notes of all voices.
    """
    notes = score.notes
    n = len(notes)
    time = sum(start for start, _, _ in notes) / n
    height = sum(pitch for _, _, pitch in notes) / n
    both = across = up = 0.0
    for start, _, pitch in notes:
        both += (start - time) * (pitch - height)
        across += (start - time) ** 2
        up += (pitch - height) ** 2
    return max(-1.0, min(1.0, both / (across * up) ** 0.5)) if across and up else 0.0
