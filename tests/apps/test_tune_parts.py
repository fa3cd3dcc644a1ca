"""What the app of music is made of, without a page around it and without a bundle."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
import symusic
from hypothesis import given
from hypothesis import strategies as st

from apps.items.facts import Item
from apps.tune.desk import FIRST_ABC, with_header
from apps.tune.keyboard import nearest_key, text_of
from apps.tune.pad import point_of
from apps.tune.shaping import missed
from apps.tune.sound import FORMATS, Sound, content, shortened, wav_of, wav_of_all
from apps.tune.spec import SPEC, badges
from domains.midi.domain import MidiDomain
from domains.midi.examples import EXAMPLES
from domains.midi.notation import STEPS_PER_QUARTER, parse_score
from domains.midi.reading import read_music
from domains.midi.writing.sound import TAIL
from tvae_core.domain import DomainError

ODE = EXAMPLES["Ode to Joy"]


def item_of(text: str) -> Item:
    (verdict,) = MidiDomain().check([text])
    scores = {name: float(values[0]) for name, values in MidiDomain().score([text]).items()}
    return Item(text, verdict.canonical, verdict.reason or "", verdict.position, scores)


def heard(data: bytes) -> tuple[float, float]:
    """Seconds and the loudest sample, 0..1, of a wave file."""
    with wave.open(io.BytesIO(data)) as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        return file.getnframes() / file.getframerate(), float(np.abs(frames / 32768).max())


def test_keyboard_makes_bars_in_the_nearest_key() -> None:
    text = text_of("67:24 69:24 71:24 r:24 66:48", (4, 4))
    assert text is not None
    score = parse_score(text)
    assert score.key == 1
    assert [pitch for _, _, pitch in score.notes] == [67, 69, 71, 66]
    assert score.metres == ((4, 4), (4, 4))
    assert text_of("", (3, 4)) is None
    assert parse_score(text_of("60:96", (3, 4)) or "").notes == ((0, 96, 60),)
    assert nearest_key([60, 62, 64]) == 0
    for bad, reason in (("r:24", "only rests"), ("60", "whole"), ("200:24", "range")):
        with pytest.raises(DomainError, match=reason):
            text_of(bad, (4, 4))
    with pytest.raises(DomainError, match="at most"):
        text_of(" ".join(["60:24"] * 300), (4, 4))


@given(
    st.lists(
        st.tuples(st.none() | st.integers(21, 108), st.integers(1, 144)), min_size=1, max_size=40
    ),
    st.sampled_from([(4, 4), (3, 4), (6, 8), (12, 8)]),
)
def test_whatever_is_played_is_a_tune_or_rests(
    notes: list[tuple[int | None, int]], metre: tuple[int, int]
) -> None:
    played = " ".join(f"{'r' if p is None else p}:{steps}" for p, steps in notes)
    if all(pitch is None for pitch, _ in notes):
        with pytest.raises(DomainError):
            text_of(played, metre)
        return
    text = text_of(played, metre) or ""
    (verdict,) = MidiDomain().check([text])
    assert verdict.canonical == text
    assert [n[2] for n in parse_score(text).notes] == [p for p, _ in notes if p is not None]


def test_pad_keeps_points_within_it() -> None:
    assert point_of({"x": 0.25, "y": 2}) == (0.25, 1.0)
    for bad in (None, "x", {"x": 1}, {"x": float("nan"), "y": 0}, {"x": "a", "y": 0}):
        assert point_of(bad) is None


def test_abc_gets_the_lines_that_it_lacks() -> None:
    (piece,) = read_music(with_header(FIRST_ABC).encode(), "typed.abc")
    assert len(piece.score.metres) == 4
    assert piece.score.key == 2
    (bare,) = read_music(with_header("M:3/4\nL:1/4\nGAB|c2d|").encode(), "typed.abc")
    assert bare.score.metres == ((3, 4), (3, 4))
    with pytest.raises(DomainError, match="type a tune"):
        with_header("  \n ")


def test_a_tune_sounds_as_long_as_it_is() -> None:
    score = parse_score(ODE)
    for tempo in (60, 180):
        seconds, peak = heard(wav_of(ODE, tempo, 0))
        wanted = score.length / STEPS_PER_QUARTER * 60 / tempo
        assert seconds == pytest.approx(wanted + TAIL, abs=0.2)
        assert peak > 0.3
    both, peak = heard(wav_of_all((ODE, ODE), 180, 73))
    assert both > 2 * wanted
    assert peak > 0.3


def test_long_pieces_are_cut_after_a_whole_bar() -> None:
    long = parse_score("0 |4/4 " + "|".join(["C4:96"] * 200))
    cut = shortened(long, 100)
    assert len(cut.metres) == 62
    assert shortened(cut, 100) is cut
    assert len(shortened(long, 40, longest=0.1).metres) == 1


def test_files_of_a_tune_hold_it_and_where_it_is_from() -> None:
    score, about = parse_score(ODE), {"bundle": "abc123", "seed": 7}
    sound = Sound(tempo=90, instrument="flute")
    files = {name: content(score, name, "A tune", sound, about) for name in FORMATS}
    midi = symusic.Score.from_midi(files["mid"])
    assert len(midi.tracks[0].notes) == len(score.notes)
    assert midi.tracks[0].program == sound.program == 73
    assert midi.tempos[0].qpm == pytest.approx(90, abs=0.01)
    (again,) = read_music(files["musicxml"], "tune.musicxml")
    assert again.score.notes == score.notes
    assert heard(files["wav"])[1] > 0.3
    assert files["png"].startswith(b"\x89PNG")
    for name in FORMATS:
        assert b"abc123" in files[name], name


def test_badges_name_the_bar() -> None:
    assert [chip.text for chip in badges(item_of(ODE))] == ["valid", "D / Bm"]
    (chip,) = badges(item_of("0 |4/4 C4:96|C4:48"))
    assert (chip.text, chip.tone) == ("invalid · bar 2", "bad")
    assert "48 of 96 steps filled" in chip.title
    assert badges(item_of("nothing"))[0].text == "invalid"


def test_abc_in_the_field_of_notation_is_sent_where_it_belongs() -> None:
    assert SPEC.field.read(ODE) == ODE
    for typed in ("X:1 K:G GABc", "K:G GABc|"):
        with pytest.raises(DomainError, match="looks like ABC"):
            SPEC.field.read(typed)
    with pytest.raises(DomainError, match="enter a tune"):
        SPEC.field.read("")


def test_nearest_to_a_wish() -> None:
    start = item_of(ODE)
    higher = item_of(ODE.replace("4:", "5:"))
    sd = {"mean_pitch": 12.0, "density": 0.5}
    wish = {"mean_pitch": 1.0}
    assert missed(higher, start, wish, sd, 1.0) < 0.01
    assert missed(start, start, wish, sd, 1.0) == pytest.approx(1)
    assert missed(start, start, {}, sd, 1.0) == 0
    assert missed(Item("x"), start, wish, sd, float("nan")) > 1


def test_spec_is_of_the_domain() -> None:
    assert set(SPEC.cards.scores) <= set(MidiDomain().score([]))
    assert set(SPEC.cards.names) <= set(SPEC.cards.scores)
    for typed in (*SPEC.field.ends, *SPEC.field.examples.values()):
        assert item_of(SPEC.field.read(typed)).ok
    assert SPEC.cards.draw(item_of(ODE), 420).picture is not None
