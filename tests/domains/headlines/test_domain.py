"""The headlines domain: canonical form, checks, scores, cards, words of a training set."""

from __future__ import annotations

import math
import unicodedata
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.headlines import command as preparation
from domains.headlines import HeadlinesDomain
from domains.headlines.commands import COMMANDS
from domains.headlines.scores import KNOWN_WORDS, SCORES, score_all, similarity
from domains.headlines.text import (
    LONGEST_READ,
    MAX_CHARACTERS,
    Problem,
    balanced,
    normalise,
    read,
    words_of,
)
from domains.headlines.words import WORDS_FILE, words_of_bundle, words_of_prepared_set
from tvae_core.data.known import known_of_bundle
from tvae_core.domain import DomainError, HasSimilarity
from tvae_core.training.presets import CORE_PRESETS, find_presets, merge

DOMAIN = HeadlinesDomain()
WORDS = st.sampled_from(
    ["Rain", "rain", "the", "of", "'s", '"', "(", ")", ",", "...", "2014", "vote", "é", "e\u0301"]
)
LIKE_HEADLINES = st.lists(WORDS, max_size=14).map(" ".join)
ANY_TEXT = st.one_of(st.text(max_size=80), LIKE_HEADLINES, st.text(st.characters(), max_size=40))


@given(text=ANY_TEXT)
def test_the_canonical_form_is_its_own(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert once == once.strip()
    assert unicodedata.is_normalized("NFC", once)
    found = read(text)
    if isinstance(found, str):
        assert found == once
        assert read(found) == found


@given(text=st.one_of(ANY_TEXT, st.integers(), st.none(), st.binary(max_size=5)))
def test_check_and_score_never_raise(text: object) -> None:
    texts = [text]
    (verdict,) = DOMAIN.check(texts)  # type: ignore[arg-type]
    assert verdict.ok == (verdict.reason is None) == (verdict.canonical is not None)
    if verdict.position is not None:
        assert 0 <= verdict.position < len(str(text))
    for values in DOMAIN.score(texts).values():  # type: ignore[arg-type]
        assert values.dtype == np.float64
        assert not (np.isfinite(values[0]) and not verdict.ok)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("  Rain\tends \n drought ", "Rain ends drought"),
        ("Cafe\u0301 opens again", "Caf\u00e9 opens again"),
        ("\ufeffRain\u200b ends\u00ad drought", "Rain ends drought"),
        ("Rain\u00a0ends\u2003drought", "Rain ends drought"),
        ("A family \U0001f468\u200d\U0001f469\u200d\U0001f467 wins", None),
        ("Way, way too real", None),
        ("Spending talks drag on as lawmakers (and ...", None),
        ("10 tips to help you save $ 2,014 in 2014", None),
        ("大雨结束了长期的干旱", None),
        ('julep ta da ! quick " dry drops " dries', None),
    ],
)
def test_headlines_that_are_some(text: str, canonical: str | None) -> None:
    assert read(text) == (canonical or text)


@pytest.mark.parametrize(
    ("text", "reason", "position"),
    [
        ("", "empty", None),
        ("\u200b \n", "empty", None),
        ("Rain\0 ends", "NUL", 4),
        ("Rain \x1b[31mends", "control", 5),
        ("Rain ends\x85here", "control", 9),
        ("Rain \ud800ends", "surrogate", 5),
        ("Caf\ufffd opens", "replacement", 3),
        ("Rain \u202eends", "direction", 5),
        ("Rain \ue000ends", "private-use", 5),
        ("Rain \uffffends", "not define", 5),
        ("Denouement", "fewer than 2 words", None),
        ("Rain ! ... ( )", "fewer than 2 words", None),
        ("Rain ends " + "a" * 41, "a word longer than 40", 10),
        (" ".join(f"w{i}" for i in range(41)), "more than 40 words", None),
        ("Rain ends " * 30, "longer than 250", None),
        ("Rain ends " * 1_000_000, "longer than 250", None),
        ("\u0301" * 10_000_000, "longer than 250", None),
        ("Rain $$$ %%% &&& ### ends @@@ ***", "too many signs", None),
        ("Raaaaaain ends drought", "a character more than 5 times", 1),
        ("Ra" + "\u0301\u0302" * 5 + " ends drought", "combining marks", None),
        ("Rain rain, Rain ends drought", "in a row", None),
        ("Police vow to to stop", "doubled function word", None),
        ("The talk and the talk and the town", "a phrase of 3 words", None),
        ("Street by street the street is sold", "a word more than 2 times", None),
        ("Council votes on roads and", "breaks off", None),
        ('Council votes on "roads', "unpaired", None),
        ("Council (votes on] roads", "unpaired", None),
    ],
    ids=range(27),
)
def test_texts_that_are_none(text: str, reason: str, position: int | None) -> None:
    found = read(text)
    assert isinstance(found, Problem)
    assert reason in found.reason
    assert found.position == position
    with pytest.raises(DomainError, match=r"\w") as caught:
        DOMAIN.from_text(text)
    assert caught.value.reason == found.reason


