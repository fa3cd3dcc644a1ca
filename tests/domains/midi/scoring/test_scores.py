"""Scores of tunes: by hand, in every key, and beside music21."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.midi.domain import MidiDomain
from domains.midi.notation import Score, format_score, parse_score
from domains.midi.scoring.rhythm import metrical_weights, syncopation
from domains.midi.scoring.scores import SCORES, score_all, score_items
from domains.midi.scoring.tonality import key_correlations
from tests.domains.midi.tunes import scores
from tvae_core.domain import FloatArray

EXAMPLES = MidiDomain().examples()
SCALE = "0 |4/4 C4:24D4:24E4:24F4:24|G4:24A4:24B4:24C5:24"


def one(text: str) -> dict[str, float]:
    return {name: float(values[0]) for name, values in score_all([text]).items()}


def test_a_scale() -> None:
    found = one(SCALE)
    assert list(found) == list(SCORES)
    assert found["pitch_entropy"] == pytest.approx(-(6 / 8 * math.log2(1 / 8) + 2 / 8 * -2))
    assert found["contour"] == pytest.approx(0.9976, abs=1e-4)
    wanted = {
        "bars": 2,
        "notes": 8,
        "pitch_range": 12,
        "scale_consistency": 1,
        "in_key": 1,
        "groove_consistency": 1,
        "empty_beats": 0,
        "density": 1,
        "syncopation": 0,
        "mean_pitch": 66.25,
        "polyphony": 1,
        "voices": 1,
        "key": 0,
    }
    assert {name: found[name] for name in wanted} == wanted
    assert found["minor"] < 0 < found["key_clarity"]


def test_rests_chords_and_repeats() -> None:
    found = one("1b |4/4 r:48C4+E4:24r:24|C4+E4:36r:12F#4:48;C3:96|r:48C2:48")
    assert math.isnan(found["notes"])  # one voice, then two
    found = one("1b |4/4 r:48C4+E4:24r:24;C3:96|C4+E4:36r:12F#4:48;r:48C2:48")
    assert (found["notes"], found["voices"]) == (7, 2)
    assert found["polyphony"] == pytest.approx((2 * 24 + 96 + 2 * 36 + 48 + 48) / (96 + 36 + 48))
    assert found["empty_beats"] == 0
    assert found["in_key"] == pytest.approx(6 / 7)
    assert found["groove_consistency"] == 1
    shifted = one("0 |4/4 C4:48D4:48|C4:24D4:72|C4:24D4:72")
    assert shifted["groove_consistency"] == pytest.approx(1 - 2 / 96 / 2)
    assert one("0 |4/4 r:48C4:24r:24")["empty_beats"] == 0.75
    assert math.isnan(one("0 |4/4 C4:96")["groove_consistency"])
    assert math.isnan(one("0 |4/4 C4:48D4:48")["repetition"])
    assert one("0 |4/4 " + "|".join(["C4:24D4:24E4:24G4:24"] * 3))["repetition"] == 0.6
    assert one("0 |2/4 C4:24D4:24|E4:24F4:24")["repetition"] == 0.0
    assert one("0 |4/4 C5:24A4:24F4:24D4:24")["contour"] == pytest.approx(-1, abs=0.01)
    assert one("0 |4/4 C4:96")["contour"] == 0


@pytest.mark.parametrize(
    ("bars", "wanted"),
    [
        ("4/4 C4:24C4:24C4:24C4:24", 0),
        ("4/4 C4:12C4:24C4:24C4:24C4:12", (0 + 1 + 2 + 1 + 0) / 5),
        ("4/4 r:12C4:84", 2),
        ("4/4 C4:8C4:8C4:8C4:24C4:48", 0),
        ("4/4 C4:24C4:72~|C4:24r:72", 2 / 2),
        ("3/4 C4:24C4:48|C4:24C4:48", 0),
        ("6/8 C4:12C4:24C4:36", 0),
        ("6/8 C4:24C4:24C4:24", 1 / 3),
    ],
)
def test_syncopation(bars: str, wanted: float) -> None:
    assert syncopation(parse_score(f"0 |{bars}")) == pytest.approx(wanted)


def test_metrical_weights() -> None:
    assert metrical_weights((4, 4))[::12] == (0, -3, -2, -3, -1, -3, -2, -3)
    assert metrical_weights((3, 4))[::12] == (0, -2, -1, -2, -1, -2)
    assert metrical_weights((6, 8))[::12] == (0, -2, -2, -1, -2, -2)
    assert metrical_weights((12, 8))[::36] == (0, -2, -1, -2)
    assert metrical_weights((4, 4))[8] == metrical_weights((4, 4))[12]
    for metre in ((5, 8), (7, 16), (1, 32), (32, 1), (11, 2)):
        assert metrical_weights(metre)[0] == 0


def test_invalid_texts_are_nan_and_keep_their_place() -> None:
    found = score_all(["", SCALE, "0 |4/4 r:96", SCALE])
    for values in found.values():
        assert np.isnan(values[[0, 2]]).all()
        assert values[1] == values[3] or np.isnan(values[[1, 3]]).all()
    assert all(values.shape == (0,) for values in score_all([]).values())
    assert np.isnan(score_items([None])["bars"]).all()


@given(scores(), st.integers(-6, 6))
def test_transposition_changes_only_key_and_pitch(score: Score, semitones: int) -> None:
    try:
        other = score.transposed(semitones)
    except ValueError:
        return
    first, second = score_items([score]), score_items([other])
    for name in set(SCORES) - {"key", "mean_pitch"}:
        assert second[name] == pytest.approx(first[name], nan_ok=True, abs=1e-9), name
    assert second["mean_pitch"] - first["mean_pitch"] == pytest.approx(semitones)


@given(scores())
def test_scores_stay_in_their_range(score: Score) -> None:
    found = one(format_score(score))
    for name in ("scale_consistency", "in_key", "groove_consistency", "empty_beats", "repetition"):
        assert math.isnan(found[name]) or 0 <= found[name] <= 1, name
    assert 0 <= found["pitch_entropy"] <= math.log2(12) + 1e-9
    assert -1 <= found["key_clarity"] <= 1
    assert -1 <= found["contour"] <= 1
    assert found["syncopation"] >= 0
    assert found["polyphony"] >= 1
    assert found["scale_consistency"] >= found["in_key"] - 1e-12


def _lengths(notes: list[tuple[float, int]]) -> FloatArray:
    found = np.zeros((1, 12))
    for duration, pitch in notes:
        found[0, pitch % 12] += duration
    return found


def test_key_clarity_is_that_of_music21() -> None:
    pytest.importorskip("music21")
    from music21 import note, stream

    names = ["C", "C#", "D", "E-", "E", "F", "F#", "G", "A-", "A", "B-", "B"]
    clarity = score_all(EXAMPLES)["key_clarity"]
    for text, value in zip(EXAMPLES, clarity, strict=True):
        tune = parse_score(text).notes
        line = stream.Stream()
        for start, duration, pitch in tune:
            line.insert(start / 24, note.Note(pitch, quarterLength=duration / 24))
        found = line.analyze("krumhansl")
        assert value == pytest.approx(found.correlationCoefficient, abs=1e-6), text
        correlations = key_correlations(_lengths([(d, p) for _, d, p in tune]))[0]
        best = int(correlations.argmax())
        tonic = stream.Stream([note.Note(names[best % 12])]).notes[0].pitch.pitchClass
        assert (found.tonic.pitchClass, found.mode) == (tonic, "major" if best < 12 else "minor")


def test_key_clarity_of_a_chorale() -> None:
    pytest.importorskip("music21")
    from music21 import corpus

    tune = corpus.parse("bach/bwv66.6").parts[0]
    notes = [(float(n.quarterLength), n.pitch.midi) for n in tune.flatten().notes]
    found = tune.analyze("krumhansl")
    assert key_correlations(_lengths(notes)).max() == pytest.approx(found.correlationCoefficient)
    assert (found.tonic.name, found.mode) == ("F#", "minor")


def test_a_flat_distribution_has_no_key() -> None:
    assert key_correlations(np.ones((1, 12))).tolist() == [[0.0] * 24]
