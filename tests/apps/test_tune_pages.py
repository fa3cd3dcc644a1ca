"""The pages of music alone, driven without a browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from domains.midi.examples import EXAMPLES
from domains.midi.notation import parse_score
from domains.midi.writing.writers import to_midi
from tests.apps.browsing import markdown_of
from tests.domains.midi.reading.midi_files import (
    SCALE,
    key,
    midi_file,
    name,
    notes,
    off,
    on,
    track,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.parametrize("entry", ["music"], indirect=True),
]

Opened = Callable[..., AppTest]


def sounds(app: AppTest) -> list[str]:
    """Addresses of what the players hold: equal for equal sound."""
    return [player.proto.url for player in app.get("audio")]


def test_a_sample_is_heard_when_asked_for(opened: Opened) -> None:
    app = opened(sample_n=24)
    assert sounds(app) == []
    valid = [t for t in app.session_state["music_sample_job"].texts if _is_tune(t)]
    assert valid
    app.session_state["_music_sample_cards_heard"] = valid[0]
    app.run()
    (first,) = sounds(app)
    app.slider(key="music_tempo").set_value(160).run()
    (faster,) = sounds(app)
    app.selectbox(key="music_instrument").set_value("flute").run()
    (flute,) = sounds(app)
    assert len({first, faster, flute}) == 3
    assert not app.exception
    labels = {button.proto.label for button in app.get("download_button")}
    assert {"MID", "MUSICXML", "WAV", "PNG", "CSV"} <= labels


def _is_tune(text: str) -> bool:
    from domains.midi.domain import MidiDomain

    return MidiDomain().check([text])[0].ok


def test_blend_plays_each_step_and_the_whole_way(opened: Opened) -> None:
    app = opened("walk", walk_mode="auto", walk_steps=4)
    assert "of 2 steps between are valid" in markdown_of(app)
    steps = set()
    for step in range(1, 5):
        app.slider(key="music_walk_step").set_value(step).run()
        assert not app.exception
        steps |= set(sounds(app))
    assert steps
    app.toggle(key="music_walk_path").set_value(True).run()
    assert not app.exception
    # one sound more, unless a single step is valid and so is the whole way
    assert set(sounds(app)) - steps or len(steps) == 1


def test_own_tune_comes_back_and_varies(opened: Opened) -> None:
    app = opened("tune", tune=EXAMPLES["Frere Jacques"])
    assert "variations** in 12 decodings" in markdown_of(app)
    assert len(sounds(app)) >= 1
    (before,) = [app.session_state["_music_tune_job"][1].settings["seed"]]
    app.button(key="music_tune_again").click().run()
    assert app.session_state["_music_tune_job"][1].settings["seed"] == before + 1
    app.text_input(key="music_tune").set_value("0 |4/4 C4:24").run()
    assert not app.exception
    (error,) = app.error
    assert "ar 1: 24 of 96 steps filled" in error.value


def test_abc_fills_the_field_or_says_why_not(opened: Opened) -> None:
    app = opened("tune", tune_way="ABC")
    assert app.text_input(key="music_tune").value.startswith("2# |4/4 G4:24E4:12")
    app.text_area(key="music_tune_abc").set_value("K:G\nM:3/4\nL:1/4\nGAB|cBA|G3|").run()
    assert app.text_input(key="music_tune").value == "1# |3/4 C5:24D5:24E5:24|F5:24E5:24D5:24|C5:72"
    # what is typed over it stays
    app.text_input(key="music_tune").set_value(EXAMPLES["Ode to Joy"]).run()
    assert app.text_input(key="music_tune").value == EXAMPLES["Ode to Joy"]
    app.text_area(key="music_tune_abc").set_value("").run()
    assert not app.exception
    assert any("ype a tune in ABC" in error.value for error in app.error)


def test_uploads(opened: Opened) -> None:
    app = opened("tune", tune_way="Upload")
    midi = to_midi(parse_score(EXAMPLES["Yankee Doodle"]))
    app.file_uploader(key="music_tune_file").set_value(("yankee.mid", midi, "audio/midi")).run()
    assert not app.exception
    got = parse_score(app.text_input(key="music_tune").value)
    assert got.notes[:4] == parse_score(EXAMPLES["Yankee Doodle"]).notes[:4]
    for file, data in (("x.mid", b"not music at all"), ("cut.mid", midi[:40]), ("no.abc", b"  ")):
        app.file_uploader(key="music_tune_file").set_value((file, data, "audio/midi")).run()
        assert not app.exception
        assert any(file[1:] in error.value for error in app.error), file


def test_parts_of_an_upload_are_chosen(opened: Opened) -> None:
    app = opened("tune", tune_way="Upload")
    tracks = [
        track(name(f"P{part}"), key(0), *notes([60 + part + n % 5 for n in range(16)]))
        for part in range(9)
    ]
    scale = [event for p in SCALE for event in (on(p, delta=6), off(p, delta=90))]
    drums = track(*notes([36] * 8, channel=9))
    data = midi_file(*tracks, track(name("Vocal"), key(0), *scale), drums)
    app.file_uploader(key="music_tune_file").set_value(("song.mid", data, "audio/midi")).run()
    assert not app.exception
    (part,) = [box for box in app.selectbox if box.label == "Part, of 10"]
    assert part.value == 9
    captions = " ".join(caption.value for caption in app.caption)
    assert "drums left out: 1 track, 8 notes" in captions
    assert "more than 8 voices at once: choose a part" in captions
    part.select(0).run()
    assert not app.exception
    assert app.text_input(key="music_tune").value.startswith("0 |4/4 C4:24C#4:24D4:24D#4:24|")
    app.segmented_control(key="music_tune_grid").set_value(16).run()
    assert not app.exception
    assert "put on a grid of 1/16" in " ".join(caption.value for caption in app.caption)


def test_pad_plays_its_points(opened: Opened) -> None:
    app = opened("pad")
    heard = []
    for x, y in ((0.0, 0.0), (1.0, 1.0), (0.3, 0.7)):
        app.number_input(key="music_pad_x").set_value(x)
        app.number_input(key="music_pad_y").set_value(y)
        app.button(key="music_pad_go").click().run()
        assert not app.exception
        heard += sounds(app)
    assert heard
    app.segmented_control(key="music_pad_kind").set_value("Main axes").run()
    assert not app.exception
    assert not app.error or "three valid" in app.error[0].value


def test_shape_answers_what_is_asked(opened: Opened) -> None:
    app = opened("shape")
    assert len(sounds(app)) == 1
    app.slider(key="music_shape_density").set_value(2.0).run()
    assert not app.exception
    assert not app.error
    job = app.session_state["_music_shaped_job"][1]
    assert job.settings["asked"] == {"density": 2.0}
    assert len(job.texts) == len(job.latents) >= 12 + 3 * 8
    assert app.table or any("ask for less" in info.value for info in app.info)
    (reset,) = [b for b in app.button if b.label == "Back to the tune"]
    reset.click().run()
    assert app.slider(key="music_shape_density").value == 0


@pytest.mark.parametrize("page", ["around", "map"])
def test_pages_of_every_app_are_heard_here(opened: Opened, page: str) -> None:
    app = opened(page)
    assert not app.error
    if page == "map":
        app.number_input(key="music_map_x").set_value(0.3)
        app.button(key="music_map_go").click().run()
    assert not app.exception
    if page == "around":
        assert len(sounds(app)) == 1
