"""Digits as pictures: pooling, the classifier, scores, sheets, what a person may give, presets."""

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
from domains.mnist.pictures.images import pool, resample, to_levels
from domains.mnist.pictures.render import digit_png, grid_png, write_sheet
from domains.mnist.pictures.text import (
    SIDES,
    array_to_text,
    text_to_array,
)
from domains.mnist.scores import SCORES, components
from tvae_core.domain import DomainError
from tvae_core.training.presets import CORE_PRESETS, find_presets, merge

DOMAIN = MnistDomain()
SEVEN, SIX = shipped_examples()[7][0], shipped_examples()[6][0]
BAR = np.zeros((9, 9), dtype=np.uint8)
BAR[2:7, 4] = 63
LINES = array_to_text(BAR).split("\n")


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
        written = write_sheet(tmp_path / name, [{"text": text} for text in texts], origin)
    assert written.line("digit", "a.png") == "wrote 3 digits to a.png, crossed out 1 that is none"
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


def painted(ink: int, ground: int | None = None, rim: int | None = None) -> Image.Image:
    """A bar of a grey level on nothing, on a card, or with a rim."""
    pixels = np.zeros((60, 60, 4), dtype=np.uint8)
    if ground is not None:
        pixels[3:57, 3:57] = (ground, ground, ground, 255)
    if rim is not None:
        pixels[8:52, 23:37] = (rim, rim, rim, 255)
    pixels[12:48, 27:33] = (ink, ink, ink, 255)
    return Image.fromarray(pixels, "RGBA")


@pytest.mark.parametrize(
    "picture",
    [
        painted(0),
        painted(255),
        painted(60),
        painted(0, ground=255),
        painted(255, ground=0),
        painted(0, rim=255),
        painted(0).convert("LA"),
        painted(0).quantize(8),
    ],
    ids=["black", "white", "grey", "card", "dark-card", "rim", "grey-alpha", "palette"],
)
def test_what_is_transparent_is_ground(picture: Image.Image, tmp_path: Path) -> None:
    picture.save(tmp_path / "bar.png")
    digit = text_to_array(read_item(str(tmp_path / "bar.png")))
    assert digit[4:10, 6:8].min() > 40
    assert digit[:, :5].max() == digit[:, 9:].max() == 0


def test_ink_up_to_the_edge_and_half_transparent_ink(tmp_path: Path) -> None:
    pixels = np.zeros((40, 8, 4), dtype=np.uint8)
    pixels[:, :, 3] = 90
    pixels[:, 4:6, 3] = 0
    Image.fromarray(pixels, "RGBA").save(tmp_path / "edge.png")
    digit = text_to_array(read_item(str(tmp_path / "edge.png")))
    assert digit.max() == 63
    assert 0.1 < (digit > 0).mean() < 0.4


def test_a_picture_of_sixteen_bits(tmp_path: Path) -> None:
    wide = np.zeros((28, 28), dtype=np.uint16)
    wide[5:25, 13] = 32768
    wide[5:25, 20] = 300
    Image.fromarray(wide).save(tmp_path / "wide.png")
    digit = text_to_array(read_item(str(tmp_path / "wide.png")))
    assert digit[4:10, 6].min() == 32
    assert digit[4:10, 10].max() == 0


def test_a_picture_that_is_all_transparent(tmp_path: Path) -> None:
    for side in (28, 50):
        Image.new("RGBA", (side, side)).save(tmp_path / "nothing.png")
        with pytest.raises(DomainError, match="a blank image"):
            read_item(str(tmp_path / "nothing.png"))


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
    [("mnist_tiny", 99), ("mnist_small", 224), ("mnist_base", 840), ("mnist_shipped", 42)],
)
def test_presets_hold_their_digits(name: str, length: int) -> None:
    folders = [CORE_PRESETS, COMMANDS.presets]
    assert name in find_presets(folders)
    merged = merge([name], folders, {})
    assert length <= merged.model["max_length"] <= 2 * length
    assert merged.train["data"].startswith("data/mnist")
