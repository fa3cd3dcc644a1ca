"""Keys and pitch classes: how tonal a tune is, and in which key, from its 12 pitch classes.

Key profiles: Krumhansl and Kessler 1982 (Psychological Review 89, 334), for the algorithm of
Krumhansl and Schmuckler (Krumhansl 1990, "Cognitive Foundations of Musical Pitch", chapter 4).
"""

from __future__ import annotations

import numpy as np

from domains.midi.notation import key_shift
from tvae_core.domain import FloatArray

MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_SCALE = (0, 2, 4, 5, 7, 9, 11)


def _rotations(values: tuple[float, ...]) -> FloatArray:
    """A row for each tonic from C, `(12, 12)`."""
    return np.array([np.roll(values, tonic) for tonic in range(12)], dtype=np.float64)


def _standardised(rows: FloatArray) -> FloatArray:
    """Rows without their mean, of length 1; rows of equal values become 0."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12))


_PROFILES = _standardised(np.concatenate((_rotations(MAJOR), _rotations(MINOR))))
_SCALES = _rotations(tuple(float(degree in _SCALE) for degree in range(12)))


def entropy(counts: FloatArray) -> FloatArray:
    """Shannon entropy of rows of counts `(n, 12)` in bits, `(n,)`; at most log2(12) = 3.585.

    Pitch-class entropy as of Wu and Yang 2020 (arXiv 2008.01307), over a whole tune.
    """
    shares = counts / counts.sum(axis=1, keepdims=True)
    return np.asarray(-(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=1) + 0.0)


def scale_consistency(counts: FloatArray) -> FloatArray:
    """The largest share of notes `(n, 12)` that one diatonic scale holds, `(n,)`, 0..1.

    Mogren 2016 (arXiv 1611.09904); a natural minor scale is that of its relative major.
    """
    return np.asarray((counts @ _SCALES.T).max(axis=1) / counts.sum(axis=1))


def in_key(counts: FloatArray, keys: list[int]) -> FloatArray:
    """The share of notes `(n, 12)` in the scale of each key signature, `(n,)`, 0..1.

    The pitch-in-scale rate of MuseGAN and MusPy (arXiv 1709.06298, 2008.01951).
    """
    tonics = [key_shift(key) % 12 for key in keys]
    return np.asarray((counts * _SCALES[tonics]).sum(axis=1) / counts.sum(axis=1))


def key_correlations(lengths: FloatArray) -> FloatArray:
    """Correlations of durations by pitch class, `(n, 12)`, with the profiles of the 24 keys.

    Returns:
        `(n, 24)`, -1..1: C major to B major, then C minor to B minor; 0 where all 12 pitch classes
        last equally long.
    """
    return np.asarray(_standardised(lengths) @ _PROFILES.T)
