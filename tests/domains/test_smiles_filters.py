"""What molecules add to the funnel: InChIKeys, alerts, novelty without stereo, the table."""

from __future__ import annotations

import math

import pytest

from domains.smiles.chem.alerts import CATALOGS
from domains.smiles.chem.novelty import KnownSet
from domains.smiles.domain import EXAMPLES
from domains.smiles.filters import ALERTS, funnel_table, molecule_judge, stage_labels
from domains.smiles.sampling import lost_row_of, row_of
from tvae_core.sampling.funnel import Funnel, Wanted, pour

DRUGS = list(EXAMPLES.values())
TEXTS = [
    *DRUGS,
    "C1CC",  # does not parse
    "CN(C)(C)C",  # valence
    "OC(=O)c1ccccc1OC(C)=O",  # aspirin again
    "Oc1ccccc1O",  # PAINS and BRENK
    "*c1ccccc1",  # no weight
]


def test_alerts_are_a_stage_of_molecules() -> None:
    judge = molecule_judge(KnownSet.from_molecules(DRUGS[:4]), alerts="pains")
    found = pour(judge, TEXTS, Wanted({"qed": 0.4}, {"weight": 450}, True, sort="qed", top=3))
    n = len(TEXTS)
    assert list(found.counts) == ["raw", "valid", "unique", "alerts", "window", "novel", "ranked"]
    assert list(found.counts.values())[:4] == [n, n - 2, n - 3, n - 4]
    assert found.counts["ranked"] == len(found.kept) == 3
    assert sorted(s.index for s in [*found.kept, *found.lost]) == list(range(n))


def test_reasons_are_what_a_person_reads() -> None:
    found = pour(molecule_judge(), TEXTS, Wanted({"weight": 200}))
    said = {sample.text: lost_row_of(sample) for sample in found.lost}
    assert said["C1CC"]["stage"] == "parsed"
    assert said["C1CC"]["reason"] == "ring 1 opened here is never closed"
    assert said["C1CC"]["character"] == 2
    assert said["OC(=O)c1ccccc1OC(C)=O"]["reason"] == "the same molecule as sample 1"
    assert said["Oc1ccccc1O"]["reason"] == "PAINS: catechol_A; BRENK: catechol"
    assert said["*c1ccccc1"]["reason"] == "weight is not defined"
    assert said[EXAMPLES["caffeine"]]["reason"] == "weight 194 < 200"


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("sa", ["paracetamol", "imatinib"]),  # the lower is the better
        ("+sa", ["imatinib", "paracetamol"]),
        ("qed", ["paracetamol", "imatinib"]),
        ("-qed", ["imatinib", "paracetamol"]),
    ],
)
def test_a_plain_name_ranks_the_better_first_and_nan_last(sort: str, expected: list[str]) -> None:
    texts = ["*CC", EXAMPLES["imatinib"], EXAMPLES["paracetamol"]]
    found = pour(molecule_judge(alerts="none"), texts, Wanted(sort=sort))
    assert [s.text for s in found.kept] == [*(EXAMPLES[name] for name in expected), "*CC"]


def test_stereoisomers_are_distinct_but_known_alike() -> None:
    judge = molecule_judge(KnownSet.from_molecules(["C[C@H](N)C(=O)O"]), alerts="none")
    texts = ["C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", EXAMPLES["caffeine"]]
    found = pour(judge, texts)
    assert found.counts["unique"] == 3
    assert [s.novel for s in found.kept] == [False, False, True]
    assert found.novelty == pytest.approx(1 / 3)
    only = pour(judge, texts, Wanted(novel=True))
    assert [s.text for s in only.kept] == texts[2:]
    assert only.lost[0].reason == "CC(N)C(=O)O is in the known set"


def test_a_reference_adds_its_scores() -> None:
    judge = molecule_judge(alerts="none", reference=EXAMPLES["aspirin"])
    found = pour(judge, DRUGS, Wanted({"similarity": 0.3}, sort="similarity"))
    assert found.kept[0].look.form == EXAMPLES["aspirin"]
    assert found.kept[0].scores["scaffold_match"] == 1.0
    assert all(s.scores["similarity"] >= 0.3 for s in found.kept)
    with pytest.raises(ValueError, match="reference 'C1CC' is not a molecule"):
        molecule_judge(reference="C1CC")


def test_alerts_can_be_marked_without_filtering() -> None:
    judge = molecule_judge(alerts="pains", mark_alerts="brenk")
    (sample,) = pour(judge, [EXAMPLES["aspirin"]]).kept
    assert row_of(sample)["alerts"] == ["BRENK: phenol_ester"]
    with pytest.raises(ValueError, match="did you mean pains"):
        molecule_judge(alerts="pians")
    assert "pains" in CATALOGS


def test_the_table_is_aligned_and_readable() -> None:
    judge = molecule_judge(KnownSet.from_molecules(DRUGS[:4]))
    wanted = Wanted(maximum={"sa": 3}, sort="qed", top=2)
    seen: list[str] = []
    funnel = Funnel(judge, wanted)
    funnel.add(TEXTS, lambda stage, done, total: seen.append(stage))
    assert list(dict.fromkeys(seen)) == ["valid", ALERTS, "score"]
    found = funnel.result()
    table = funnel_table(found, stage_labels(found, wanted), judge.false_known)
    *lines, last = table.splitlines()
    assert lines[0].split() == ["raw", "samples", "17", "100.0%", "#" * 24]
    assert "property window (sa <= 3)" in lines[4]
    assert "known ones kept" in lines[5]
    assert "ranked (by qed, first 2)" in lines[6]
    assert len({line.index("%") for line in lines}) == 1
    assert last.startswith(f"{found.novel} of {found.counts['window']} in the window are novel (")
    nothing = pour(molecule_judge(alerts="none"), [])
    assert math.isnan(nothing.validity)
    assert len(funnel_table(nothing, stage_labels(nothing, Wanted(), "none")).splitlines()) == 7


@pytest.mark.slow
def test_processes_change_nothing() -> None:
    texts = [f"{'C' * (1 + i % 40)}{'O' * (i % 3)}{'N' * (i % 5)}" for i in range(6000)]
    wanted = Wanted(maximum={"weight": 300}, top=50)
    one, two = (pour(molecule_judge(alerts="brenk", jobs=jobs), texts, wanted) for jobs in (1, 2))
    assert one == two
