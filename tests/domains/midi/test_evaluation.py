"""What `evaluate` measures of tunes: kept notes, overlapping areas, walks beside mixtures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

from domains.midi.evaluation import measure
from domains.midi.examples import EXAMPLES
from domains.midi.notation import Event, Score, format_score, parse_score
from domains.midi.scoring.accuracy import kept_shares, step_tokens
from domains.midi.scoring.mixing import can_mix, mixed, walk_numbers
from domains.midi.scoring.overlap import overlapping_area, overlaps
from domains.midi.scoring.scores import SCORES
from tests.domains.midi.tunes import scores
from tests.examples import examples
from tvae_core.evaluation.evaluate import Plan
from tvae_core.space import LatentSpace

TEXTS = list(EXAMPLES.values())
ODE, FRERE = parse_score(EXAMPLES["Ode to Joy"]), parse_score(EXAMPLES["Frere Jacques"])


def test_step_tokens() -> None:
    tune = parse_score("0 |1/4 C4:12r:6D4:3E4:3|G4:4A4:4B4:4r:12|C4+E4:24")
    assert step_tokens(tune) == [
        *[((0, 60),), "hold", "rest", ((0, 62), (3, 64))],
        *[((0, 67), (4, 69)), ((2, 71),), "rest", "rest", ((0, 60), (0, 64)), *["hold"] * 3],
    ]


def test_kept_notes_and_steps() -> None:
    wanted = parse_score("0 |4/4 C4:24D4:24E4:24F4:24")
    other = parse_score("0 |4/4 C4:24D4:24E4:48")
    assert kept_shares([wanted], [wanted]) == {
        "note_accuracy_free": 1,
        "note_f1_free": 1,
        "step_accuracy_free": 1,
    }
    found = kept_shares([wanted, wanted], [other, None])
    assert found["note_accuracy_free"] == 2 / 8
    assert found["note_f1_free"] == 2 * 2 / (8 + 3)
    assert found["step_accuracy_free"] == 15 / 32


def test_overlapping_area() -> None:
    draw = np.random.default_rng(0)
    one, two = draw.normal(size=2000), draw.normal(size=2000)
    assert overlapping_area(one, one) == pytest.approx(1)
    assert overlapping_area(one, two) > 0.95
    assert overlapping_area(one, two + 100) < 1e-4
    # two unit normals one apart share 2 * Phi(-1/2); the kernels widen them a little
    assert overlapping_area(one, two + 1) == pytest.approx(0.617, abs=0.04)
    few = np.array([1.0, 1.0, 2.0, math.nan])
    assert overlapping_area(few, np.array([2.0, 2.0, 3.0])) == pytest.approx(1 / 3)
    assert math.isnan(overlapping_area(few, np.array([math.nan])))


def test_overlaps_are_of_equal_sizes() -> None:
    draw = np.random.default_rng(1)
    held, made = {"x": draw.normal(size=400)}, {"x": draw.normal(1, size=1000)}
    found = overlaps(made, held)
    assert found["oa_items"] == 200
    assert found["oa_x_halves"] > 0.85 > found["oa_x"]
    assert found["oa_mean"] == found["oa_x"]
    assert found["oa_worst_ratio"] == found["oa_x"] / found["oa_x_halves"]
    assert overlaps(made, {"x": np.ones(1)})["oa_items"] == 0


def test_a_mixture_goes_from_one_end_to_the_other() -> None:
    assert can_mix(ODE, FRERE)
    assert not can_mix(ODE, parse_score(EXAMPLES["Greensleeves"]))
    start, middle, end = mixed(ODE, FRERE, (0, 0.5, 1), seed=3)
    assert start == ODE
    assert (end.key, end.transposed(3).notes) == (ODE.key, FRERE.notes)
    quarters = [
        [note for note in tune.notes if note[0] // 24 == quarter]
        for tune in (start, middle, end)
        for quarter in (0, 2, 4)
    ]
    assert all(part in (quarters[i], quarters[6 + i]) for i, part in enumerate(quarters[3:6]))
    assert middle not in (start, end)


@examples(30)
@given(scores(), scores())
def test_mixtures_are_tunes(a: Score, b: Score) -> None:
    if not can_mix(a, b):
        b = Score(b.key, a.metres, tuple((Event(0, a.length, (60,)),) for _ in a.voices))
    for tune in mixed(a, b, (0, 0.3, 1)):
        for voice in tune.voices:
            ends = [event.start + event.duration for event in voice]
            assert all(event.start >= end for event, end in zip(voice[1:], ends, strict=False))
            assert max(ends, default=0) <= a.length
    assert mixed(a, b, (0,)) == [a]


def test_numbers_of_walks() -> None:
    jump = [ODE, ODE, FRERE, FRERE]
    found = walk_numbers([jump, [ODE, None, ODE, ODE]], "path")
    step = 1 - 2 / 15
    assert found["path_worst_distance"] == pytest.approx(step / 2, abs=0.1)
    assert found["path_step_distance"] == pytest.approx(2 * found["path_worst_distance"] / 5)
    assert found["path_scale_consistency"] == 1
    assert math.isnan(walk_numbers([[None, None]], "path")["path_worst_distance"])


def test_all_of_it(midi_space: LatentSpace) -> None:
    told: list[str] = []
    plan = Plan(8, 3, 0, "gaussian", lambda what, done, total: told.append(what))
    found = measure(midi_space, [*TEXTS, "no tune"], plan)
    assert found["note_accuracy_teacher_forced"] > 0.9
    assert found["note_accuracy_free"] > 0.8
    assert found["note_f1_free"] > 0.8
    assert found["step_accuracy_free"] >= found["note_accuracy_free"] - 0.1
    assert found["token_accuracy_free"] > 0.8
    assert {f"oa_{name}" for name in SCORES} <= set(found)
    assert found["mixing_pairs"] > 0
    assert 0 < found["mixing_step_distance"] < found["mixing_worst_distance"] <= 1
    assert 0 < found["interpolation_worst_distance"] <= 1
    assert told == ["notes", "distributions", "walks", "done"]
    assert measure(midi_space, ["no tune"], plan) == {}


def test_texts_are_those_of_the_model(midi_space: LatentSpace) -> None:
    decoded = midi_space.decode(midi_space.encode(TEXTS), 1.0)
    assert sum(a == b for a, b in zip(TEXTS, decoded, strict=True)) >= 9
    assert format_score(parse_score(TEXTS[0])) == TEXTS[0]