def test_long_texts_are_refused_unread() -> None:
    spaces = "Rain" + " " * (LONGEST_READ - 10) + "ends"
    assert read(spaces) == "Rain ends"
    assert isinstance(read(spaces + "  " * 10), Problem)
    assert isinstance(read("ab " * (MAX_CHARACTERS // 3 + 1)), Problem)


def test_words_and_brackets() -> None:
    assert words_of("Don't look, it's \"OK\" - U.S. says ...") == [
        *("don't", "look", "it's", "ok", "u.s", "says"),
    ]
    assert balanced('“a” (b [c]) "d"')
    assert not balanced(") a (")


def test_scores_are_what_they_say() -> None:
    text = 'Minister Says "No" to 3 of the Plans?'
    found = {name: values[0] for name, values in score_all([text]).items()}
    assert set(found) == set(SCORES)
    assert (found["words"], found["characters"]) == (8, len(text))
    assert found["title_case"] == pytest.approx(4 / 4)
    assert found["distinct_1"] == found["distinct_2"] == 1
    assert (found["has_number"], found["has_quote"], found["is_question"]) == (1, 1, 1)
    plain = {name: values[0] for name, values in score_all(["it is what it is says he"]).items()}
    assert plain["distinct_1"] == pytest.approx(5 / 7)
    assert plain["distinct_2"] == pytest.approx(5 / 6)
    assert plain["word_length"] == pytest.approx(18 / 7)
    assert plain["letters"] == 1
    assert plain["title_case"] == 0
    assert (plain["has_number"], plain["has_quote"], plain["is_question"]) == (0, 0, 0)
    assert math.isnan(score_all(["7 8"])["title_case"][0])
    assert score_all(["it isn't so"])["has_quote"][0] == 0


def test_similarity_counts_words_and_their_order() -> None:
    assert isinstance(DOMAIN, HasSimilarity)
    a, b = "rain ends drought", "drought ends rain"
    same, turned, other, bad = similarity([a, a, a, a], [a.upper(), b, "wind rises", "x"])
    assert (same, other) == (1, 0)
    assert turned == pytest.approx(2 * 3 / 10)
    assert math.isnan(bad)
    assert similarity(["大雨结束了长期的干旱"], ["大雨结束了长期的干旱"]).tolist() == [1]


@given(text=LIKE_HEADLINES.map(lambda text: f"Storm & <wind> {text}"))
def test_cards_are_well_formed_and_whole(text: str) -> None:
    if not DOMAIN.check([text])[0].ok:
        return
    data = DOMAIN.render(text).data
    assert isinstance(data, str)
    card = ElementTree.fromstring(data)
    lines = [span.text or "" for span in card.iter("{http://www.w3.org/2000/svg}tspan")]
    assert " ".join(lines).split() == DOMAIN.from_text(text).split()
    assert card.get("aria-label") == normalise(text)
    assert unescape(data).count("<wind>") >= 1


def test_cards_have_a_width() -> None:
    text = DOMAIN.examples()[0]
    assert 'width="200"' in str(DOMAIN.render(text, width=200).data)
    with pytest.raises(ValueError, match="pixels wide"):
        DOMAIN.render(text, width=10)


def test_without_a_bundle_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match=r"no tokenizer for headlines.*does not exist"):
        HeadlinesDomain(tmp_path).tokenizer()
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(DomainError, match="is not a readable tokenizer"):
        HeadlinesDomain(tmp_path).tokenizer()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("headlines")
    who = ("Council", "Bank", "Team", "Star", "Farmer", "Teacher", "Minister", "Doctor")
    what = ("wins vote", "loses case", "plans tour", "opens shop", "finds map", "sells farm")
    rows = [f"{a} {b} in {c}" for a in who for b in what for c in ("Perth", "Paris")]
    (folder / "mine.csv").write_text("\n".join(["headline", *rows, "Council wins zyzzyva vote"]))
    given = ["--input", str(folder / "mine.csv"), "--out", str(folder / "set"), "--jobs", "1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKENIZERS_PARALLELISM", "false")
        patch.setenv("RAYON_NUM_THREADS", "1")
        assert preparation.main([*given, "--vocab-size", "160"]) == 0
    return folder / "set"


def test_a_prepared_set_gives_tokenizer_words_and_known_items(prepared: Path) -> None:
    files = dict(COMMANDS.extra(prepared))
    assert set(files) == {"known.bin", WORDS_FILE}
    assert words_of_prepared_set(prepared) == {WORDS_FILE: prepared / WORDS_FILE}
    domain = HeadlinesDomain(prepared)
    tokenizer = domain.tokenizer()
    for text in [*domain.examples(), "Caf\u00e9 \U0001f468 <eos> opens"]:
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text
    texts = [
        "Council wins vote",
        "council wins zyzzyva 2014",
        "no headline no headline no headline",
    ]
    found = domain.score(texts)[KNOWN_WORDS]
    assert found[0] == 1
    assert found[1] == pytest.approx(2 / 3)
    assert math.isnan(found[2])
    words = words_of_bundle(prepared)
    assert words is not None
    assert words.contains(["council", "zyzzyva"]).tolist() == [True, False]
    look = known_of_bundle(prepared, domain)
    assert look is not None
    import datasets

    train = list(datasets.load_from_disk(str(prepared))["train"]["text"])[:5]
    assert look([f" {text} " for text in train]) == [True] * 5
    assert look(["Nobody says anything here", ""]) == [False, False]


def test_without_words_there_is_no_such_score(tmp_path: Path) -> None:
    assert KNOWN_WORDS not in HeadlinesDomain(tmp_path).score(["Rain ends drought"])


@pytest.mark.parametrize("name", ["headlines_base", "headlines_small"])
def test_presets(name: str) -> None:
    folders = [CORE_PRESETS, COMMANDS.presets]
    assert name in find_presets(folders)
    merged = merge([name], folders, {})
    assert merged.model["max_length"] == 48
    code = (merged.model["n_latent"], merged.model["latent_size"])
    assert code == ((5, 64) if name == COMMANDS.default_preset else (4, 32))


def test_commands_read_what_a_person_types() -> None:
    assert COMMANDS.read_item("  Rain  ends drought ") == "Rain ends drought"
    with pytest.raises(DomainError, match="fewer than 2 words"):
        COMMANDS.read_item("Rain")
    assert set(COMMANDS.columns) <= set(SCORES)
