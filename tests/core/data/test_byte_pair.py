"""Byte-pair tokenizers: lossless for every string, symbols of one token, sizes that are kept."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from tests.examples import examples
from tvae_core.data.byte_pair import (
    ALPHABET,
    BASE_SIZE,
    ESCAPE,
    build_byte_pair,
    encode_many,
    load_tokenizer,
    symbol_merges,
)

SYMBOLS = (">>=", ">=", ">>", "==", "->", "    ", "        ", "f'", "\n01", "é", "def", "de", "ef")
NAMES = ("self", "value", "é_name", "items", "x", "key")
SIZE = 400


@pytest.fixture(scope="module")
def texts() -> list[str]:
    rng = random.Random(0)
    forms = ("{} = {}.{}", "    return {} >>= {}[{}]", "def {}({}, {}):", "if {} == f'{}': {}")
    return [rng.choice(forms).format(*rng.choices(NAMES, k=3)) for _ in range(1500)]


@pytest.fixture(scope="module")
def tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    return build_byte_pair(texts, SIZE, symbols=SYMBOLS)


@given(st.text())
@example("")
@example("<eos>x<pad><bos><mask>")
@example(f"{ESCAPE}41{ESCAPE}")
@example(" a  b \n\t\r\x00\x7f\u2028")
@example("\ue000\uf8ff\U0010ffff")
@example("\u0120\u010a\u0143\u00a1\u00ad é 日本 e\u0301 ﬁ")
@examples(200)
def test_any_text_survives(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    ids = tokenizer(text).input_ids
    assert all(4 <= index < len(tokenizer) for index in ids)
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode([1, *ids, 2, 0], skip_special_tokens=True) == text
    assert encode_many(tokenizer, [text]) == [ids]


@given(st.lists(st.text(max_size=12) | st.sampled_from([*SYMBOLS, *NAMES]), max_size=6))
@examples(60)
def test_many_texts_are_encoded_as_the_tokenizer_does(
    tokenizer: PreTrainedTokenizerFast, parts: list[str]
) -> None:
    expected = [tokenizer(text).input_ids for text in parts]
    assert encode_many(tokenizer, parts) == expected
    plain = [text for text in parts if text.isascii() and text.isprintable()]
    assert encode_many(tokenizer, plain) == [tokenizer(text).input_ids for text in plain]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_symbol_is_one_token(symbol: str, tokenizer: PreTrainedTokenizerFast) -> None:
    (index,) = tokenizer(symbol).input_ids
    assert tokenizer.decode([index]) == symbol
    least = BASE_SIZE + len({a + b for a, b in symbol_merges(SYMBOLS)})
    bare = build_byte_pair(["x"], least, symbols=SYMBOLS)
    assert len(bare(symbol).input_ids) == 1


@given(st.lists(st.text(alphabet="abc", min_size=2, max_size=5), min_size=1, max_size=6))
@example(["zcd", "cd"])
@example(["abcd", "bcd", "cd", "d" * 5])
@examples(100)
def test_symbols_that_overlap_are_one_token_each(symbols: list[str]) -> None:
    size = BASE_SIZE + len({a + b for a, b in symbol_merges(symbols)})
    found = build_byte_pair(["x"], size, symbols=symbols)
    assert [len(row) for row in encode_many(found, symbols)] == [1] * len(symbols)


def test_no_learned_entry_cuts_a_symbol(
    texts: list[str], tokenizer: PreTrainedTokenizerFast
) -> None:
    whole = ("==", ">>=", "f'", "def")
    cuts = 0
    for text in texts[:300]:
        ends = set()
        for token in tokenizer(text).input_ids:
            ends.add(max(ends, default=0) + len(tokenizer.decode([token])))
        if "é" in text:
            continue  # bytes of one letter have no length of their own
        for symbol in whole:
            place = text.find(symbol)
            while place >= 0:
                cuts += any(place < end < place + len(symbol) for end in ends)
                place = text.find(symbol, place + 1)
    assert cuts == 0


def test_merges_shorten_what_is_common(
    texts: list[str], tokenizer: PreTrainedTokenizerFast
) -> None:
    rows = encode_many(tokenizer, texts)
    assert sum(map(len, rows)) < 0.4 * sum(map(len, texts))


@pytest.mark.parametrize("extra", [0, 1, 7, 100])
def test_the_size_is_kept(extra: int, texts: list[str]) -> None:
    least = BASE_SIZE + len({a + b for a, b in symbol_merges(SYMBOLS)})
    found = build_byte_pair(texts, least + extra, symbols=SYMBOLS)
    assert len(found) == least + extra
    if extra == 0:  # no room: nothing but the symbols
        other = build_byte_pair(["something else"], least, symbols=SYMBOLS)
        assert other.backend_tokenizer.to_str() == found.backend_tokenizer.to_str()
    with pytest.raises(ValueError, match=f"vocab_size must be at least {least}, not {least - 1}"):
        build_byte_pair(texts, least - 1, symbols=SYMBOLS)


def test_few_texts_give_a_smaller_vocabulary() -> None:
    found = build_byte_pair(["ab", "ab", "cd"], 500)
    assert len(found) == BASE_SIZE + 1
    assert found.tokenize("abcd") == ["ab", "c", "d"]
    assert len(build_byte_pair(["ab"] * 9, BASE_SIZE)) == BASE_SIZE == 4 + len(ALPHABET)
    with pytest.raises(ValueError, match="from no texts"):
        build_byte_pair([], 500)


def test_the_longest_entry(texts: list[str]) -> None:
    short = build_byte_pair(texts, SIZE, symbols=SYMBOLS, max_token_length=3)
    learned = set(short.get_vocab()) - set(build_byte_pair(["x"], 130, symbols=SYMBOLS).get_vocab())
    assert learned
    assert max(map(len, learned)) <= 3 * 8  # three units, of which the longest is eight spaces
    assert max(map(len, learned)) < max(map(len, build_byte_pair(texts, SIZE).get_vocab()))


def test_special_tokens_are_never_spelt() -> None:
    found = build_byte_pair(["<eos><mask>"] * 50, 200)
    specials = [found.pad_token_id, found.bos_token_id, found.eos_token_id, found.mask_token_id]
    assert specials == [0, 1, 2, 3]
    assert found.unk_token_id is None
    for text in ("<eos>", "<mask>", "a<pad>b"):
        ids = found(text).input_ids
        assert not set(ids) & set(specials)
        assert found.decode(ids) == text


def test_the_same_texts_give_the_same_tokenizer(
    texts: list[str], tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    again = build_byte_pair(texts, SIZE, symbols=SYMBOLS)
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()
    tokenizer.save_pretrained(tmp_path)
    for loaded in (load_tokenizer(tmp_path), load_tokenizer(tmp_path / "tokenizer.json")):
        assert loaded.get_vocab() == tokenizer.get_vocab()
        assert encode_many(loaded, texts[:50]) == encode_many(tokenizer, texts[:50])


def test_files_that_are_no_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    for place in (tmp_path, tmp_path / "nowhere.json"):
        with pytest.raises(ValueError, match="is not a readable tokenizer"):
            load_tokenizer(place)
