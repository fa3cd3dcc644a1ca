"""The key that notes are in, as music21 hears it, many times faster.

The algorithm of Krumhansl and Schmuckler with the profiles of Aarden and Essen (Aarden 2003,
"Dynamic melodic expectancy", and B. Aarden's for minor as D. Huron's lab gives them), which is what
`analyze("key")` of music21 means. Sums are taken in its order, so that ties fall as they do there.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from domains.midi.notation import STEPS_PER_QUARTER
from domains.midi.reading.bars import Note

MAJOR = (
    *(17.7661, 0.145624, 14.9265, 0.160186, 19.8049, 11.3587),
    *(0.291248, 22.062, 0.145624, 8.15494, 0.232998, 4.95122),
)
MINOR = (
    *(18.2648, 0.737619, 14.0499, 16.8599, 0.702494, 14.4362),
    *(0.702494, 18.6161, 4.56621, 1.93186, 7.37619, 1.75623),
)
NOTES_FOR_KEY = 2000
_SHARPS_OF_MAJOR = (0, 7, 2, -3, 4, -1, 6, 1, -4, 3, -2, 5)
_SHARPS_OF_MINOR = (-3, 4, -1, -6, 1, -4, 3, -2, 5, 0, -5, 2)
"""By tonic from C, as music21 spells them: C sharp and A flat major, E flat and G sharp minor."""

Length = float | Fraction
"""Quarters: a float where it holds them exactly, as in music21."""


def sounding_key(lengths: Sequence[Length]) -> int:
    """The signature, -7 to 7, of the key of notes that last so long by pitch class, `(12,)`."""
    fits = []
    for mode, (profile, sharps) in enumerate(
        ((MAJOR, _SHARPS_OF_MAJOR), (MINOR, _SHARPS_OF_MINOR))
    ):
        for tonic, fit in enumerate(_correlations(profile, lengths)):
            # of equal fits music21 takes the higher tonic, and minor before major
            fits.append((fit, tonic, mode, sharps[tonic]))
    return max(fits)[3]


def estimated_key(notes: Sequence[Note]) -> int:
    """The signature of the key of notes in steps; of the first `NOTES_FOR_KEY` of them.

    A sum is exact until a length comes that a float holds, and one of floats from then on, as it is
    in music21.
    """
    exact, rough = [0] * 12, dict[int, float]()
    for _, duration, pitch in sorted(notes)[:NOTES_FOR_KEY]:
        place = pitch % 12
        if place in rough:
            rough[place] += duration / STEPS_PER_QUARTER
        elif duration % 3:
            exact[place] += duration
        else:
            rough[place] = exact[place] / STEPS_PER_QUARTER + duration / STEPS_PER_QUARTER
    fractions = [Fraction(steps, STEPS_PER_QUARTER) for steps in exact]
    return sounding_key([rough.get(place, fractions[place]) for place in range(12)])


def key_of_stream(score: Any) -> int:
    """The signature of the key of a music21 stream."""
    from music21.note import Unpitched

    lengths: list[Length] = [0] * 12
    for one in score.flatten().notes:
        if not isinstance(one, Unpitched):
            for pitch in one.pitches:
                lengths[pitch.pitchClass] += one.quarterLength
    return sounding_key(lengths)


def _correlations(profile: Sequence[float], lengths: Sequence[Length]) -> list[float]:
    """Pearson's correlation of lengths by pitch class with a profile from every tonic, `(12,)`."""
    mean = sum(profile) / 12
    average = sum(lengths) / 12
    weights = [value - mean for value in profile]
    squares = [value**2 for value in weights]
    off = [float(value - average) for value in lengths]
    off_squares = [float((value - average) ** 2) for value in lengths]
    found = []
    for tonic in range(12):
        top = right = left = 0.0
        for place in range(12):
            top += weights[place - tonic] * off[place]
            right += squares[place - tonic]
            left += off_squares[place]
        found.append(0.0 if right == 0 or left == 0 else float(top / ((right * left) ** 0.5)))
    return found
