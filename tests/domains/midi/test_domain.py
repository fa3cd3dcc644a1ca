"""The midi domain: verdicts with bar and place, items on a command line, likeness, presets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.midi.commands import COMMANDS
from domains.midi.domain import MidiDomain
from domains.midi.examples import EXAMPLES
from domains.midi.items import read_excerpt, read_item, show
from domains.midi.notation import Event, Score, format_score, parse_score
from tests.domains.midi.tunes import scores
from tvae_core.domain import DomainError
from tvae_core.model.config import TVAEConfig
from tvae_core.model.vae import TransformerVAE
from tvae_core.training.presets import CORE_PRESETS, find_presets, merge

DOMAIN = MidiDomain()
ODE = EXAMPLES["Ode to Joy"]


def test_the_examples_are_canonical_and_of_several_kinds() -> None:
    assert [verdict.canonical for verdict in DOMAIN.check(DOMAIN.examples())] == DOMAIN.examples()
    read = [parse_score(text) for text in DOMAIN.examples()]
    assert len(read) >= 8
    assert all(len(score.metres) == 4 for score in read)
    assert {(3, 4), (4, 4), (6, 8)} <= {score.metres[0] for score in read}
    assert any(len(score.voices) == 2 for score in read)
    assert any("~" in text for text in DOMAIN.examples())


@pytest.mark.parametrize(
    ("text", "reason", "position"),
    [
        ("", "does not begin with a key signature", 0),
        ("0 |4/4 C4:48G4:24", "bar 1: 72 of 96 steps filled", 17),
        ("0 |4/4 C4:96|G4:48C5:72", "bar 2: C5:72 goes beyond the bar's 96 steps", 18),
        ("0 |4/4 C4:96|H4:96", "bar 2: no note or rest here", 13),
        ("0 |4/4 C4:96;E4:96|C4:96", "bar 2: 1 voices, not 2", 19),
        ("0 |4/4 C4:96;E4:48", "bar 1, voice 2: 48 of 96 steps filled", 18),
        ("0 |4/4 C4:96~|D4:96", "bar 2: the tie does not lead to its note", 14),
        ("0 |4/4 C4:0", "bar 1: C4:0 lasts 0 steps", 7),
        ("0 |4/4 C9:96", "bar 1: C9 is out of the piano's range", 7),
        ("0 |4/3 C4:96", "bar 1: no metre 4/3", 3),
        ("0 |4/4 r:96|r:96", "silent: no note in any bar", None),
        ("0 |4/4 r:96;r:96", "silent: no note in any bar", None),
        ("0 |1/1 " * 20_000, "longer than 100,000 characters", 100_000),
    ],
)
def test_what_is_no_tune_is_told_where_and_why(
    text: str, reason: str, position: int | None
) -> None:
    (verdict,) = DOMAIN.check([text])
    assert (verdict.ok, verdict.position) == (False, position)
    assert reason in (verdict.reason or "")
    for call in (DOMAIN.from_text, DOMAIN.render):
        with pytest.raises(DomainError):
            call(text)


@given(scores())
def test_scores_and_texts_are_one(score: Score) -> None:
    text = DOMAIN.to_text(score)
    assert DOMAIN.from_text(text) == score
    (verdict,) = DOMAIN.check([text])
    assert (verdict.ok, verdict.canonical) == (True, text)
    assert DOMAIN.similarity([text], [text]).tolist() == [1]


@given(scores(), st.data())
def test_a_broken_text_is_answered(score: Score, data: st.DataObject) -> None:
    text = format_score(score)
    place = data.draw(st.integers(0, len(text)))
    broken = text[:place] + data.draw(st.text("0123456789:|;~+r#b/ ACG\u0664", max_size=3))
    broken += text[place + data.draw(st.integers(0, 3)) :]
    (verdict,) = DOMAIN.check([broken])
    assert verdict.ok == (verdict.reason is None)
    values = DOMAIN.score([broken])
    assert np.isnan(values["notes"][0]) != verdict.ok
    if verdict.canonical is not None:
        assert DOMAIN.check([verdict.canonical])[0].canonical == verdict.canonical


def test_two_spellings_have_one_form() -> None:
    (verdict,) = DOMAIN.check(["0 |4/4 C4:048C4:48|4/4 r:96"])
    assert verdict.canonical == "0 |4/4 C4:48C4:48|r:96"


@pytest.mark.parametrize(
    ("score", "reason"),
    [
        (Score(0, ((4, 4),), ((Event(0, 48, (60,)), Event(24, 24, (64,))),)), "bar 1: E4:0"),
        (Score(0, ((4, 4),), ((Event(0, 96, (60,)), Event(96, 24, (64,))),)), "leave the bars"),
        (Score(0, ((4, 4),), ((Event(90, 48, (60,)),),)), "beyond the last bar"),
        (Score(0, ((4, 4),), ((),)), "silent"),
        (Score(0, ((4, 0),), ((Event(0, 96, (60,)),),)), "cannot write"),
        (Score(9, ((4, 4),), ((Event(0, 96, (60,)),),)), "key signature"),
        (Score(0, (), ()), "no bar"),
        ("0 |4/4 C4:96", "not str"),
    ],
)
def test_scores_that_have_no_text(score: Score, reason: str) -> None:
    with pytest.raises(DomainError, match=reason):
        DOMAIN.to_text(score)


def test_likeness() -> None:
    one, two = "0 |4/4 C4:24D4:24E4:24F4:24", "0 |4/4 C4:24D4:24E4:48"
    found = DOMAIN.similarity([one, one, one, "x"], [one, two, "3b" + one[1:], one])
    assert found[:3].tolist() == [1, 0.5, 1]
    assert np.isnan(found[3])
    voices = DOMAIN.similarity(["0 |4/4 C4:96;E4:96"], ["0 |4/4 C4:96"])
    assert voices.tolist() == pytest.approx([1 / 3])
    rests = DOMAIN.similarity(["0 |4/4 r:48C4:48"], ["0 |4/4 C4:48r:48"])
    assert rests[0] < 1
    assert DOMAIN.similarity([], []).shape == (0,)


def test_long_tunes_are_compared_in_bounded_work() -> None:
    long = "0 |8/4 " + "|".join(["C4:12" * 16] * 1000)
    found = DOMAIN.similarity([long, long, ODE], [long, ODE, long])
    assert found[0] == 1
    assert (found[1:] < 0.01).all()


def test_items_of_a_command_line(tmp_path: Path) -> None:
    assert read_item("1") == ODE
    assert read_item(ODE) == ODE
    assert read_item("nonsense") == "nonsense"  # the verbs check it and say why
    with pytest.raises(DomainError, match="there are 12 examples, 1 to 12"):
        read_item("13")
    with pytest.raises(DomainError, match="No such file"):
        read_item(str(tmp_path / "none.mid"))


def test_items_from_files(tmp_path: Path) -> None:
    bars = "|".join(f"{name}2 z2" for name in "CDEFGAB")
    tunes = f"X:1\nT:Scale\nM:4/4\nL:1/4\nK:C\n{bars}|\n\nX:2\nT:Low\nM:3/4\nL:1/4\nK:G\nD2G|z3|\n"
    path = tmp_path / "two #1.abc"
    path.write_text(tunes)
    assert read_item(str(path)) == "0 |4/4 C4:48r:48|D4:48r:48|E4:48r:48|F4:48r:48"
    assert read_item(f"{path}:6-7") == "0 |4/4 A4:48r:48|B4:48r:48"
    assert read_item(f"{path}:7") == "0 |4/4 B4:48r:48"
    assert len(parse_score(read_item(f"{path}:all")).metres) == 7
    assert read_item(f"{path}#2") == "1# |3/4 G4:48C5:24|r:72"
    assert read_excerpt(path, 2, 1, 1).notes == ((0, 48, 62), (48, 24, 67))
    for place, reason in (
        ("#3", "no piece 3, there are 2"),
        (":8", "no bars 8 to 8, the piece has 7"),
        (":5-4", "no bars 5 to 4"),
        ("#2:2", "bars 2 to 2 are silent"),
    ):
        with pytest.raises(DomainError, match=reason):
            read_item(f"{path}{place}")


def test_a_tune_on_a_line() -> None:
    assert show(ODE).startswith("D 4/4 F#4 F#4 G4 A4 | A4 G4 F#4 E4 | D4")
    assert show(EXAMPLES["Auld Lang Syne"]).startswith("F 4/4 _:3 C4 | F4:3/2 F4:1/2")
    assert "Bb4:4~ | Bb4" in show(EXAMPLES["When the Saints Go Marching In"])
    assert show(EXAMPLES["Minuet in G (Petzold)"]).endswith(" (+1 voice)")
    assert show("no\ntune") == "no\\ntune"
    assert len(show("0 |4/4 " + "|".join(["C4:6" * 16] * 40))) <= 160


@pytest.mark.parametrize(
    ("names", "code", "window"),
    [
        (["midi_base"], (6, 32), 0),
        (["midi_small"], (4, 24), 0),
        (["midi_base", "midi_2bars"], (4, 32), 0),
        (["midi_base", "midi_16bars"], (16, 32), 24),
        (["midi_base", "chorales"], (8, 32), 0),
    ],
)
def test_presets(names: list[str], code: tuple[int, int], window: int) -> None:
    folders = [CORE_PRESETS, COMMANDS.presets]
    assert set(names) <= set(find_presets(folders))
    merged = merge(names, folders, {})
    config = TVAEConfig(**({"vocab_size": 2048} | merged.model))
    assert (config.n_latent, config.latent_size) == code
    assert config.window_size == window
    assert merged.train["data"].startswith("data/midi")
    size = sum(weight.numel() for weight in TransformerVAE(config).parameters())
    assert size < 6_000_000
