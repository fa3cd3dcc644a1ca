"""Scores as sound: `to_wav(score)`, 16 bits, one channel; nothing is fetched and no device needed.

Two engines, both deterministic:

- `soundfont`: tinysoundfont plays TimGM6mb.sf2, the General MIDI soundfont by Tim Brechbill that
  pretty_midi ships (GPL version 2, says the Debian package timgm6mb-soundfont 1.3-5; it stays in
  that package, and is only played here);
- `numpy`: `domains.midi.writing.synthesiser`, wherever either of the two packages is missing.

symusic has a synthesiser, too, but what its `render` makes cannot be read in 0.6.0.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import struct
import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from domains.midi.notation import STEPS_PER_QUARTER, Score
from domains.midi.writing.medley import Medley, as_medley, check_program, check_tempo, plain
from domains.midi.writing.synthesiser import Note, Samples, synthesise
from domains.midi.writing.writers import VELOCITY, about_text

INSTRUMENTS: dict[str, int] = {
    "piano": 0,
    "music box": 10,
    "vibraphone": 11,
    "marimba": 12,
    "organ": 19,
    "accordion": 21,
    "guitar": 24,
    "violin": 40,
    "cello": 42,
    "harp": 46,
    "strings": 48,
    "choir": 52,
    "trumpet": 56,
    "clarinet": 71,
    "flute": 73,
    "recorder": 74,
    "fiddle": 110,
}
"""General MIDI programs, from 0, by a short name."""

SAMPLE_RATE = 22_050
RATES = (8000, 48_000)
TAIL = 1.0
"""Seconds after the last bar, in which the sound dies away."""
MAX_SECONDS = 1800
PEAK = 0.89
ENGINES = ("soundfont", "numpy")
_FADE = 0.3
_SILENCE = 1e-4
_DRUMS = 9
_lock = threading.Lock()


def seconds(music: Score | Medley, tempo: float = 100) -> float:
    """How long the sound is, tail included; ValueError for an impossible tempo."""
    quarters = as_medley(music).length / STEPS_PER_QUARTER
    return quarters * 60 / check_tempo(tempo) + TAIL


def to_wav(
    music: Score | Medley,
    *,
    tempo: float = 100,
    program: int = 0,
    sample_rate: int = SAMPLE_RATE,
    title: str = "",
    about: Mapping[str, Any] | None = None,
    engine: str | None = None,
) -> bytes:
    """The music as a wav file, its loudest sample at 0.89 of full scale.

    Args:
        music: what is heard.
        tempo: quarter notes a minute.
        program: General MIDI program of all voices, see `INSTRUMENTS`.
        sample_rate: samples a second, 8,000 to 48,000.
        title: name in the file's list of facts.
        about: provenance, there too.
        engine: one of `ENGINES`; the first that is there by default.

    Raises:
        ValueError: an impossible setting, more than half an hour of sound, no note, or an engine
            that is not there.
    """
    if not RATES[0] <= sample_rate <= RATES[1]:
        low, high = (f"{rate:,}" for rate in RATES)
        raise ValueError(f"a sample rate of {sample_rate:,} is not within {low} to {high}")
    medley, last = as_medley(music), seconds(music, tempo)
    if last > MAX_SECONDS:
        raise ValueError(f"{last / 60:,.0f} minutes of sound: at most {MAX_SECONDS // 60} are made")
    notes = _notes(medley, tempo, check_program(program))
    if not notes:
        raise ValueError("there is no note to be heard")
    used = engine or default_engine()
    total = round(last * sample_rate)
    sound = _render(used, notes, total, sample_rate)
    # Soundfonts have instruments without a sample for the lowest or highest keys.
    if not engine and used != "numpy" and float(np.abs(sound).max()) < _SILENCE:
        used = "numpy"
        sound = _render(used, notes, total, sample_rate)
    facts = {"INAM": plain(title), "ISFT": f"T-VAE toolkit, {_told(used)}"}
    return wav(_levelled(sound, sample_rate), sample_rate, facts | _comment(about))


def default_engine() -> str:
    """`soundfont` where tinysoundfont and the soundfont are installed, else `numpy`."""
    found = soundfont() is not None and importlib.util.find_spec("tinysoundfont") is not None
    return "soundfont" if found else "numpy"


@lru_cache(maxsize=1)
def soundfont() -> Path | None:
    """TimGM6mb.sf2 of the installed pretty_midi, which is not imported for it; or None."""
    spec = importlib.util.find_spec("pretty_midi")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).with_name("TimGM6mb.sf2")
    return path if path.is_file() else None


def _told(engine: str) -> str:
    if engine == "numpy":
        return "numpy"
    return f"tinysoundfont {importlib.metadata.version('tinysoundfont')}, TimGM6mb.sf2"


def _comment(about: Mapping[str, Any] | None) -> dict[str, str]:
    return {"ICMT": about_text(about)} if about else {}


def _notes(medley: Medley, tempo: float, program: int) -> list[tuple[int, Note]]:
    """Every note with its voice."""
    step = 60 / check_tempo(tempo) / STEPS_PER_QUARTER
    found = [
        (voice, ((section.start + event.start) * step, event.duration * step, pitch, program))
        for section in medley.sections
        for voice, events in enumerate(section.score.voices)
        for event in events
        for pitch in event.pitches
    ]
    return sorted(found, key=lambda item: (item[1], item[0]))


def _render(engine: str, notes: list[tuple[int, Note]], total: int, rate: int) -> Samples:
    if engine == "numpy":
        return synthesise([note for _, note in notes], total, rate)
    if engine != "soundfont" or default_engine() != "soundfont":
        raise ValueError(f"no engine {engine!r} here: choose from {', '.join(_engines())}")
    with _lock:
        return _played(notes, total, rate)


def _engines() -> list[str]:
    return [name for name in ENGINES if name in ("numpy", default_engine())]


def _played(notes: list[tuple[int, Note]], total: int, rate: int) -> Samples:
    """The notes on the soundfont, a channel a voice; notes end before others begin."""
    synth, font = _loaded(rate)
    events: list[tuple[int, bool, int, int]] = []
    for voice, (start, duration, pitch, program) in notes:
        channel = voice + (voice >= _DRUMS)
        synth.program_select(channel, font, 0, program)
        begin, end = round(start * rate), round((start + duration) * rate)
        events += [(begin, True, channel, pitch), (max(end, begin + 1), False, channel, pitch)]
    sound, now = np.zeros(total, dtype=np.float32), 0
    for time, on, channel, pitch in [*sorted(events), (total, False, 0, 0)]:
        time = min(time, total)
        if time > now:
            both = np.frombuffer(synth.generate_simple(time - now), dtype=np.float32)
            sound[now:time] = both.reshape(-1, 2).mean(axis=1)
            now = time
        if on:
            synth.noteon(channel, pitch, VELOCITY)
        else:
            synth.noteoff(channel, pitch)
    synth.sounds_off()
    synth.generate_simple(rate // 2)
    return sound


@lru_cache(maxsize=2)
def _loaded(rate: int) -> tuple[Any, int]:
    """A synthesiser with the soundfont, and the font's number there."""
    synth: Any = importlib.import_module("tinysoundfont").Synth(gain=0, samplerate=rate)
    return synth, synth.sfload(str(soundfont()))


def _levelled(sound: Samples, rate: int) -> npt.NDArray[np.int16]:
    """Faded out at the end, at the same peak whatever was played, as whole numbers."""
    fade = min(len(sound), round(_FADE * rate))
    sound[len(sound) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    peak = float(np.abs(sound).max())
    return np.asarray(np.round(sound * (PEAK * 32767 / max(peak, 1e-9))), dtype=np.int16)


def wav(samples: npt.NDArray[np.int16], rate: int, facts: Mapping[str, str]) -> bytes:
    """A RIFF WAVE file of one channel, its facts (INAM, ISFT, ICMT) in a list after the sound."""
    told = b"".join(
        _chunk(name.encode(), text.encode() + b"\0") for name, text in facts.items() if text
    )
    body = b"WAVE" + _chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16))
    body += _chunk(b"data", samples.astype("<i2").tobytes())
    body += _chunk(b"LIST", b"INFO" + told) if told else b""
    return _chunk(b"RIFF", body)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
