"""Whether items come back from their own codes, and what is told of those that do not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tvae_core.domain import Domain, HasReasons, Verdict
from tvae_core.evaluation.comes_back import MOST_SHOWN, ComesBack, comes_back, compare, faithfully
from tvae_core.evaluation.words_lost import changed_words, learned_entries, spelt_out, words_lost
from tvae_core.space import LatentSpace


class Checked:
    """A domain of any text without `#`, canonical in lower case."""

    name = "checked"

    def check(self, texts: Sequence[str]) -> list[Verdict]:
        return [
            Verdict(False, reason="a hash", position=t.index("#"))
            if "#" in t
            else Verdict(True, t.lower())
            for t in texts
        ]

    def similarity(self, a: Sequence[str], b: Sequence[str]) -> Any:
        return [0.25 for _ in a]


class Reasons(Checked):
    """The same, with reasons: what keeps its length is too slight to tell."""

    asked: list[tuple[list[str], list[str], Path | None]]

    def why_lost(
        self, given: Sequence[str], back: Sequence[str], bundle: Path | None
    ) -> list[str | None]:
        self.asked = [*getattr(self, "asked", []), (list(given), list(back), bundle)]
        return [
            "" if "#" in b else None if len(a) == len(b) else f"{len(a)} letters"
            for a, b in zip(given, back, strict=True)
        ]


@pytest.fixture
def space(trained_space: LatentSpace, monkeypatch: pytest.MonkeyPatch) -> LatentSpace:
    monkeypatch.setattr(trained_space, "domain", Reasons())
    return trained_space


def test_reasons_are_no_part_of_the_domain_protocol() -> None:
    assert isinstance(Reasons(), HasReasons)
    assert not isinstance(Checked(), HasReasons)
    assert not hasattr(Domain, "why_lost")


def test_what_was_decoded_is_compared_in_canonical_form(space: LatentSpace) -> None:
    found = compare(space, ["AB", "abc", "xyz", "no"], ["ab", "abd", "q", "n#"])
    assert [each.exact for each in found] == [True, False, False, False]
    assert [each.lost for each in found] == [False, False, True, True]
    assert [each.back for each in found] == ["ab", "abd", "q", "n#"]
    assert [each.reason for each in found] == ["", "", "3 letters", ""]
    assert [each.problem for each in found] == ["", "", "", "a hash"]
    assert found[2].similarity == 0.25
    assert math.isnan(found[0].similarity)
    assert math.isnan(found[3].similarity)
    assert space.domain.asked == [(["abc", "xyz", "no"], ["abd", "q", "n#"], None)]  # type: ignore[attr-defined]


def test_a_domain_without_reasons(
    trained_space: LatentSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained_space, "domain", Checked())
    (found,) = compare(trained_space, ["abc"], ["q"])
    assert found.lost
    assert found.told("word") == "does not come back from its code, q does (similarity 0.25)"
    assert compare(trained_space, [], []) == []
    assert comes_back(trained_space, []) == []


def test_codes_are_decoded_in_the_order_of_the_items(
    trained_space: LatentSpace, trained: Any
) -> None:
    words = list(trained.words)[:12]
    back = trained_space.reconstruct(words)
    found = comes_back(trained_space, [words[0], "0" * 60, *words[1:]])
    assert [each.back for each in found] == [back[0], "", *back[1:]]
    assert found[1].told("sum") == "has no code: it has 60 tokens; this bundle takes 40"
    assert found[1].lost


def test_what_a_line_says() -> None:
    lost = ComesBack("a", "b" * 400, False, reason="it is long")
    assert lost.told("word").startswith(f"does not come back from its code, {'b' * 100}")
    assert lost.told("word").endswith("... does; it is long")
    assert len(lost.told("word")) < MOST_SHOWN + 80
    broken = ComesBack("a", "b#", False, problem="a hash")
    assert broken.told("word", str.upper) == (
        "does not come back from its code, what does is no word: B# (a hash)"
    )
    assert not ComesBack("a", "b", False, slight=True).lost


def test_what_a_dial_lost_is_decoded_again(
    space: LatentSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def rebuilt(texts: Sequence[str], fidelity: float = 1.0) -> list[str]:
        asked.append(list(texts))
        return list(texts)

    monkeypatch.setattr(space, "reconstruct", rebuilt)
    found = compare(space, ["12", "34", "56"], ["12", "9", "0"])
    for setting in (None, 1.0, 1):
        assert faithfully(space, found, setting) == found
    assert asked == []
    for setting in (0.4, "auto"):
        again = faithfully(space, found, setting)
        assert [each.exact for each in again] == [True, True, True]
    assert asked == [["34", "56"]] * 2


def test_which_words_changed() -> None:
    assert changed_words("rain ends drought", "rain ends drought") == ""
    assert changed_words("rain ends long drought", "snow ends drought now") == (
        "'rain' became 'snow', 'long' is gone and 1 more"
    )


def test_what_a_vocabulary_has_learned(trained_space: LatentSpace, tmp_path: Path) -> None:
    shipped = Path(__file__).parents[3] / "domains" / "headlines" / "bundle"
    entries = learned_entries(shipped)
    assert len(entries) > 1000
    assert "<pad>" not in entries
    assert spelt_out("a\u6f22b", shipped) == ["\u6f22"]
    assert words_lost("a \u6f22 b", "a c b", shipped) == (
        "'\u6f22' became 'c'; '\u6f22' is spelt byte by byte"
    )
    assert words_lost("a b", "a c") == "'b' became 'c'"
    trained_space.tokenizer.save_pretrained(tmp_path)
    assert learned_entries(tmp_path) == []  # too small to tell by what it lacks
    assert learned_entries(tmp_path / "missing") == []
    (tmp_path / "tokenizer.json").write_text('{"model": 1}')
    assert learned_entries(tmp_path) == []
    assert spelt_out("\u6f22", tmp_path) == []
