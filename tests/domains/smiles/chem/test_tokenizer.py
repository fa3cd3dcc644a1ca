"""The SMILES tokenizer: lossless for every text, whole symbols, no special tokens out of text."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from domains.smiles.chem.tokenizer import (
    MIN_VOCAB_SIZE,
    build_tokenizer,
    encode_many,
    load_tokenizer,
)
from tests.examples import examples
from tvae_core.data.byte_pair import ALPHABET, ESCAPE

PARTS = ["C", "c1ccccc1", "Cl", "Br", "[nH]1cccc1", "[C@@H](C)", "[C@H](N)", "C(=O)[O-]", "[NH3+]"]
PARTS += ["O", "N", "C%12CCCC%12", "[13CH3]", "/C=C/", "S(=O)(=O)", "[N+](=O)[O-]", "F"]
STEREO = [
    "[13C@@H](Cl)(Br)C%12CC%12",
    "[Cu+2].[O-]S(=O)(=O)[O-]",
    "C/C=C\\C",
    "C[C@H](N)C(=O)O",
    "[2H]C([2H])([2H])[18F]",
    "F[S@TH1](Cl)Br",
    "C%(100)CC%(100)",
    "[*:1]c1ccc([R1])cc1",
    "CC~C$C:C>>O",
    "[Fe-3]([C-]#N)",
]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    rng = random.Random(0)
    return ["".join(rng.choices(PARTS, k=rng.randint(2, 9))) for _ in range(2000)]


@pytest.fixture(scope="module")
def tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    return build_tokenizer(texts, 256)


def assert_lossless(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    ids = tokenizer(text).input_ids
    assert all(4 <= index < len(tokenizer) for index in ids)
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    assert encode_many(tokenizer, [text]) == [ids]


@given(st.text())
@example("")
@example("<eos>C<pad><bos><mask>")
@example(f"{ESCAPE}41{ESCAPE}")
@example(" C  C \n\t\r\x00\x7f")
@example("\ue000\uf8ff\U0010ffff")
@example("\u0120\u010a\u0143\u00a1\u00ad é 日本 e\u0301 ﬁ")
@examples(300)
def test_any_text_survives(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert_lossless(tokenizer, text)


@given(st.text(alphabet="CNOSFclBrnos[]()@H+-=#%0123456789/\\.*:$~>"))
@examples(300)
def test_anything_like_smiles_survives(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert_lossless(tokenizer, text)


@given(st.lists(st.sampled_from(PARTS + STEREO)).map("".join))
@settings(deadline=None)
def test_smiles_survive(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert_lossless(tokenizer, text)


@pytest.mark.parametrize("text", STEREO)
def test_rare_notation_survives(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert_lossless(tokenizer, text)


@pytest.mark.parametrize("symbol", ["Cl", "Br", "@@", "[nH]", "[C@@H]", "[NH3+]", "%12", "[13CH3]"])
def test_a_common_symbol_is_one_token(tokenizer: PreTrainedTokenizerFast, symbol: str) -> None:
    assert tokenizer.tokenize(symbol) == [symbol]


def test_no_token_cuts_a_symbol(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> None:
    for text in texts[:200]:
        start = 0
        for token in tokenizer.tokenize(text):
            start += len(token)
            assert text[start - 1 : start + 1] not in {"Cl", "Br", "@@"}
            assert text.count("[", 0, start) == text.count("]", 0, start)


def test_special_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.pad_token_id == 0
    assert tokenizer.bos_token_id == 1
    assert tokenizer.eos_token_id == 2
    assert tokenizer.mask_token_id == 3
    assert tokenizer.unk_token_id is None
    assert tokenizer.decode([1, *tokenizer("CCl").input_ids, 2, 0], skip_special_tokens=True) == (
        "CCl"
    )


def test_a_literal_special_token_is_spelt_out(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.tokenize("<eos>")[0] == "<"
    assert encode_many(tokenizer, ["<eos>"])[0][0] != 2


def test_merges_never_spell_a_special_token() -> None:
    tokenizer = build_tokenizer(["<eos><mask>"] * 50, 200)
    assert_lossless(tokenizer, "<eos><mask>")
    assert tokenizer.eos_token_id not in tokenizer("<eos>").input_ids


@pytest.mark.parametrize(
    "load", [load_tokenizer, PreTrainedTokenizerFast.from_pretrained], ids=["ours", "transformers"]
)
def test_saved_and_loaded(
    tokenizer: PreTrainedTokenizerFast,
    tmp_path_factory: pytest.TempPathFactory,
    load: Callable[[str], PreTrainedTokenizerFast],
) -> None:
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save_pretrained(folder)
    again = load(str(folder))
    for text in [*STEREO, "<eos>", "é \x00", "c1ccccc1Cl"]:
        assert again(text).input_ids == tokenizer(text).input_ids
        assert again.decode(again(text).input_ids) == text
    assert again.get_vocab() == tokenizer.get_vocab()
    assert (again.pad_token_id, again.eos_token_id, again.mask_token_id) == (0, 2, 3)


def test_the_vocabulary_is_compact(texts: list[str], tokenizer: PreTrainedTokenizerFast) -> None:
    assert len(ALPHABET) == 96
    assert len(tokenizer) <= 256
    assert len(build_tokenizer(texts, MIN_VOCAB_SIZE)) == MIN_VOCAB_SIZE
    assert len(build_tokenizer(texts, MIN_VOCAB_SIZE + 5)) <= MIN_VOCAB_SIZE + 5


def test_the_same_texts_give_the_same_tokenizer(
    texts: list[str], tokenizer: PreTrainedTokenizerFast
) -> None:
    again = build_tokenizer(texts, 256)
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match=f"at least {MIN_VOCAB_SIZE}"):
        build_tokenizer(["CC"], 20)
    with pytest.raises(ValueError, match="no texts"):
        build_tokenizer([], 512)


def test_a_broken_file_is_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("broken")
    with pytest.raises(ValueError, match=r"tokenizer\.json"):
        load_tokenizer(folder)
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(ValueError, match=r"tokenizer\.json"):
        load_tokenizer(folder / "tokenizer.json")
