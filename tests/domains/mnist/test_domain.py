"""The mnist domain: text and array, checks, scores, pictures, what a person may give, presets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from domains.mnist.domain import MnistDomain, shipped_examples
from domains.mnist.pictures.images import coarser
from domains.mnist.pictures.text import (
    LONGEST,
    SIDES,
    Levels,
    array_to_text,
    orientation_of,
    text_to_array,
)
from domains.mnist.tokenizer import build_tokenizer
from tvae_core.data.byte_pair import encode_many
from tvae_core.domain import DomainError

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


@given(array=levels(9), greys=st.integers(2, 64))
def test_greys_are_evenly_spaced_and_the_nearest(array: Levels, greys: int) -> None:
    found = coarser(array, greys)
    assert len(np.unique(found)) <= greys
    assert np.abs(found.astype(int) - array).max() <= 32 / (greys - 1) + 1
    assert np.array_equal(coarser(found, greys), found)
    assert set(coarser(np.array([0, 63], dtype=np.uint8), greys).tolist()) == {0, 63}


def test_few_greys_are_read_as_the_nearest(tmp_path: Path) -> None:
    """What a person draws has 64; a tokenizer of four takes it as the digit of four."""
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, 64, (9, 9)).astype(np.uint8) for _ in range(20)]
    built = build_tokenizer([], side=9, greys=4)
    built.save_pretrained(tmp_path)
    for tokenizer in (built, MnistDomain(tmp_path).tokenizer()):
        rows = encode_many(tokenizer, [array_to_text(array) for array in drawn])
        assert (
            rows == tokenizer([array_to_text(a) for a in drawn], add_special_tokens=False).input_ids
        )
        back = [tokenizer.decode(row) for row in rows]
        assert back == [array_to_text(coarser(array, 4)) for array in drawn]
        assert all(len(row) == 99 for row in rows)


@pytest.mark.parametrize("greys", [1, 65])
def test_impossible_greys(greys: int) -> None:
    with pytest.raises(DomainError, match="greys must be 2 to 64"):
        coarser(np.zeros((9, 9), dtype=np.uint8), greys)
