"""The mnist domain: text and array, checks, scores, pictures, what a person may give, presets."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from domains.mnist import classifier
from domains.mnist.commands import COMMANDS
from domains.mnist.domain import MnistDomain, read_item, shipped_examples, show
from domains.mnist.images import pool, resample, to_levels
from domains.mnist.render import digit_png, grid_png, write_sheet
from domains.mnist.scores import SCORES, components
from domains.mnist.text import (
    LONGEST,
    SIDES,
    Levels,
    array_to_text,
    orientation_of,
    text_to_array,
)
from domains.mnist.tokenizer import build_tokenizer
from tvae_core.byte_pair import encode_many
from tvae_core.domain import DomainError
from tvae_core.presets import CORE_PRESETS, find_presets, merge

DOMAIN = MnistDomain()
SEVEN, SIX = shipped_examples()[7][0], shipped_examples()[6][0]
BAR = np.zeros((9, 9), dtype=np.uint8)
BAR[2:7, 4] = 63
LINES = array_to_text(BAR).split("\n")


def levels(side: int) -> st.SearchStrategy[Levels]:
    """Digits of one size with enough ink not to be blank."""
    arrays = hnp.arrays(np.uint8, (side, side), elements=st.integers(0, 63))
    return arrays.map(lambda array: np.maximum(array, np.eye(side, dtype=np.uint8) * 20))


def refused(text: object) -> DomainError:
    with pytest.raises(DomainError) as caught:
        text_to_array(text)  # type: ignore[arg-type]
    (verdict,) = DOMAIN.check([text])  # type: ignore[list-item]
    assert (verdict.ok, verdict.reason) == (False, caught.value.reason)
    assert verdict.position == caught.value.position
    return caught.value


@given(data=st.data(), side=st.sampled_from(SIDES), way=st.sampled_from(["down", "up"]))
def test_every_digit_comes_back_exactly(data: st.DataObject, side: int, way: str) -> None:
    array = data.draw(levels(side))
    text = array_to_text(array, way)  # type: ignore[arg-type]
    back = text_to_array(text)
    assert back.dtype == np.uint8
    assert np.array_equal(back, array)
    assert array_to_text(back, orientation_of(text)) == text
    (verdict,) = DOMAIN.check([text])
    assert verdict.ok
    assert verdict.canonical == text


def test_the_format_is_that_of_mnist_text() -> None:
    array = np.zeros((14, 14), dtype=np.uint8)
    array[0, 4:12] = [4, 4, 34, 43, 64 - 1, 61, 0, 1]
    text = array_to_text(array)
    assert text.split("\n")[0] == '00 down ! ! ! ! % % C L ` ^ ! " ! !'
    assert text.split("\n")[13] == "13 down" + " !" * 14
    up = array_to_text(array, "up").split("\n")
    assert up[0] == "13 up" + " !" * 14
    assert up[13] == '00 up ! ! ! ! % % C L ` ^ ! " ! !'
    assert np.array_equal(text_to_array("\n".join(up)), array)
    assert len(array_to_text(np.zeros((28, 28), dtype=np.uint8))) == LONGEST


def line(number: int, new: str) -> str:
    return "\n".join([*LINES[:number], new, *LINES[number + 1 :]])


START_3 = 3 * (len(LINES[0]) + 1)
ROW_3 = LINES[3]


@pytest.mark.parametrize(
    ("text", "said", "position"),
    [
        ("", "empty", 0),
        ("hello", "starts with a row label", 0),
        ("\n" + "\n".join(LINES), "starts with a row label", 0),
        ("\n".join(LINES[:8]), "8 rows, where a digit of this width has 9", 8 * len(LINES[0]) + 7),
        ("\n".join(LINES) + "\n", "10 rows", 9 * len(LINES[0]) + 8),
        ("\n".join([*LINES, LINES[8]]), "10 rows", 9 * len(LINES[0]) + 8),
        (line(3, "04" + ROW_3[2:]), "row 4 is numbered 04, not 03", START_3),
        (line(3, "xx" + ROW_3[2:]), "row 4 starts with no label", START_3),
        (line(3, ROW_3.replace("down", "side")), "row 4 starts with no label", START_3),
        (line(3, ROW_3.replace("down", "up")), "mixed orientations", START_3 + 3),
        (line(3, ROW_3[:-2]), "row 03 has 8 pixels, not 9", START_3 + len(ROW_3) - 2),
        (line(3, ROW_3[:-1]), "row 03 has 8 pixels, not 9", START_3 + len(ROW_3) - 1),
        (line(3, ROW_3 + " !"), "more than 9 pixels", START_3 + len(ROW_3)),
        (line(3, ROW_3[:8] + "a" + ROW_3[9:]), "'a' is no pixel", START_3 + 8),
        (line(3, ROW_3[:8] + " " + ROW_3[9:]), "' ' is no pixel", START_3 + 8),
        (line(3, ROW_3[:9] + "x" + ROW_3[10:]), "where a space goes", START_3 + 9),
        (line(0, LINES[0][:-2]), "row 00 has 8 pixels, not 9", len(LINES[0]) - 2),
        ("00 down ! !\n01 down ! !", "digits have 9 x 9", 11),
        ("00 down" + " !" * 14, "1 rows, where a digit of this width has 14", 35),
        ("x" * (LONGEST + 1), "at most 1,791", LONGEST),
    ],
)
def test_each_mistake_has_its_place(text: str, said: str, position: int) -> None:
    error = refused(text)
    assert said in error.reason
    assert error.position == position


@pytest.mark.parametrize("side", SIDES)
def test_a_blank_image_is_no_digit(side: int) -> None:
    array = np.full((side, side), 15, dtype=np.uint8)
    array[0, :2] = 63
    error = refused(array_to_text(array))
    assert "blank" in error.reason
    assert error.position is None
    array[0, 2] = 16
    assert np.array_equal(text_to_array(array_to_text(array)), array)


JUNK = {
    "nul": "\x00" * 50,
    "spaces": "! " * 5_000_000,
    "labels": "00 down" * 1_500_000,
    "lines": "\n" * 10_000_000,
    "surrogate": "00 down\ud800",
    "umlaut": SEVEN.replace("down", "d\u00f6wn"),
    "crlf": SEVEN.replace("\n", "\r\n"),
    "other_digits": SEVEN.replace("0", "\u0660"),
    "none": None,
    "number": 7,
    "bytes": b"00 down",
}


@pytest.mark.parametrize("kind", JUNK)
def test_junk_is_refused_at_once(kind: str) -> None:
    assert refused(JUNK[kind]).reason


@given(data=st.data(), way=st.sampled_from(["down", "up"]))
def test_a_spoilt_text_is_told_or_another_digit(data: st.DataObject, way: str) -> None:
    """One character changed, put in or left out: refused with a place in the text, or a digit."""
    text = array_to_text(text_to_array(SEVEN), way)  # type: ignore[arg-type]
    at = data.draw(st.integers(0, len(text) - 1))
    new = data.draw(st.sampled_from(["", " ", "!", "0", "u", "\n", "a", "\x00", "! "]))
    spoilt = text[:at] + new + text[at + data.draw(st.integers(0, 1)) :]
    (verdict,) = DOMAIN.check([spoilt])
    if verdict.ok:
        assert array_to_text(text_to_array(spoilt), way) == spoilt  # type: ignore[arg-type]
    else:
        assert verdict.reason
        assert verdict.position is not None
        assert 0 <= verdict.position <= len(spoilt)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((10, 10), dtype=np.uint8), "not shape (10, 10)"),
        (np.zeros((9, 14), dtype=np.uint8), "not shape (9, 14)"),
        (np.zeros(81, dtype=np.uint8), "not shape (81,)"),
        (np.zeros((9, 9)), "whole numbers"),
        (np.full((9, 9), 64), "from 0 to 63, not from 64 to 64"),
        (np.full((9, 9), -1), "from 0 to 63"),
    ],
)
def test_what_is_no_array_of_levels(array: np.ndarray, said: str) -> None:
    with pytest.raises(DomainError) as caught:
        DOMAIN.to_text(array)
    assert said in caught.value.reason


@pytest.mark.parametrize(("side", "length"), [(9, 99), (14, 224), (28, 840)])
def test_one_token_a_pixel_number_or_orientation(side: int, length: int) -> None:
    rng = np.random.default_rng(0)
    arrays = rng.integers(0, 64, (20, side, side), dtype=np.uint8)
    texts = [array_to_text(array, way) for array in arrays for way in ("down", "up")]
    tokenizer = build_tokenizer([], side)
    rows = encode_many(tokenizer, texts)
    assert {len(row) for row in rows} == {length}
    assert tokenizer.batch_decode(rows) == texts
    assert len(tokenizer) < 256


def test_merges_shorten_and_lose_nothing() -> None:
    texts = DOMAIN.examples()
    tokenizer = build_tokenizer(texts, 14, 100)
    assert len(tokenizer) == len(build_tokenizer(texts, 14)) + 100
    rows = encode_many(tokenizer, texts)
    assert max(map(len, rows)) < 120
    strange = [SEVEN.replace("down", "up"), "", "no digit \u2603\n00", "13 up !\n13"]
    assert [tokenizer.decode(row) for row in encode_many(tokenizer, [*texts, *strange])] == [
        *texts,
        *strange,
    ]
    short = build_tokenizer(texts, 14, 100, max_token_length=2)
    assert min(map(len, encode_many(short, texts))) >= 112


def test_pooling_keeps_the_brightest() -> None:
    image = np.zeros((28, 28), dtype=np.uint8)
    image[10, 12], image[1, 1], image[27, 27] = 255, 128, 7
    assert np.array_equal(np.argwhere(to_levels(image, 14)), [[0, 0], [5, 6], [13, 13]])
    assert to_levels(image, 14)[5, 6] == 63
    assert to_levels(image, 9)[3, 3] == 63
    assert to_levels(image, 9)[0, 0] == 32
    assert to_levels(np.stack([image] * 3), 28).shape == (3, 28, 28)
    assert np.array_equal(pool(image, 28), image)


@given(value=st.integers(0, 63), side=st.sampled_from(SIDES))
def test_resampling_keeps_a_plain_image(value: int, side: int) -> None:
    plain = np.full((9, 9), value, dtype=np.uint8)
    assert np.allclose(resample(plain, side), value, atol=1e-4)


def test_the_classifier_reads_the_examples() -> None:
    """Held-out digits, in every size and either orientation; its file tells its accuracy."""
    labels = [label for label, texts in shipped_examples().items() for _ in texts]
    assert sorted(set(labels)) == list(range(10))
    digits = [text_to_array(text) for text in DOMAIN.examples()]
    texts = [array_to_text(digit, way) for digit in digits for way in ("down", "up")]
    read = DOMAIN.score(texts)
    assert (read["digit"] == np.repeat(labels, 2)).mean() >= 0.95
    assert read["digit_confidence"].min() > 0.3
    large = [array_to_text(digit.repeat(2, axis=0).repeat(2, axis=1)) for digit in digits]
    assert np.allclose(DOMAIN.score(large)["digit"], read["digit"][::2])
    about = classifier.metadata()
    assert json.loads(about["accuracy"])["small"]["test"] >= 0.98
    assert classifier.WEIGHTS.stat().st_size <= 300_000


def test_training_the_classifier_is_repeatable() -> None:
    rng = np.random.default_rng(0)
    images = rng.random((256, 14, 14), dtype=np.float32) * 0.2
    labels = np.arange(256) % 10
    for row, label in enumerate(labels):
        images[row, 2:12, 2 + label] = 1
    first, second = (classifier.fit(images, labels, 2, seed=1) for _ in range(2))
    for name, value in first.state_dict().items():
        assert np.array_equal(value.numpy(), second.state_dict()[name].numpy()), name


def test_a_file_that_is_no_classifier(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"nothing of the kind")
    for name in ("bad.safetensors", "missing.safetensors"):
        with pytest.raises(DomainError, match="is no digit classifier"):
            classifier.probabilities([BAR], tmp_path / name)


def test_scores_of_a_bar_and_a_ring() -> None:
    ring = np.zeros((28, 28), dtype=np.uint8)
    ring[6:20, 8:18] = 63
    ring[8:18, 10:16] = 0
    ring[24, 24] = ring[25, 25] = 40
    scores = DOMAIN.score([array_to_text(BAR), "00 down", array_to_text(ring, "up")])
    assert set(scores) == set(SCORES)
    assert all(np.isnan(values[1]) for values in scores.values())
    assert scores["ink"][0] == pytest.approx(5 / 81)
    assert scores["height"][[0, 2]] == pytest.approx([5 / 9, 20 / 28])
    assert scores["width"][[0, 2]] == pytest.approx([1 / 9, 18 / 28])
    assert scores["offset_x"][0] == pytest.approx(0)
    assert scores["offset_y"][0] == pytest.approx(0)
    assert scores["components"][[0, 2]].tolist() == [1, 2]
    assert scores["holes"][[0, 2]].tolist() == [0, 1]
    assert scores["symmetry"][0] == 1
    assert scores["symmetry"][2] < 0.7


@given(mask=hnp.arrays(np.bool_, (2, 6, 7)), corners=st.booleans())
def test_components_are_those_of_a_plain_search(mask: np.ndarray, corners: bool) -> None:
    def count(one: np.ndarray) -> int:
        left = {tuple(place) for place in np.argwhere(one).tolist()}
        found = 0
        while left:
            found, todo = found + 1, [left.pop()]
            while todo:
                y, x = todo.pop()
                for near in [(y + a, x + b) for a in (-1, 0, 1) for b in (-1, 0, 1)]:
                    if near in left and (corners or near[0] == y or near[1] == x):
                        left.remove(near)
                        todo.append(near)
        return found

    assert components(mask, corners).tolist() == [count(one) for one in mask]


def test_similarity() -> None:
    tiny = array_to_text(BAR)
    found = DOMAIN.similarity([SEVEN, SEVEN, SEVEN, tiny], [SEVEN, SIX, "", SEVEN])
    assert found[0] == 1
    assert 0 < found[1] < 0.6
    assert np.isnan(found[2])
    assert 0 < found[3] < 1


def test_pictures_show_the_pixels() -> None:
    picture = np.asarray(Image.open(io.BytesIO(digit_png(SEVEN, size=140))))
    assert picture.shape == (140, 140)
    digit = text_to_array(SEVEN)
    assert np.array_equal(picture[5::10, 5::10], digit.astype(int) * 255 // 63)
    for size in (0, 5000):
        with pytest.raises(ValueError, match="sides go from"):
            digit_png(SEVEN, size=size)
    with pytest.raises(DomainError):
        DOMAIN.render("00 down")


def test_a_sheet_of_digits(tmp_path: Path) -> None:
    texts = [SEVEN, SIX, "no digit", array_to_text(BAR)]
    sheet = Image.open(io.BytesIO(grid_png(texts, 3, size=84)))
    assert sheet.size == (3 * 86 + 2, 2 * 86 + 2)
    assert np.asarray(sheet)[2 + 20, 2 + 2 * 86 + 20] == 255, "a cross"
    origin = {"bundle": "abc", "seed": 3, "settings": {"fidelity": float("nan"), "a": "\u03c3"}}
    for name in ("a.png", "b.png"):
        write_sheet(tmp_path / name, [{"text": text} for text in texts], origin)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    told = json.loads(Image.open(tmp_path / "a.png").text["Description"])  # type: ignore[attr-defined]
    assert told == {"bundle": "abc", "seed": 3, "settings": {"fidelity": None, "a": "\u03c3"}}
    for texts_, columns in (([], 1), ([SEVEN], 0), ([SEVEN] * 10_001, 9)):
        with pytest.raises(ValueError, match="a sheet has"):
            grid_png(texts_, columns)


def test_what_a_person_may_give(tmp_path: Path) -> None:
    assert read_item("7") == SEVEN
    assert read_item("7:1") == shipped_examples()[7][1]
    assert read_item(SEVEN + "\n") == SEVEN
    with_backslash = SEVEN.replace(" ! ", " \\ ")
    for text in (SEVEN, with_backslash):
        assert read_item(text.replace("\\", "\\\\").replace("\n", "\\n")) == text
    assert read_item(array_to_text(BAR, "up")) == array_to_text(BAR, "up")
    drawing = np.full((100, 200), 250, dtype=np.uint8)
    drawing[20:80, 90:100] = 0
    for name in ("one.png", "one.pgm"):
        Image.fromarray(drawing).save(tmp_path / name)
        digit = text_to_array(read_item(str(tmp_path / name)))
        assert digit.shape == (14, 14)
        assert digit[4:10, 6:8].min() == 63
        assert digit[:, :5].max() == digit[:, 9:].max() == 0
    raw = np.zeros((28, 28), dtype=np.uint8)
    raw[5:25, 13] = 255
    Image.fromarray(raw).save(tmp_path / "raw.png")
    assert np.array_equal(text_to_array(read_item(str(tmp_path / "raw.png"))), to_levels(raw, 14))


def test_what_a_person_may_not_give(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    Image.new("L", (50, 50)).save(tmp_path / "black.png")
    Image.new("1", (8000, 4000)).save(tmp_path / "huge.png")
    (tmp_path / "folder.png").mkdir()
    for given_, said in {
        "7:2": "there are 2 examples, 0 to 1",
        "": "empty",
        "12": "starts with a row label",
        str(tmp_path / "missing.png"): "cannot be read: No such file",
        str(tmp_path / "folder.png"): "cannot be read",
        str(tmp_path / "no.png"): "no.png",
        str(tmp_path / "black.png"): "blank",
        str(tmp_path / "huge.png"): "too many",
        "nul\x00.png": "cannot be read",
    }.items():
        with pytest.raises(DomainError) as caught:
            read_item(given_)
        assert said in caught.value.reason, given_


def test_one_line_of_a_digit() -> None:
    assert show(SEVEN).startswith("digit 7 (")
    assert show(SEVEN).endswith(") 14x14")
    assert show("00 down").startswith("no digit: ")
    assert COMMANDS.suffixes == (".png",)
    assert set(COMMANDS.columns) <= set(SCORES)


@pytest.mark.parametrize(
    ("name", "length"),
    [("mnist_tiny", 99), ("mnist_small", 224), ("mnist_base", 840), ("mnist_shipped", 98)],
)
def test_presets_hold_their_digits(name: str, length: int) -> None:
    folders = [CORE_PRESETS, COMMANDS.presets]
    assert name in find_presets(folders)
    merged = merge([name], folders, {})
    assert length <= merged.model["max_length"] <= 2 * length
    assert merged.train["data"].startswith("data/mnist")
