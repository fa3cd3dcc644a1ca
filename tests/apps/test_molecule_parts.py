"""What the app of molecules is made of, without a page around it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from apps.common.bundle import Workbench
from apps.common.downloads import Rows, file_bytes
from apps.common.kept import Kept
from apps.common.upload import Upload
from apps.items.around.outcome import outcomes
from apps.items.batch.files import count_rows, read_batch
from apps.items.batch.job import EXACT, INVALID, NEARLY, OTHER, Record, kind_of
from apps.items.batch.results import IN_FILE, LEAST_LIKE, MOST_LIKE, ordered
from apps.items.facts import Item, pair_similarities, read_items
from apps.items.histograms import bin_edges, histogram_figure, values_of
from apps.items.hooks import Row
from apps.items.sieve import Filters, sift, titles_of
from apps.items.view import item_card
from apps.items.workplace import row_of
from apps.molecule import structure
from apps.molecule.differences import difference_rows, verdict
from apps.molecule.spec import SPEC
from apps.registry import app_named
from domains.smiles.chem.distributions import PROPERTIES, Difference, Distributions
from domains.smiles.domain import EXAMPLES
from tests.apps.items import bench_of
from tests.molecule_cases import CASES, RIGHT
from tvae_core.rows import write_rows
from tvae_core.sampling.funnel import Wanted


def write(path: Path, rows: Rows, _: str, metadata: Mapping[str, object]) -> None:
    write_rows(path, rows, metadata, SPEC.commands)


DRUGS = list(EXAMPLES.values())
TEXTS = [
    *DRUGS,
    "C1CC",
    "CN(C)(C)C",
    "",
    "OC(=O)c1ccccc1OC(C)=O",  # aspirin again
    "Oc1ccccc1O",  # PAINS and BRENK
    "*c1ccccc1",  # no weight
]


@pytest.fixture(scope="module")
def bench() -> Workbench:
    return bench_of(app_named("molecules"))


def items_of(bench: Workbench, *texts: str) -> list[Item]:
    return read_items(bench, texts)


def test_alerts_stop_molecules_before_their_scores_count(bench: Workbench) -> None:
    def loss(item: Item) -> str:
        return "; ".join(alert.name for alert in structure.alerts_of(item))

    (stage,) = SPEC.hooks.stages
    own = {stage.name: type("Chosen", (), {"loss": staticmethod(loss), "note": "pains"})()}
    items = items_of(bench, *TEXTS)
    wanted = Wanted(minimum={"qed": 0.4}, maximum={"weight": 450}, sort="+qed")
    found = sift(SPEC, bench, items, [""] * len(items), Filters(wanted, own=own))
    assert list(found.counts) == list(titles_of(SPEC))
    lost = {sample.text: sample.stage for sample in found.lost}
    assert lost["C1CC"] == lost[""] == "valid"
    assert lost["OC(=O)c1ccccc1OC(C)=O"] == "unique"
    assert lost["Oc1ccccc1O"] == "alerts"
    scores = [sample.scores["qed"] for sample in found.kept]
    assert scores == sorted(scores, reverse=True)
    reference = Filters(Wanted(), reference=items[0])
    (first, *_) = sift(SPEC, bench, items, [""] * len(items), reference).kept
    assert (first.scores["similarity"], first.scores["scaffold_match"]) == (1, 1)


def test_cards_and_cells_of_molecules(bench: Workbench) -> None:
    catechol, broken = items_of(bench, "Oc1ccccc1O", "CC(=O)c1ccc(N")
    card = item_card(SPEC, catechol, "x", novel=True, names=tuple(SPEC.cards.scores))
    assert card.picture is not None
    assert card.picture.startswith("<svg")
    assert " class=" not in card.picture
    assert [name for name, _, _ in card.values][:4] == ["QED", "SA", "logP", "MW"]
    assert {"novel", "PAINS: catechol A"} <= {chip.text for chip in card.chips}
    assert "catechol A" in structure.alert_cells(catechol)["Alerts"]
    bad = item_card(SPEC, broken, "x")
    assert bad.picture is None
    assert bad.caret is not None
    assert "never closed (at character 12)" in bad.reason
    assert not bad.actions


def test_downloads_hold_their_provenance(bench: Workbench) -> None:
    items = items_of(bench, "CCO", "C1CC")
    rows = [row_of(SPEC, item, sample=i, lost="") for i, item in enumerate(items)]
    metadata = {"bundle": "abc", "seed": 7, "settings": {"fidelity": 0.3}}
    content = file_bytes(rows, "csv", metadata, write).decode()
    first, second = csv.DictReader(io.StringIO(content))
    assert (first["smiles"], first["bundle"], first["seed"]) == ("CCO", "abc", "7")
    assert (first["sample"], first["inchikey"]) == ("0", items[0].key)
    assert '"fidelity": 0.3' in first["provenance"]
    assert second["reason"] == "ring 1 opened here is never closed"
    sdf = file_bytes(rows[:1], "sdf", metadata, write).decode()
    assert sdf.count("$$$$") == 1
    assert "<bundle>" in sdf


def test_outcomes_and_orders(bench: Workbench) -> None:
    alanine, *found = items_of(bench, "C[C@H](N)C(=O)O", "C[C@H](N)C(=O)O", "CC(N)C(=O)O", "CCO")
    found += items_of(bench, "C1CC")
    assert [kind_of(SPEC, alanine, f)[0] for f in found] == [EXACT, NEARLY, OTHER, INVALID]
    said = outcomes(SPEC, bench, alanine, found)
    assert [tone for tone, _ in said] == ["good", "good", "warn", "bad"]
    assert said[1][1] == "the same but for stereochemistry"
    near = pair_similarities(bench, [alanine] * 4, found)
    records = [Record(Row(i, ""), alanine, f, similarity=near[i]) for i, f in enumerate(found)]
    assert [r.row.line for r in ordered(SPEC, records, IN_FILE)] == [0, 1, 2, 3]
    assert ordered(SPEC, records, LEAST_LIKE)[0].row.line == 2
    assert ordered(SPEC, records, MOST_LIKE)[-1].row.line == 3
    for name, better in (("qed", max), ("sa", min)):
        values = [item.scores[name] for item in found if item.ok]
        assert ordered(SPEC, records, name)[0].found.scores[name] == better(values)


def test_files_of_molecules() -> None:
    rows = [{"text": s, "name": n} for n, s in EXAMPLES.items()]
    sdf = file_bytes(rows, "sdf", {}, write)
    assert count_rows(Upload("a.sdf", sdf)) == len(EXAMPLES)
    assert [row.name for row in read_batch(SPEC, Upload("a.sdf", sdf)).items] == list(EXAMPLES)
    found = read_batch(SPEC, Upload("a.csv", b"smiles,Name\nOCC,<script>\nx,bad\n"))
    assert found.items == (Row(2, "OCC", "<script>", form="CCO"),)
    assert [(row.line, row.name) for row in found.refused] == [(3, "bad")]
    with pytest.raises(ValueError, match=r"^mine\.csv: which column holds the SMILES"):
        read_batch(SPEC, Upload("mine.csv", b"a,b\nc,d\n"))
    with pytest.raises(ValueError, match=r"^mine\.doc: unknown file ending"):
        read_batch(SPEC, Upload("mine.doc", b"x"))


@pytest.mark.parametrize("name", RIGHT)
def test_files_as_people_have_them(name: str) -> None:
    right, found = RIGHT[name], read_batch(SPEC, Upload(name, (CASES / name).read_bytes()))
    assert len(found.items) == right.kept + right.duplicates
    assert {row.line for row in found.refused} == set(right.rejected)
    for row in found.refused:
        assert right.rejected[row.line] in (row.reason or "")
    for words in right.told:
        assert any(words in line for line in found.told)


def test_where_molecules_differ_is_said_in_words(bench: Workbench) -> None:
    reference = Distributions.of(DRUGS, "ten drugs")
    items = items_of(bench, *DRUGS)
    same = reference.compare({name: values_of(items, name) for name in PROPERTIES})
    assert "No property differs by more than chance" in verdict(same)
    assert "few molecules" in verdict(same)
    alkane = items_of(bench, "C" * 24) * 300
    other = reference.compare({name: values_of(alkane, name) for name in PROPERTIES})
    assert verdict(other).startswith("**They differ most in")
    assert len(difference_rows(other)) == len(PROPERTIES)
    nothing = {"qed": Difference(0, *[math.nan] * 7)}
    assert "None of these" in verdict(nothing)
    spread = {"qed": Difference(9999, 0.5, 0.5, 0.3, 0.1, 0.1, 0.001, 0.6)}
    assert "much wider, with a standard deviation of 0.30 against 0.10" in verdict(spread)


@pytest.mark.parametrize("name", PROPERTIES)
def test_histograms_count_every_molecule(bench: Workbench, name: str) -> None:
    reference = Distributions.of(DRUGS, "ten drugs").histograms[name]
    values = np.append(values_of(items_of(bench, *DRUGS), name), [1e4, math.nan])
    view = SPEC.cards.scores[name]
    for behind in (reference, None):
        for bars in histogram_figure(view, "molecules", values, behind).data:
            assert sum(bars.y) == pytest.approx(1)
    assert len(histogram_figure(view, "molecules", np.array([]), None).data) == 1
    assert len(bin_edges(np.full(5, 2.0), None, whole=False)) > 2


def test_changed_atoms_are_those_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    assert structure.changed_atoms("c1ccccc1C", "c1ccccc1C") == ()
    assert structure.changed_atoms("Cc1ccccc1", "Clc1ccccc1") == (0,)
    assert structure.changed_atoms("CCO", "x") == ()
    pair = ("CCO", "CCCCCO")
    monkeypatch.setattr(structure, "_changed", Kept(10, lambda key, atoms: 1))
    with monkeypatch.context() as busy:  # a search that ran out of time is not kept
        busy.setattr(structure, "_find_changed", lambda start, smiles: ((5,), False))
        assert structure.changed_atoms(*pair) == (5,)
    whole = structure.changed_atoms(*pair)
    assert len(whole) == 3
    assert structure._changed.get(pair) == whole
