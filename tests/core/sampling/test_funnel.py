"""The funnel of samples: what it keeps and counts, whatever the domain and however it is poured."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from domains.registry import all_domains, commands_of
from tvae_core.domain import FloatArray
from tvae_core.sampling.funnel import Funnel, Judge, Look, Sample, Stage, Wanted, judge_of, pour

TEXTS = ["12", "x", "7", "12", "30", "", "5", "nan", "30", "8"]
"""Numbers, of which 5 and 8 are known, `nan` has no score and 7 is of no good kind."""


def look(text: str) -> Look:
    valid = text.isdigit() or text == "nan"
    return Look(valid, text, text.lstrip("0"), "" if valid else f"{text!r} is no number")


def value(samples: Sequence[Sample]) -> dict[str, FloatArray]:
    return {"value": np.array([float(sample.text) for sample in samples])}


def judge(novel_first: bool = False, chunk: int | None = None) -> Judge:
    return Judge(
        check=lambda texts, _: [look(text) for text in texts],
        score=lambda samples, _: value(samples),
        known=lambda samples: [sample.text in ("5", "8") for sample in samples],
        stages=(Stage("kind", lambda part, _: ["odd" if s.text == "7" else "" for s in part]),),
        novel_first=novel_first,
        chunk=chunk,
    )


def texts_of(samples: Sequence[Sample]) -> list[str]:
    return [sample.text for sample in samples]


def test_every_stage_counts_what_passes_it_and_says_why_the_rest_does_not() -> None:
    found = pour(judge(), TEXTS, Wanted({"value": 6}, {"value": 29}, novel=True))
    assert found.counts == {
        "raw": 10, "valid": 8, "unique": 6, "kind": 5, "window": 2, "novel": 1, "ranked": 1
    }  # fmt: skip
    assert texts_of(found.kept) == ["12"]
    assert [(s.number, s.stage, s.reason) for s in found.lost] == [
        (2, "valid", "'x' is no number"),
        (4, "unique", "the same as sample 1"),
        (6, "valid", "'' is no number"),
        (9, "unique", "the same as sample 5"),
        (3, "kind", "odd"),
        (5, "window", "value 30 > 29"),
        (7, "window", "value 5 < 6"),
        (8, "window", "value is not defined, value is not defined"),
        (10, "novel", "in the training set"),
    ]
    assert (found.validity, found.uniqueness, found.novelty) == (0.8, 6 / 8, 1 / 2)
    assert found.reasons == {"'x' is no number": 1, "'' is no number": 1}


def test_novelty_may_be_asked_before_the_window() -> None:
    wanted = Wanted({"value": 6}, {"value": 29}, novel=True)
    found = pour(judge(novel_first=True), TEXTS, wanted)
    assert list(found.counts)[-3:] == ["novel", "window", "ranked"]
    assert (found.novel, found.novelty) == (3, 3 / 5)
    assert found.counts["ranked"] == 1
    marked = pour(judge(novel_first=True), TEXTS)
    assert [s.novel for s in marked.kept] == [True, True, False, True, False]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        (None, ["12", "30", "5", "nan", "8"]),
        ("value", ["30", "12", "8", "5", "nan"]),
        ("-value", ["5", "8", "12", "30", "nan"]),
        ("+value", ["30", "12", "8", "5", "nan"]),
    ],
)
def test_ranking(sort: str | None, order: list[str]) -> None:
    assert texts_of(pour(judge(), TEXTS, Wanted(sort=sort)).kept) == order
    found = pour(judge(), TEXTS, Wanted(sort=sort, top=2))
    assert texts_of(found.kept) == order[:2]
    cut = [s for s in found.lost if s.stage == "ranked"]
    assert texts_of(cut) == order[2:]
    assert {s.reason for s in cut} == {"ranked below the first 2"}
    assert (found.counts["novel"], found.counts["ranked"]) == (5, 2)


@pytest.mark.parametrize("chunk", [None, 1, 2])
@pytest.mark.parametrize("novel_first", [False, True])
@pytest.mark.parametrize("size", [1, 3, 10])
def test_instalments_give_what_one_pouring_gives(
    size: int, novel_first: bool, chunk: int | None
) -> None:
    wanted = Wanted({"value": 6}, novel=True, sort="value", top=2)
    funnel = Funnel(judge(novel_first, chunk), wanted)
    for start in range(0, len(TEXTS), size):
        funnel.add(TEXTS[start : start + size])
        assert funnel.result().counts["raw"] == min(start + size, len(TEXTS))
    whole, found = pour(judge(novel_first), TEXTS, wanted), funnel.result()
    assert found.counts == whole.counts
    assert list(map(repr, found.kept)) == list(map(repr, whole.kept))
    assert sorted(map(repr, found.lost)) == sorted(map(repr, whole.lost))


def test_repeated_items_may_be_kept_and_losses_left_out() -> None:
    found = pour(judge(), TEXTS, Wanted(unique=False))
    assert found.counts["unique"] == found.counts["valid"] == 8
    assert found.uniqueness == 6 / 8
    funnel = Funnel(judge(), Wanted(novel=True), keep_lost=False)
    funnel.add(TEXTS)
    assert funnel.result().lost == []
    assert funnel.result().counts["ranked"] == 3
    assert sum(funnel.result().reasons.values()) == 2


def test_nothing_poured_in_has_no_shares() -> None:
    found = Funnel(judge()).result()
    assert set(found.counts.values()) == {0}
    assert all(math.isnan(x) for x in (found.validity, found.uniqueness, found.novelty))


def test_impossible_wishes_are_refused() -> None:
    with pytest.raises(ValueError, match="no known set"):
        Funnel(Judge(judge().check, judge().score), Wanted(novel=True))
    for wanted, message in (
        (Wanted({"value": 3}, {"value": 2}), "at least 3 and at most 2"),
        (Wanted({"value": math.nan}), "not a number"),
        (Wanted(sort="-valu"), "did you mean value"),
        (Wanted({"other": 1}), "unknown score 'other'"),
        (Wanted(top=0), "top must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            wanted.check(["value"])


@pytest.mark.parametrize("name", sorted(all_domains()))
def test_a_domain_is_judged_by_what_it_checks_and_scores(name: str) -> None:
    domain = commands_of(name).domain
    examples = domain.examples()
    forms = [verdict.canonical or "" for verdict in domain.check(examples)]
    score, column = next(iter(domain.score(forms).items()))
    lowest = float(np.nanmedian(column))
    texts = [*examples, examples[0], "\x00"]
    found = pour(judge_of(domain), texts, Wanted({score: lowest}, sort=score))
    assert found.counts["raw"] == len(texts)
    assert found.counts["valid"] == len(texts) - 1
    assert found.distinct == found.counts["unique"] == len(set(forms))
    scores = [sample.scores[score] for sample in found.kept]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) >= lowest
    assert {s.stage for s in found.lost} >= {"valid", "unique"}
    assert found.novel is None
    assert math.isnan(found.novelty)
