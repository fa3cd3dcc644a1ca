"""What the Optimise, Batch and Compare pages are made of, without a page around it."""

from __future__ import annotations

import gzip
import math
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from apps.common.bundle import Workbench
from apps.common.downloads import file_bytes
from apps.common.upload import Upload, open_upload
from apps.molecule_parts.batch import (
    EXACT,
    INVALID,
    OTHER,
    STEREO,
    BatchJob,
    Record,
    around,
    count_rows,
    file_row,
    fitting,
    kind_of,
    read_batch,
    reconstructing,
    scoring,
)
from apps.molecule_parts.batch_results import IN_FILE, LEAST_LIKE, MOST_LIKE, ordered
from apps.molecule_parts.facts import facts_of, similarity
from apps.molecule_parts.histograms import (
    bin_edges,
    difference_rows,
    histogram_figure,
    values_of,
    verdict,
)
from apps.molecule_parts.search import SearchRun, changed_atoms, history_figure, short
from apps.molecule_parts.workplace import write
from domains.smiles import SmilesDomain
from domains.smiles.chem.distributions import PROPERTIES, Difference, Distributions
from domains.smiles.domain import EXAMPLES
from domains.smiles.objectives import parse_objective
from domains.smiles.reading.readers import Row
from tests.molecule_cases import CASES, RIGHT, check
from tvae_core.search.search import Search
from tvae_core.space import LatentSpace

ROOT = Path(__file__).resolve().parents[2]
DRUGS = list(EXAMPLES.values())


@pytest.fixture(scope="module")
def bench() -> Workbench:
    folder = Path(os.environ.get("TVAE_BUNDLE") or ROOT / "domains" / "smiles" / "bundle")
    return Workbench(LatentSpace.load(folder, SmilesDomain()), threading.Lock(), folder)


def finish(job: BatchJob, bench: Workbench) -> list[Record]:
    while job.running:
        job.advance(bench)
    return job.records


def test_an_upload_is_checked_before_it_is_read() -> None:
    assert open_upload("C:\\mine\\a.smi", b"CCO", 10) == Upload("a.smi", b"CCO")
    packed = gzip.compress(b"CCO") + gzip.compress(b"\nCCN")
    assert open_upload("../../etc/a.smi.GZ", packed, 10) == Upload("a.smi", b"CCO\nCCN")
    bomb = gzip.compress(b"C" * 50_000_000)
    for name, data, words in (
        ("a.smi", b" \n", "empty"),
        ("a.smi", b"C" * 11, "more than"),
        ("a.smi.gz", bomb, "unpacks to more than"),
        ("a.smi.gz", packed[:-3], "not a whole gzip"),
        ("a.smi.gz", b"", "empty"),
    ):
        with pytest.raises(ValueError, match=words):
            open_upload(name, data, 10)


def test_errors_of_a_file_name_it_as_the_user_does() -> None:
    with pytest.raises(ValueError, match=r"^mine\.csv: which column holds the SMILES"):
        read_batch(Upload("mine.csv", b"a,b\nc,d\n"))
    with pytest.raises(ValueError, match=r"^mine\.doc: unknown file ending"):
        read_batch(Upload("mine.doc", b"x"))


def test_rows_are_counted_and_kept_with_line_and_name() -> None:
    sdf = file_bytes([{"smiles": s, "name": n} for n, s in EXAMPLES.items()], "sdf", {}, write)
    assert count_rows(Upload("a.sdf", sdf)) == len(EXAMPLES)
    found = read_batch(Upload("a.sdf", sdf))
    assert [row.name for row in found.molecules] == list(EXAMPLES)
    assert count_rows(Upload("a.csv", b"smiles\r\nC\r\nCC\r\n")) == 3
    table = b"smiles,Name\nOCC,<script>\nx,bad\n"
    found = read_batch(Upload("a.csv", table))
    assert found.molecules == (Row(2, "CCO", "<script>", smiles="CCO"),)
    assert [(row.line, row.name) for row in found.refused] == [(3, "bad")]


@pytest.mark.parametrize("name", RIGHT)
def test_files_as_people_have_them(name: str) -> None:
    found = read_batch(Upload(name, (CASES / name).read_bytes()))
    check(name, {row.line: row.reason or "" for row in found.refused}, found.account)
    assert len(found.molecules) == found.account.kept + found.account.duplicates
    assert all(row.changes for row in found.changed)
    assert all(row.text == row.smiles for row in found.molecules)


def test_a_file_is_reconstructed_row_by_row(bench: Workbench) -> None:
    rows = [Row(i, text) for i, text in enumerate(["CCN(C)CCC(=O)N" * 30, *DRUGS], start=1)]
    good, long = fitting(bench, rows)
    assert [row.line for row in long] == [1]
    assert "tokens, it takes" in str(long[0].reason)
    job = reconstructing(good, 1.0, {})
    records = finish(job, bench)
    given = [row.text for row in good]
    expected = bench.space.reconstruct(given)
    assert [record.found.text for record in records] == expected
    assert job.done == job.total == len(DRUGS)
    row = file_row(records[0], "reconstruct")
    assert (row["smiles"], row["line"], row["outcome"]) == (given[0], 2, records[0].kind)


