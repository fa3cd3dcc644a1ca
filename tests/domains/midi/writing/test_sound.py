"""Sound files: length, level, onsets and pitches of what is heard."""

from __future__ import annotations

import io
import json
import wave
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from domains.midi.notation import Event, Score, parse_score
from domains.midi.writing import sound
from domains.midi.writing.medley import Medley
from domains.midi.writing.sound import ENGINES, INSTRUMENTS, MAX_SECONDS, TAIL, seconds, to_wav
from tests.domains.midi.pieces import PIECES

TUNE = PIECES["tune"]
RATE = 22_050
Signal = npt.NDArray[np.float64]


def heard(data: bytes, rate: int = RATE) -> Signal:
    """Samples from -1 to 1, as Python's own reader has them."""
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, rate)
        frames = file.readframes(file.getnframes())
    return np.frombuffer(frames, dtype="<i2") / 32768


def level(part: Signal) -> float:
    return float(np.sqrt(np.mean(part**2)))


def one_note(pitch: int, steps: int = 24) -> Score:
    return Score(0, ((4, 4),), ((Event(0, steps, (pitch,)),),))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", PIECES)
def test_length_and_level(name: str, engine: str) -> None:
    score = PIECES[name]
    if name == "long bars":
        score = score.excerpt(0, 1)
    signal = heard(to_wav(score, tempo=180, engine=engine))
    assert len(signal) == round((score.length / 24 / 3 + TAIL) * RATE)
    assert len(signal) == round(seconds(score, 180) * RATE)
    assert np.abs(signal).max() == pytest.approx(0.89, abs=0.001)
    assert level(signal) > 0.02
    assert level(signal[-100:]) < 0.01


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_music_makes_the_same_bytes(engine: str) -> None:
    first = to_wav(TUNE, engine=engine)
    to_wav(PIECES["voices"], program=19, engine=engine)
    assert to_wav(TUNE, engine=engine) == first
    with ThreadPoolExecutor(4) as pool:
        made = pool.map(lambda _: to_wav(TUNE, engine=engine), range(8))
        assert set(made) == {first}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("program", [0, 24, 73])
def test_notes_begin_where_they_should(program: int, engine: str) -> None:
    """The level rises at each onset of notes that stand apart, and is low before it."""
    score = parse_score("0 |4/4 C4:12r:36G4:12r:36|E4:6r:18E4:6r:18C5:12r:36")
    signal = heard(to_wav(score, tempo=60, program=program, engine=engine))
    for start, _, _ in score.notes:
        at = round(start / 24 * RATE)
        after = level(signal[at + RATE // 100 : at + RATE // 8])
        assert after > 0.05
        if start:
            assert level(signal[at - RATE // 20 : at]) < after / 3


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("pitch", [60, 69, 76, 84])
@pytest.mark.parametrize("instrument", ["piano", "flute", "violin", "clarinet"])
def test_pitch(instrument: str, pitch: int, engine: str) -> None:
    """The fundamental stands out within a third of a semitone of where it should be."""
    program = INSTRUMENTS[instrument]
    signal = heard(to_wav(one_note(pitch, 96), tempo=60, program=program, engine=engine))
    part = signal[RATE // 4 : RATE // 4 + 2 * RATE]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 18))
    places = np.fft.rfftfreq(1 << 18, 1 / RATE)
    wanted = 440 * 2 ** ((pitch - 69) / 12)
    near = (places > wanted / 1.4) & (places < wanted * 1.4)
    found = places[near][np.argmax(spectrum[near])]
    assert abs(12 * np.log2(found / wanted)) < 0.34
    assert spectrum[near].max() > 0.05 * spectrum.max()
    below = (places > 30) & (places < wanted / 1.4)
    assert spectrum[below].max() < 0.5 * spectrum[near].max()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("program", INSTRUMENTS.values(), ids=INSTRUMENTS)
def test_no_key_of_an_instrument_is_mute(program: int, engine: str) -> None:
    keys = Score(0, ((4, 4),) * 15, (tuple(Event(16 * i, 12, (21 + i,)) for i in range(88)),))
    signal = heard(
        to_wav(keys, tempo=200, program=program, engine=engine, sample_rate=11025), 11025
    )
    for start, length, pitch in keys.notes:
        begin, end = (round(at / 24 * 60 / 200 * 11025) for at in (start, start + length))
        assert np.abs(signal[begin:end]).max() > 0.002, pitch


@pytest.mark.parametrize("engine", ENGINES)
def test_all_voices_are_heard(engine: str) -> None:
    both = heard(to_wav(parse_score("0 |4/4 C5:96;C3:96"), tempo=60, engine=engine))
    spectrum = np.abs(np.fft.rfft(both[: 2 * RATE]))
    places = np.fft.rfftfreq(2 * RATE, 1 / RATE)
    for wanted in (523.3, 130.8):
        near = (places > wanted * 0.98) & (places < wanted * 1.02)
        assert spectrum[near].max() > 0.1 * spectrum.max()


def chunks(data: bytes) -> dict[bytes, bytes]:
    """Chunks of a RIFF file or list by name."""
    found, at = {}, 12
    while at < len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        found[data[at : at + 4]] = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return found


def test_file_says_where_it_is_from() -> None:
    about = {"bundle": "1a2b", "seed": 7, "words": "é"}
    data = to_wav(TUNE, title="Tune \x00\ud800", about=about)
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    facts = chunks(b"LIST    INFO" + chunks(data)[b"LIST"][4:])
    assert json.loads(facts[b"ICMT"].rstrip(b"\0")) == about
    assert facts[b"INAM"].startswith(b"Tune")
    assert b"toolkit" in facts[b"ISFT"]
    assert b"ICMT" not in to_wav(TUNE)


def test_rates_and_medleys() -> None:
    for rate in (8000, 44_100):
        signal = heard(to_wav(TUNE, sample_rate=rate), rate)
        assert len(signal) == round(seconds(TUNE) * rate)
    medley = Medley.of([TUNE, PIECES["tied"]])
    assert seconds(medley) == pytest.approx(seconds(TUNE) + 2.4 + seconds(PIECES["tied"]) - TAIL)
    signal = heard(to_wav(medley))
    at = round((seconds(TUNE) - TAIL + 2.4 + 0.6) * RATE)
    assert level(signal[at : at + RATE // 4]) > 3 * level(signal[at - RATE // 10 : at])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sample_rate": 100}, "sample rate of 100"),
        ({"tempo": 1}, "not within 10 to 400"),
        ({"program": -1}, "no General MIDI program -1"),
        ({"engine": "theremin"}, "choose from"),
    ],
)
def test_refused_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_wav(TUNE, **settings)


def test_refused_music() -> None:
    with pytest.raises(ValueError, match="no note"):
        to_wav(parse_score("0 |4/4 r:96"))
    long = Score(0, ((4, 4),) * 1000, ((Event(0, 24, (60,)),),))
    with pytest.raises(ValueError, match=f"at most {MAX_SECONDS // 60}"):
        to_wav(long)


def test_sound_without_a_soundfont(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sound.default_engine() == "soundfont"
    monkeypatch.setattr(sound, "soundfont", lambda: None)
    assert sound.default_engine() == "numpy"
    assert to_wav(TUNE) == to_wav(TUNE, engine="numpy")
    with pytest.raises(ValueError, match=r"choose from numpy$"):
        to_wav(TUNE, engine="soundfont")


def test_keys_that_a_soundfont_lacks_are_synthesised() -> None:
    mute = one_note(90)
    assert b"numpy" in to_wav(mute, program=78)[-200:]
    assert level(heard(to_wav(mute, program=78))) > 0.02
