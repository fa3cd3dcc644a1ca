"""What the apps of texts are made of, without a page around it and without a bundle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.cards import Card, png_address
from apps.common.walks import similarity_figure, walk_summary
from apps.common.windows import outside
from apps.item_parts.canvas import text_of
from apps.item_parts.digits import SPEC as DIGITS
from apps.item_parts.facts import Item
from apps.item_parts.headlines import SPEC as HEADLINES
from apps.item_parts.python_lines import SPEC as PYTHON
from apps.item_parts.sieve import STAGES, Wanted, sift
from apps.item_parts.spec import ScoreView, Spec
from apps.item_parts.view import item_card, written
from domains.mnist.pictures.text import text_to_array
from domains.python_code.render import draw_pieces
from tvae_core.domain import DomainError

SPECS = [PYTHON, HEADLINES, DIGITS]
BY_APP = pytest.mark.parametrize("spec", SPECS, ids=[spec.app for spec in SPECS])


def item_of(spec: Spec, text: str) -> Item:
    domain = spec.commands.domain
    (verdict,) = domain.check([text])
    if not verdict.ok:
        return Item(text, reason=verdict.reason or "", position=verdict.position)
    scores = {name: float(values[0]) for name, values in domain.score([text]).items()}
    return Item(text, verdict.canonical, scores=scores)


@BY_APP
def test_examples_and_ends_are_items_that_can_be_typed_again(spec: Spec) -> None:
    domain = spec.commands.domain
    for typed in (*spec.ends, *spec.examples.values()):
        item = item_of(spec, spec.read(typed))
        assert item.ok, typed
        again = item_of(spec, spec.read(spec.typed(item)))
        assert again.canonical == item.canonical
        assert "\n" not in spec.typed(item)
    assert set(spec.on_cards) <= set(spec.scores)
    # `known_words` is there only where a bundle has a list of words
    assert set(spec.scores) - {"known_words"} <= set(domain.score([]))


@BY_APP
def test_cards_show_an_item_or_why_it_is_none(spec: Spec) -> None:
    item = item_of(spec, spec.read(spec.ends[0]))
    card = item_card(spec, item, "1", novel=True, label="a label")
    assert card.picture or card.pieces
    assert [chip.text for chip in card.chips] == [spec.label_form.format("a label"), "novel"]
    assert len(card.values) == len(spec.on_cards)
    bad = item_card(spec, item_of(spec, "00 down ! ! !\n("), "2")
    assert bad.picture is None
    assert bad.caret
    assert bad.reason.startswith("Invalid: ")
    assert bad.actions == ()


def test_caret_points_into_the_line_of_a_digit() -> None:
    text = DIGITS.read("7")
    broken = text.replace("05 down", "06 down")
    card = item_card(DIGITS, item_of(DIGITS, broken), "x", width=300)
    assert card.caret is not None
    line, caret = card.caret
    assert line.startswith("06 down")
    assert caret == "^"


def test_a_digit_is_not_read_from_a_file_of_the_server() -> None:
    for typed in ("/etc/secret.png", "0.png", "01 down ! x.jpeg", ""):
        with pytest.raises(DomainError, match="a digit is 0 to 9"):
            DIGITS.read(typed)


@given(st.text(max_size=60))
def test_pieces_are_the_code(code: str) -> None:
    code = code.replace("\r", "")
    pieces = draw_pieces(code)
    assert "".join(text for text, _ in pieces).rstrip("\n") == code.rstrip("\n").removeprefix(
        "\ufeff"
    )
    assert all(colour == "" or colour.startswith("#") for _, colour in pieces)


def test_drawing_becomes_a_digit() -> None:
    pixels = np.zeros((28, 28), dtype=np.uint8)
    pixels[4:24, 12:15] = 255
    digit = text_to_array(text_of(pixels.tobytes().hex(), 14))
    assert digit.shape == (14, 14)
    assert digit.max() == 63
    for drawn in ("zz", "00", pixels.tobytes().hex()[:-2]):
        with pytest.raises(DomainError, match="not arrived whole"):
            text_of(drawn, 14)
    with pytest.raises(DomainError, match="the drawing: a blank image"):
        text_of("00" * 784, 14)


def test_sieve_counts_every_loss() -> None:
    items = [
        Item("a", "a", scores={"x": 1.0}),
        Item("A", "a", scores={"x": 1.0}),
        Item("b", "b", scores={"x": 5.0}),
        Item("c", "c", scores={"x": math.nan}),
        Item("d", "d", scores={"x": 2.0}),
        Item("?", reason="no letter", position=0),
        Item("e", "e", scores={"x": 3.0}),
    ]
    labels = ["one", "one", "one", "one", "two", "", "one"]
    novel = [True, True, True, True, True, None, False]
    everything = sift(items, labels, novel, Wanted(unique=False))
    assert [s.index for s in everything.kept] == [0, 1, 2, 3, 4, 6]
    assert everything.validity == pytest.approx(6 / 7)
    assert everything.uniqueness == pytest.approx(5 / 6)
    assert everything.novelty == pytest.approx(4 / 5)
    wanted = Wanted(maximum={"x": 4}, labels=frozenset({"one"}), novel=True, sort="x")
    found = sift(items, labels, novel, wanted)
    assert [s.index for s in found.kept] == [0]
    assert {s.index: s.stage for s in found.lost} == {
        1: "unique", 2: "window", 3: "window", 4: "label", 5: "valid", 6: "novel",
    }  # fmt: skip
    assert list(found.counts.values()) == [7, 6, 5, 4, 2, 1]
    assert list(found.counts) == list(STAGES)
    assert {s.index: s.reason for s in found.lost}[5] == "no letter (at character 1)"
    ranked = sift(items, labels, novel, Wanted(sort="-x"))
    assert [s.index for s in ranked.kept] == [0, 4, 6, 2, 3]
    nothing = sift([], [], [], Wanted())
    assert math.isnan(nothing.validity)


def test_limits_in_words() -> None:
    assert outside({"x": 1.0, "y": math.nan}, {"x": 1.0}, {"x": 1.0}) == ""
    assert outside({"x": 1.0, "y": math.nan}, {"y": 0}, {"x": 0.5}) == "y is not defined, x 1 > 0.5"


def test_walks_in_words_and_as_a_plot() -> None:
    told = walk_summary(["a", "b", None, "b", "z"], "a", "z", "lines")
    assert told == "**2 of 3 steps between are valid**, 1 distinct new lines; both ends come back."
    figure = similarity_figure([0, 0.5, 1], [1.0, None, 0.0], [0.0, None, 1.0])
    assert list(figure.data[2].x) == [0.5]


def test_scores_are_written_alike() -> None:
    assert written(ScoreView("x", ".0%", ""), -0.001) == "0%"
    assert written(ScoreView("x", ".1f", ""), -1.25) == "−1.2"
    assert written(ScoreView("x", "yes", ""), 1.0) == "yes"
    assert written(ScoreView("x", "yes", ""), math.nan) == "–"


def test_a_png_is_part_of_its_card() -> None:
    assert Card("x", picture=png_address(b"\x89PNG")).picture == "data:image/png;base64,iVBORw=="
