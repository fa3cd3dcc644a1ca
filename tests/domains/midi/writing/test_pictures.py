"""Piano rolls: what is drawn, where, and whether it is a file that others read."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from typing import Any

import matplotlib.image
import numpy as np
import numpy.typing as npt
import pytest

from domains.midi.notation import Event, Score, parse_score
from domains.midi.writing.pictures import (
    MOST_ROLLS,
    VOICE_COLOURS,
    piano_roll,
    piano_roll_png,
    roll_sheet,
)
from domains.midi.writing.roll import MOST_BARS, lay_out
from tests.domains.midi.pieces import PIECES

SVG = "{http://www.w3.org/2000/svg}"
Pixels = npt.NDArray[np.float32]


def notes_of(root: ET.Element) -> list[ET.Element]:
    return [rect for rect in root.iter(f"{SVG}rect") if rect.get("fill") in VOICE_COLOURS]


def pixels(data: bytes) -> Pixels:
    read: Pixels = matplotlib.image.imread(io.BytesIO(data), format="png")
    return read


def place(rect: ET.Element) -> tuple[float, ...]:
    return tuple(float(rect.get(name) or 0) for name in ("x", "y", "width", "height"))


@pytest.mark.parametrize("name", PIECES)
def test_every_note_is_in_the_picture(name: str) -> None:
    score = PIECES[name]
    root = ET.fromstring(piano_roll(score, title=f"<{name}> & more\x01"))
    wide, tall = (float(root.get(side) or 0) for side in ("width", "height"))
    named = [rect for rect in notes_of(root) if rect.find(f"{SVG}title") is not None]
    assert len(named) >= len(score.notes)
    for rect in root.iter(f"{SVG}rect"):
        x, y, width, height = place(rect)
        assert width > 0
        assert height > 0
        assert 0 <= x <= x + width <= wide
        assert 0 <= y <= y + height <= tall
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert f"<{name}> & more " in words
    assert f"1   {'{}/{}'.format(*score.metres[0])}" in words


def test_time_goes_right_and_pitch_up() -> None:
    score = PIECES["tune"]
    root = ET.fromstring(piano_roll(score))
    places = [place(rect) for rect in notes_of(root)]
    events = score.voices[0]
    assert len(places) == len(events)
    for (x1, y1, w1, _), a in zip(places, events, strict=True):
        assert w1 == pytest.approx((x2_of(places) - places[0][0]) / 360 * a.duration, abs=4)
        for (x2, y2, _, _), b in zip(places, events, strict=True):
            assert (x1 < x2) == (a.start < b.start)
            assert (y1 > y2) == (a.pitches < b.pitches)


def x2_of(places: list[tuple[float, ...]]) -> float:
    """Right end of the last note, which ends at step 360."""
    return places[-1][0] + places[-1][2]


def test_long_pieces_take_rows() -> None:
    one = lay_out(parse_score("0 |4/4 C4:96" + "|C4:96" * 3))
    four = lay_out(parse_score("0 |4/4 C4:96" + "|C4:96" * 15))
    assert four.width == one.width
    assert 3 * one.height < four.height < 5 * one.height
    tied = lay_out(parse_score("0 |4/4 C4:96~" + "|C4:96~" * 7 + "|C4:96"))
    parts = [shape for shape in tied.shapes if shape.voice == 0]
    assert len(parts) == 3
    assert {part.radius for part in parts} == {0}


def test_pictures_have_a_limit_and_say_so() -> None:
    score = Score(0, ((4, 4),) * 1024, ((Event(0, 96, (60,)), Event(1000 * 96, 96, (60,))),))
    text = piano_roll(score)
    assert f"bars 1 to {MOST_BARS} of 1,024" in text
    assert len(notes_of(ET.fromstring(text))) == 1


def test_voices_have_colours_and_a_legend() -> None:
    root = ET.fromstring(piano_roll(PIECES["eight voices"]))
    assert {rect.get("fill") for rect in notes_of(root)} == set(VOICE_COLOURS)
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert [f"voice {number}" for number in range(1, 9)] == [w for w in words if "voice" in str(w)]


def test_compound_metres_are_ruled_by_their_beats() -> None:
    def beats(text: str) -> int:
        return sum(line.weight == 0 for line in lay_out(parse_score(text)).lines)

    assert beats("0 |4/4 C4:96") == 3
    assert beats("0 |6/8 C4:72") == 1
    assert beats("0 |9/8 C4:108") == 2
    assert beats("0 |3/8 C4:36") == 2
    assert beats("0 |7/8 C4:84") == 6


def test_flat_keys_name_flats() -> None:
    words = {word.text for word in lay_out(parse_score("3b |4/4 C4:96")).words}
    assert "Eb4" in words
    assert not any("#" in word for word in words)


def contrast(colour: str, ground: str) -> float:
    """Contrast ratio by WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""

    def light(name: str) -> float:
        parts = [int(name[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    a, b = sorted((light(colour), light(ground)))
    return (b + 0.05) / (a + 0.05)


@pytest.mark.parametrize("ground", ["#ffffff", "#0e1117"])
def test_colours_stand_out_on_light_and_dark_pages(ground: str) -> None:
    for colour in VOICE_COLOURS:
        assert contrast(colour, ground) > 2.6, colour
    root = ET.fromstring(piano_roll(PIECES["tune"], title="x"))
    for text in root.iter(f"{SVG}text"):
        assert contrast(str(text.get("fill")), ground) > 3.5


def test_picture_says_where_it_is_from() -> None:
    about = {"bundle": "1a2b", "seed": 7, "words": "é <&>"}
    root = ET.fromstring(piano_roll(PIECES["tune"], about=about))
    assert json.loads(root.findtext(f"{SVG}metadata") or "") == about
    for made in (
        piano_roll_png(PIECES["tune"], about=about),
        roll_sheet([PIECES["tune"]], about=about),
    ):
        at = made.index(b"Description\0")
        size = int.from_bytes(made[at - 8 : at - 4], "big")
        assert json.loads(made[at + 12 : at + size]) == about


def coloured(picture: Pixels, colour: str) -> npt.NDArray[np.bool_]:
    wanted = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    same: npt.NDArray[np.bool_] = (np.abs(picture[..., :3] - wanted) < 0.02).all(axis=-1)
    return same


def test_png_shows_the_svg() -> None:
    score = PIECES["voices"]
    picture = pixels(piano_roll_png(score, title="$x_1$ \ud800"))
    drawing = lay_out(score, "$x_1$ \ud800")
    assert picture.shape[:2] == (2 * drawing.height, 2 * drawing.width)
    for shape in drawing.shapes:
        if shape.voice >= 0:
            y, x = 2 * (shape.y + shape.height / 2), 2 * (shape.x + shape.width / 2)
            assert coloured(picture, VOICE_COLOURS[shape.voice])[int(y), int(x)]
    corner = picture[-2, 2, :3]
    np.testing.assert_array_equal(corner, [1, 1, 1])
    assert piano_roll_png(score) == piano_roll_png(score)


def test_sheet_has_a_cell_each() -> None:
    tune = PIECES["tune"]
    picture = pixels(roll_sheet([tune, None, tune, tune], columns=2))
    blue = coloured(picture, VOICE_COLOURS[0])
    middle, centre = (side // 2 for side in blue.shape)
    assert blue[:middle, :centre].any()
    assert not blue[:middle, centre:].any()
    assert blue[middle:, :centre].any()
    assert blue[middle:, centre:].any()


@pytest.mark.parametrize(
    ("scores", "settings", "message"),
    [
        ([], {}, "not 0"),
        ([None] * (MOST_ROLLS + 1), {}, "not 1,001"),
        ([None], {"columns": 0}, "at least 1 column"),
    ],
)
def test_refused_sheets(scores: list[Any], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        roll_sheet(scores, **settings)
