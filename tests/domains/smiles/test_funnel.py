"""The validity funnel: counts that add up, reasons for every loss, windows, ranking."""

from __future__ import annotations

import itertools
import math

import pytest

from domains.smiles.domain import EXAMPLES
from domains.smiles.funnel import Funnel, FunnelOptions, run_funnel
from domains.smiles.funnel_types import STAGES, parse_limits
from domains.smiles.novelty import KnownSet

DRUGS = list(EXAMPLES.values())
TEXTS = [
    *DRUGS,
    "C1CC",  # does not parse
    "CN(C)(C)C",  # valence
    "OC(=O)c1ccccc1OC(C)=O",  # aspirin again
    "Oc1ccccc1O",  # PAINS and BRENK
    "*c1ccccc1",  # no weight
]
NONE = FunnelOptions(alerts="none")


def test_counts_add_up_and_every_loss_has_a_reason() -> None:
    known = KnownSet.from_molecules(DRUGS[:4])
    options = FunnelOptions(
        alerts="pains", minimum={"qed": 0.4}, maximum={"weight": 450}, novel_only=True, top=3
    )
    result = run_funnel(TEXTS, options=options, known=known)
    assert list(result.counts) == list(STAGES)
    assert result.counts["raw"] == len(TEXTS)
    assert result.counts["parsed"] == len(TEXTS) - 2
    assert result.counts["unique"] == len(TEXTS) - 3
    assert result.counts["alerts"] == len(TEXTS) - 4
    assert result.counts["ranked"] == len(result.survivors) == 3
    for before, after in itertools.pairwise(STAGES):
        lost = [r for r in result.rejected if r.stage == after]
        assert result.counts[before] - result.counts[after] == len(lost)
        assert all(r.reason and r.text == TEXTS[r.index] for r in lost)
    places = [r.index for r in result.rejected] + [s.index for s in result.survivors]
    assert sorted(places) == list(range(len(TEXTS)))
    assert result.validity == pytest.approx(1 - 2 / len(TEXTS))
    assert result.uniqueness == pytest.approx(1 - 1 / (len(TEXTS) - 2))


def test_reasons_are_what_a_person_reads() -> None:
    options = FunnelOptions(alerts="pains,brenk", minimum={"weight": 200})
    said = {r.text: r for r in run_funnel(TEXTS, options=options).rejected}
    assert said["C1CC"].reason == "ring 1 opened here is never closed"
    assert said["C1CC"].position == 1
    assert said["OC(=O)c1ccccc1OC(C)=O"].reason == "the same molecule as sample 1"
    assert said["Oc1ccccc1O"].reason == "PAINS: catechol_A; BRENK: catechol"
    assert said["*c1ccccc1"].reason == "weight is not defined"
    assert said[EXAMPLES["caffeine"]].reason == "weight 194 < 200"


def test_nan_passes_no_window() -> None:
    for options in (
        FunnelOptions(alerts="none", minimum={"weight": -math.inf}),
        FunnelOptions(alerts="none", maximum={"weight": math.inf}),
    ):
        result = run_funnel(["*c1ccccc1", "CCO"], options=options)
        assert [s.smiles for s in result.survivors] == ["CCO"]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("weight", ["imatinib", "diazepam", "aspirin"]),
        ("-weight", ["aspirin", "diazepam", "imatinib"]),
        ("+weight", ["imatinib", "diazepam", "aspirin"]),
        ("lipinski", ["aspirin", "imatinib", "diazepam"]),  # ties keep their order
        (None, ["aspirin", "imatinib", "diazepam"]),
    ],
)
def test_ranking(sort: str | None, expected: list[str]) -> None:
    texts = [EXAMPLES[name] for name in ("aspirin", "imatinib", "diazepam")]
    result = run_funnel(texts, options=FunnelOptions(alerts="none", sort=sort))
    assert [s.smiles for s in result.survivors] == [EXAMPLES[name] for name in expected]


def test_plain_name_ranks_the_better_first_and_nan_last() -> None:
    texts = ["*CC", EXAMPLES["imatinib"], EXAMPLES["paracetamol"]]
    result = run_funnel(texts, options=FunnelOptions(alerts="none", sort="sa"))
    assert [s.smiles for s in result.survivors] == [texts[2], texts[1], texts[0]]


def test_novelty_marks_or_filters() -> None:
    known = KnownSet.from_molecules([EXAMPLES["aspirin"]])
    texts = [EXAMPLES["aspirin"], EXAMPLES["caffeine"]]
    marked = run_funnel(texts, options=NONE, known=known)
    assert {s.smiles: s.novel for s in marked.survivors} == {texts[0]: False, texts[1]: True}
    assert (marked.novel, marked.novelty) == (1, 0.5)
    assert "1 of 2 in the window are novel" in marked.table()
    only = run_funnel(texts, options=FunnelOptions(alerts="none", novel_only=True), known=known)
    assert [s.smiles for s in only.survivors] == [texts[1]]
    assert "is in the known set" in only.rejected[0].reason
    unknown = run_funnel(texts, options=NONE)
    assert unknown.novel is None
    assert math.isnan(unknown.novelty)
    assert all(s.novel is None for s in unknown.survivors)


