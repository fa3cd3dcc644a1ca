"""Sound out of numpy alone: sums of harmonics with envelopes, in a small room.

For machines without a soundfont player, see `domains.midi.writing.sound`. Instruments are told
apart by their General MIDI family (https://midi.org/general-midi): plucked and struck ones die
away, high notes and high harmonics sooner; blown, bowed and held ones stay, with a slight vibrato.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
Note = tuple[float, float, int, int]
"""Start and duration in seconds, pitch, and General MIDI program."""

_WET = 0.14
_ROOM = 0.5
_SIZE = 1 << 16
_TOP = 0.45


@dataclass(frozen=True)
class Timbre:
    """How an instrument sounds.

    Attributes:
        harmonics: amplitudes of the first, second, ... harmonic.
        attack: seconds to full strength.
        decay: seconds in which middle C falls to a third; 0 for an instrument that holds.
        dulling: how much sooner each further harmonic dies away.
        release: seconds in which a note falls to a third after its end.
        vibrato: depth in semitones.
    """

    harmonics: tuple[float, ...]
    attack: float = 0.004
    decay: float = 0.0
    dulling: float = 0.35
    release: float = 0.06
    vibrato: float = 0.0


_PIANO = Timbre((1, 0.62, 0.34, 0.2, 0.16, 0.1, 0.05, 0.05, 0.03, 0.02), 0.004, 1.0, 0.3, 0.08)
_CHIME = Timbre((1, 0.06, 0.3, 0.04, 0.1, 0.02, 0.06), 0.002, 0.9, 0.9, 0.35)
_ORGAN = Timbre((1, 0.7, 0.35, 0.45, 0.1, 0.25, 0.05, 0.2), 0.03, release=0.07)
_REEDS = Timbre((1, 0.5, 0.55, 0.35, 0.3, 0.2, 0.15, 0.1), 0.04, release=0.05, vibrato=0.03)
_PLUCKED = Timbre((1, 0.8, 0.5, 0.3, 0.28, 0.2, 0.12, 0.1, 0.06, 0.05), 0.003, 0.6, 0.5, 0.12)
_BOWED = Timbre((1, 0.6, 0.45, 0.36, 0.25, 0.18, 0.14, 0.1, 0.06), 0.07, release=0.1, vibrato=0.12)
_CHOIR = Timbre((1, 0.45, 0.3, 0.1, 0.04), 0.1, release=0.15, vibrato=0.1)
_BRASS = Timbre((1, 0.8, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1), 0.035, release=0.06, vibrato=0.03)
_CLARINET = Timbre((1, 0.06, 0.6, 0.08, 0.35, 0.06, 0.18, 0.04, 0.08), 0.03, release=0.06)
_PIPE = Timbre((1, 0.28, 0.12, 0.04, 0.02), 0.04, release=0.07, vibrato=0.08)
_FAMILIES = (
    *(_PIANO, _CHIME, _ORGAN, _PLUCKED, _PLUCKED, _BOWED, _BOWED, _BRASS),
    *(_REEDS, _PIPE, _ORGAN, _CHOIR, _CHIME, _PLUCKED, _CHIME, _CHIME),
)
_SINGLE = {21: _REEDS, 22: _REEDS, 45: _PLUCKED, 46: _PLUCKED, 52: _CHOIR, 53: _CHOIR}
_SINGLE |= {71: _CLARINET, 110: _BOWED, 109: _REEDS, 111: _REEDS}


def timbre(program: int) -> Timbre:
    """The sound that stands for a General MIDI program, from 0."""
    return _SINGLE.get(program, _FAMILIES[program // 8])


def synthesise(notes: Sequence[Note], total: int, rate: int) -> Samples:
    """Samples `(total,)` of notes; loudness is whatever the notes add up to.

    Args:
        notes: what sounds when.
        total: samples to make; what sounds longer is cut.
        rate: samples a second.
    """
    sound = np.zeros(total, dtype=np.float32)
    made: dict[tuple[float, int, int], Samples] = {}
    for start, duration, pitch, program in notes:
        key = (round(duration, 6), pitch, program)
        if key not in made:
            if len(made) > 256:
                made.clear()
            made[key] = _tone(duration, pitch, timbre(program), rate)
        at = round(start * rate)
        part = made[key][: max(0, total - at)]
        sound[at : at + len(part)] += part
    return _in_room(sound, rate)


def _tone(duration: float, pitch: int, voice: Timbre, rate: int) -> Samples:
    """One note with its release: harmonics by sin((k + 1) x) = 2 cos x sin kx - sin((k - 1) x)."""
    frequency = 440.0 * 2.0 ** ((pitch - 69) / 12)
    count = round((duration + 6 * voice.release) * rate)
    time = np.arange(count) / rate
    angle = 2 * np.pi * frequency * time
    if voice.vibrato:
        depth = (2 ** (voice.vibrato / 12) - 1) * frequency / 5.2
        angle -= depth * np.clip((time - 0.15) / 0.3, 0, 1) * np.cos(2 * np.pi * 5.2 * time)
    twice_cosine, sine, before = 2 * np.cos(angle), np.sin(angle), np.zeros(count)
    fall = -time / (voice.decay * (261.6 / frequency) ** 0.5) if voice.decay else None
    step = None if fall is None else np.exp(fall * voice.dulling)
    envelope = np.ones(count) if fall is None else np.exp(fall)
    tone = np.zeros(count)
    for number, amplitude in enumerate(voice.harmonics, 1):
        if number > 1 and number * frequency > _TOP * rate:
            break
        tone += amplitude * envelope * sine
        sine, before = twice_cosine * sine - before, sine
        if step is not None:
            envelope *= step
    tone *= np.minimum(time / voice.attack, 1)
    tone *= np.exp(-np.maximum(time - duration, 0) / voice.release)
    # An ear hears low notes as weaker than high ones of the same amplitude.
    loudness = (261.6 / frequency) ** 0.25 / sum(voice.harmonics)
    return np.asarray(tone * loudness, dtype=np.float32)


def _in_room(sound: Samples, rate: int) -> Samples:
    """The sound with a little of its echo: convolved with noise that dies away."""
    count = round(_ROOM * rate)
    time = np.arange(count) / rate
    echo = np.random.default_rng(0).standard_normal(count) * np.exp(-time / (_ROOM / 5))
    echo[: round(0.012 * rate)] = 0
    echo /= np.sqrt(np.sum(echo**2))
    block = _SIZE - count
    spectrum = np.fft.rfft(echo, _SIZE)
    wet = np.zeros(len(sound) + count, dtype=np.float32)
    for at in range(0, len(sound), block):
        part = sound[at : at + block]
        heard = np.fft.irfft(np.fft.rfft(part, _SIZE) * spectrum, _SIZE)
        room = wet[at : at + len(part) + count]
        room += heard[: len(room)].astype(np.float32)
    return np.asarray(sound + _WET * wet[: len(sound)], dtype=np.float32)
