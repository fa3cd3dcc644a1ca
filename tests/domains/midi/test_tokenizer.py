"""The tokenizer of music: lossless for every text, one token a symbol, one a key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.midi.domain import MidiDomain
from domains.midi.notation import Score, format_score
from domains.midi.tokenizer import (
    MIN_VOCAB_SIZE,
    SYMBOLS,
    build_tokenizer,
    encode_many,
    load_tokenizer,
)
from tests.domains.midi.tunes import scores
from tvae_core.domain import DomainError

EXAMPLES = MidiDomain().examples()
TOKENIZER = build_tokenizer(EXAMPLES, 600)


def rows(texts: list[str], tokenizer: Any = TOKENIZER) -> list[list[int]]:
    return tokenizer(texts, add_special_tokens=False)["input_ids"]


@given(scores())
def test_every_score_survives(score: Score) -> None:
    text = format_score(score)
    (row,) = rows([text])
    assert TOKENIZER.decode(row) == text
    assert encode_many(TOKENIZER, [text]) == [row]
    assert min(row) > 3


@given(st.text(max_size=40) | st.text("0123456789:|;~+r#b/ ABCDEFG", max_size=40))
def test_so_does_every_other_text(text: str) -> None:
    if not any(0xD800 <= ord(char) < 0xE000 for char in text):
        assert TOKENIZER.decode(rows([text])[0]) == text


def test_a_symbol_is_one_token_before_and_after_learning() -> None:
    for tokenizer in (TOKENIZER, build_tokenizer(EXAMPLES, MIN_VOCAB_SIZE)):
        assert all(len(row) == 1 for row in rows(list(SYMBOLS), tokenizer))
    (row,) = rows(["2# |6/8 F#4:36A#4+C5:12r:24"], build_tokenizer(EXAMPLES, MIN_VOCAB_SIZE))
    assert len(row) == 2 + 2 + 4 + 2


@given(scores(most_voices=1), st.integers(-7, 7))
def test_another_key_is_another_first_token(score: Score, key: int) -> None:
    (first,), (second,) = rows([format_score(score)]), rows([EXAMPLES[0]])
    other = format_score(score).split(" ", 1)[1]
    (third,) = rows([f"{abs(key)}{'#' if key > 0 else 'b' if key < 0 else ''} {other}"])
    assert third[1:] == first[1:]
    assert TOKENIZER.decode(second[:1]) == "2# "


def test_learning_shortens() -> None:
    before = sum(map(len, rows(EXAMPLES, build_tokenizer(EXAMPLES, MIN_VOCAB_SIZE))))
    assert sum(map(len, rows(EXAMPLES))) < before / 1.5


def test_what_cannot_be_built_or_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"at least {MIN_VOCAB_SIZE}"):
        build_tokenizer(EXAMPLES, MIN_VOCAB_SIZE - 1)
    with pytest.raises(ValueError, match="no texts"):
        build_tokenizer([])
    with pytest.raises(DomainError, match="does not exist"):
        MidiDomain(tmp_path).tokenizer()
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(DomainError, match="not a readable tokenizer"):
        MidiDomain(tmp_path).tokenizer()
    TOKENIZER.save_pretrained(tmp_path)
    assert rows(EXAMPLES, load_tokenizer(tmp_path)) == rows(EXAMPLES)