def test_stereoisomers_are_distinct_but_known_alike() -> None:
    known = KnownSet.from_molecules(["C[C@H](N)C(=O)O"])
    result = run_funnel(["C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"], options=NONE, known=known)
    assert result.counts["unique"] == 2
    assert [s.novel for s in result.survivors] == [False, False]


def test_reference_adds_its_scores() -> None:
    options = FunnelOptions(alerts="none", minimum={"similarity": 0.3}, sort="similarity")
    result = run_funnel(DRUGS, options=options, reference=EXAMPLES["aspirin"])
    assert result.survivors[0].smiles == EXAMPLES["aspirin"]
    assert result.survivors[0].scores["scaffold_match"] == 1.0
    assert all(s.scores["similarity"] >= 0.3 for s in result.survivors)


def test_alerts_can_be_marked_without_filtering() -> None:
    options = FunnelOptions(alerts="pains", mark_alerts="brenk")
    (survivor,) = run_funnel([EXAMPLES["aspirin"]], options=options).survivors
    assert survivor.alerts == ("BRENK: phenol_ester",)
    assert survivor.to_dict()["alerts"] == ["BRENK: phenol_ester"]


def test_instalments_give_what_one_go_gives() -> None:
    options = FunnelOptions(minimum={"qed": 0.3}, top=5)
    known = KnownSet.from_molecules(DRUGS[2:3])
    at_once = run_funnel(TEXTS, options=options, known=known)
    funnel = Funnel(options, known)
    for start in range(0, len(TEXTS), 4):
        funnel.add(TEXTS[start : start + 4])
    assert funnel.result() == at_once


def test_progress_names_the_stages() -> None:
    seen: list[tuple[str, int, int]] = []
    run_funnel(DRUGS, progress=lambda *at: seen.append(at))
    assert list(dict.fromkeys(stage for stage, _, _ in seen)) == ["parsed", "alerts", "scores"]
    assert all(done <= total for _, done, total in seen)


def test_nothing_in_nothing_out() -> None:
    result = run_funnel([])
    assert set(result.counts.values()) == {0}
    assert math.isnan(result.validity)
    assert len(result.table().splitlines()) == len(STAGES)


def test_table_is_aligned_and_readable() -> None:
    lines = run_funnel(TEXTS, options=FunnelOptions(maximum={"sa": 3}, top=2)).table().splitlines()
    assert lines[0].split() == ["raw", "samples", "17", "100.0%", "#" * 24]
    assert "property window (sa <= 3)" in lines[4]
    assert "ranked (by qed, first 2)" in lines[6]
    assert len({line.index("%") for line in lines}) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"minimum": {"qde": 0.5}}, "unknown score 'qde'; did you mean qed"),
        ({"sort": "-weigth"}, "did you mean weight"),
        ({"alerts": "pians"}, "did you mean pains"),
        ({"maximum": {"sa": math.nan}}, "not a number"),
        ({"minimum": {"sa": 4}, "maximum": {"sa": 3}}, "nothing has sa"),
        ({"top": 0}, "top must be at least 1"),
    ],
)
def test_bad_options(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FunnelOptions(**wrong)  # type: ignore[arg-type]


def test_options_that_need_what_is_not_there() -> None:
    with pytest.raises(ValueError, match="needs a reference"):
        run_funnel(DRUGS, options=FunnelOptions(minimum={"similarity": 0.4}))
    with pytest.raises(ValueError, match="no known set"):
        run_funnel(DRUGS, options=FunnelOptions(novel_only=True))
    with pytest.raises(ValueError, match="reference 'C1CC' is not a molecule"):
        run_funnel(DRUGS, reference="C1CC")


def test_limits_as_a_user_writes_them() -> None:
    assert parse_limits(["qed=0.6", " sa = 4 "]) == {"qed": 0.6, "sa": 4.0}
    for wrong, message in [
        ("qed", "written score=number"),
        ("qd=1", "did you mean qed"),
        ("qed=high", "not a number: 'high'"),
    ]:
        with pytest.raises(ValueError, match=message):
            parse_limits([wrong])


@pytest.mark.slow
def test_processes_change_nothing() -> None:
    texts = [f"{'C' * (1 + i % 40)}{'O' * (i % 3)}{'N' * (i % 5)}" for i in range(6000)]
    options = FunnelOptions(alerts="brenk", maximum={"weight": 300}, top=50)
    assert run_funnel(texts, options=options, jobs=2) == run_funnel(texts, options=options)