def test_neighbours_do_not_depend_on_batches_and_are_distinct(bench: Workbench) -> None:
    rows = [Row(i, text) for i, text in enumerate(DRUGS[:3])]
    found = []
    for first in (4, 16):
        job = around(bench, rows, 6, 1.2, 5, {})
        assert job.decoding is not None
        job.decoding.batch = first
        finish(job, bench)
        found.append([(r.row.line, r.found.inchikey, r.times) for r in job.records])
    assert found[0] == found[1]
    assert len({pair[:2] for pair in found[0]}) == len(found[0])
    assert file_row(job.records[0], "neighbours")["around"] in DRUGS


def test_a_stopped_job_does_no_more(bench: Workbench) -> None:
    job = reconstructing([Row(1, text) for text in DRUGS], 1.0, {})
    job.advance(bench)
    job.stop()
    assert not job.running
    assert job.records == []


def test_outcomes_and_orders() -> None:
    alanine = facts_of("C[C@H](N)C(=O)O")
    pairs = [(alanine, facts_of(text)) for text in (alanine.smiles, "CC(N)C(=O)O", "CCO", "C1CC")]
    assert [kind_of(*pair) for pair in pairs] == [EXACT, STEREO, OTHER, INVALID]
    records = [Record(Row(i, ""), a, b, "", similarity(a, b)) for i, (a, b) in enumerate(pairs)]
    assert [r.row.line for r in ordered(records, IN_FILE)] == [0, 1, 2, 3]
    assert ordered(records, LEAST_LIKE)[0].row.line == 2
    assert ordered(records, MOST_LIKE)[0].row.line in (0, 1)
    assert ordered(records, MOST_LIKE)[-1].row.line == 3
    score = scoring([Row(1, text) for text in DRUGS], {})
    score.records = [Record(row, facts_of(row.text), facts_of(row.text)) for row in score.rows]
    best = ordered(score.records, "qed")
    assert best[0].found.scores["qed"] == max(r.found.scores["qed"] for r in score.records)


def test_where_molecules_differ_is_said_in_words() -> None:
    reference = Distributions.of(DRUGS, "ten drugs")
    facts = [facts_of(text) for text in DRUGS]
    same = reference.compare({name: values_of(facts, name) for name in PROPERTIES})
    assert "No property differs by more than chance" in verdict(same)
    assert "few molecules" in verdict(same)
    alkane = [facts_of("C" * 24)] * 300
    other = reference.compare({name: values_of(alkane, name) for name in PROPERTIES})
    text = verdict(other)
    assert text.startswith("**They differ most in")
    assert "lower on average" in text or "higher on average" in text
    assert len(difference_rows(other)) == len(PROPERTIES)
    nothing = {"qed": Difference(0, *[math.nan] * 7)}
    assert "None of these" in verdict(nothing)
    spread = {"qed": Difference(9999, 0.5, 0.5, 0.3, 0.1, 0.1, 0.001, 0.6)}
    assert "much wider, with a standard deviation of 0.30 against 0.10" in verdict(spread)


@pytest.mark.parametrize("name", PROPERTIES)
def test_histograms_count_every_molecule(name: str) -> None:
    reference = Distributions.of(DRUGS, "ten drugs").histograms[name]
    values = np.append(values_of([facts_of(text) for text in DRUGS], name), [1e4, math.nan])
    for behind in (reference, None):
        figure = histogram_figure(name, values, behind)
        for bars in figure.data:
            assert sum(bars.y) == pytest.approx(1)
    assert len(histogram_figure(name, np.array([]), None).data) == 1
    assert len(bin_edges(np.full(5, 2.0), None, whole=False)) > 2


def test_changed_atoms_are_those_not_shared() -> None:
    assert changed_atoms("c1ccccc1C", "c1ccccc1C") == ()
    changed = changed_atoms("Cc1ccccc1", "Clc1ccccc1")
    assert changed == (0,)
    assert changed_atoms("CCO", "x") == ()


def test_a_search_stops_goes_on_and_is_drawn(bench: Workbench) -> None:
    start = EXAMPLES["lidocaine"]
    objective = parse_objective("qed", start=start, similarity=0.3)
    run = SearchRun(Search(bench.space, objective, budget=30, start=start, batch_size=8), {})
    for _ in range(3):
        run.advance(bench)
    run.turn()
    assert not run.running
    spent = run.search.spent
    figure = history_figure(run.search, "QED")
    assert figure.data[2].name == "best so far"
    assert sum(len(trace.x) for trace in figure.data[:2]) == spent
    run.turn()
    while run.running:
        run.advance(bench)
    assert run.finished
    assert run.search.spent == 30
    whole = Search(bench.space, objective, budget=30, start=start, batch_size=8)
    list(whole.steps())
    assert [call.text for call in whole.calls] == [call.text for call in run.search.calls]
    scores = [call.score for call in run.best_calls()]
    assert scores == sorted(scores, reverse=True)
    assert short(-0.1234) == "−0.123"
