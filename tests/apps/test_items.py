"""What every app is made of, without a page around it."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from apps.common.bundle import Workbench
from apps.common.codes import provenance
from apps.common.downloads import file_bytes
from apps.common.elements.cards import Card, caret_lines, png_address
from apps.common.elements.landscape import GRID, Landscape, add_marks, base_figure
from apps.common.elements.walks import similarity_figure, walk_summary
from apps.common.job import FIRST_BATCH, LARGEST_BATCH, Job, next_batch, of_codes, sampling
from apps.common.upload import Upload, open_upload
from apps.items.around.reconstruction import spans
from apps.items.batch.files import fitting, read_batch
from apps.items.batch.job import BatchJob, Record, around, file_row, reconstructing
from apps.items.facts import Item, prepare, read_items, similarities
from apps.items.hooks import Row
from apps.items.search.figure import history_figure
from apps.items.search.goal import objective_of
from apps.items.search.run import SearchRun, call_row, short
from apps.items.sieve import Filters, sift, titles_of
from apps.items.spec import ScoreView, Spec
from apps.items.view import item_card, picture_of, written
from apps.registry import AppEntry, app_named
from tests.apps.items import bench_of
from tvae_core.rows import write_rows
from tvae_core.sampling.funnel import Wanted
from tvae_core.search.search import Search

ONE = pytest.mark.parametrize("entry", ["python_lines"], indirect=True)
"""For what is the same in every app."""


@pytest.fixture(scope="module")
def benches() -> Callable[[str], Workbench]:
    """The bundle of each app, loaded once for all tests."""
    found: dict[str, Workbench] = {}

    def bench_named(name: str) -> Workbench:
        if name not in found:
            found[name] = bench_of(app_named(name))
        return found[name]

    return bench_named


@pytest.fixture
def bench(entry: AppEntry, benches: Callable[[str], Workbench]) -> Workbench:
    return benches(entry.name)


def finish(job: Job, bench: Workbench) -> list[str]:
    while job.running:
        job.step(bench)
    return job.texts


def worked(job: BatchJob, bench: Workbench) -> list[Record]:
    while job.running:
        job.advance(bench)
    return job.records


def rows_of(spec: Spec, bench: Workbench) -> list[Row]:
    typed = list(spec.field.examples.values())[:4]
    items = read_items(bench, [spec.field.read(text) for text in typed])
    return [Row(i, item.text, form=item.form) for i, item in enumerate(items, start=1)]


def test_examples_and_ends_are_items_that_can_be_typed_again(spec: Spec, bench: Workbench) -> None:
    for typed in (*spec.field.ends, *spec.field.examples.values()):
        (item,) = read_items(bench, [spec.field.read(typed)])
        assert item.ok, typed
        (again,) = read_items(bench, [spec.field.read(spec.field.typed(item))])
        assert again.key == item.key
        assert "\n" not in spec.field.typed(item)
    assert set(spec.cards.names) <= set(spec.cards.scores)
    assert set(spec.shown(bench)) == set(spec.cards.scores)


def test_cards_show_an_item_or_why_it_is_none(spec: Spec, bench: Workbench) -> None:
    good, bad = read_items(bench, [spec.field.read(spec.field.ends[0]), "00 down ! ! !\n("])
    card = item_card(spec, good, "1", novel=True, label="a label", extra={"similarity": 0.5})
    assert card.picture or card.pieces
    chips = [chip.text for chip in card.chips]
    assert chips[0] == spec.words.label_form.format("a label")
    assert chips[-1] == "novel"
    assert len(card.values) == len(spec.cards.names) + 1
    assert picture_of(spec, good).startswith("data:") == bool(card.picture)
    card = item_card(spec, bad, "2")
    assert card.picture is None
    assert card.caret
    assert card.reason.startswith("Invalid: ")
    assert card.actions == ()
    assert picture_of(spec, bad) == ""
    assert math.isnan(similarities(bench, [good], bad)[0])


def test_files_say_where_they_come_from(spec: Spec, bench: Workbench) -> None:
    text = spec.commands.domain.examples()[0]
    about = provenance(bench, spec.app, "Sample", {"seed": 7, "fidelity": 0.5})

    def written_as(format: str) -> bytes:
        rows = [{"text": text, "novel": True}]
        return file_bytes(
            rows, format, about, lambda p, r, f, m: write_rows(p, r, m, spec.commands)
        )

    (row,) = csv.DictReader(io.StringIO(written_as("csv").decode()))
    assert (row["bundle"], row["seed"]) == (bench.hash, "7")
    if "jsonl" in spec.formats:
        (line,) = written_as("jsonl").decode().splitlines()
        assert json.loads(line)["provenance"]["settings"] == {"seed": 7, "fidelity": 0.5}
    if ".png" in spec.commands.suffixes:
        assert bench.hash.encode() in written_as("png")


def test_a_file_is_reconstructed_row_by_row(spec: Spec, bench: Workbench) -> None:
    limit = bench.space.model.config.max_length
    long = Row(9, "", form=" ".join(spec.field.read(t) for t in spec.field.ends) * limit)
    rows = rows_of(spec, bench)
    good, left_out = fitting(bench, [*rows, long])
    assert (good, [row.line for row in left_out]) == (rows, [9])
    assert "tokens, it takes" in str(left_out[0].reason)
    job = reconstructing(spec, good, 1.0, {})
    records = worked(job, bench)
    assert [r.found.text for r in records] == bench.space.reconstruct([row.form for row in good])
    assert job.done == job.total == len(good)
    row = file_row(spec, records[0], "reconstruct")
    assert (row["text"], row["line"], row["outcome"]) == (good[0].form, 1, records[0].said)


@ONE
def test_neighbours_do_not_depend_on_batches_and_are_distinct(spec: Spec, bench: Workbench) -> None:
    found = []
    for first in (4, 16):
        job = around(spec, bench, rows_of(spec, bench)[:3], 6, 1.2, 5, {})
        assert job.decoding is not None
        job.decoding.batch = first
        found.append([(r.row.line, r.found.key, r.times) for r in worked(job, bench)])
    assert found[0] == found[1]
    assert len({pair[:2] for pair in found[0]}) == len(found[0])
    job = reconstructing(spec, rows_of(spec, bench), 1.0, {})
    job.advance(bench)
    job.stop()
    assert not job.running
    assert job.records == []


@ONE
def test_tables_and_lines_of_items(spec: Spec) -> None:
    table = b"id,text\none,x = 1\ntwo,f(\n,y = 2\nfour,x  =  1\n"
    found = read_batch(spec, Upload("a.csv", table))
    assert [(row.line, row.name, row.form) for row in found.items] == [
        (2, "one", "x = 1"), (4, "", "y = 2"), (5, "four", "x = 1"),
    ]  # fmt: skip
    assert [row.line for row in found.refused] == [3]
    assert found.told[0] == "4 rows: 2 kept, 1 rejected, 1 duplicate"
    found = read_batch(spec, Upload("a.txt", b'# {"bundle": "x"}\nx = 1\n\ny = 2\n'))
    assert [(row.line, row.form) for row in found.items] == [(2, "x = 1"), (4, "y = 2")]
    for name, data, words in (
        ("a.csv", b"a,b\nc,d\n", "a.csv: which column holds the lines"),
        ("a.doc", b"x", "a.doc: unknown file ending"),
        ("a.txt", b"x = 1\n" * 9, "a.txt: 9 rows are more than the 3"),
    ):
        with pytest.raises(ValueError, match=words):
            read_batch(spec, Upload(name, data), most=3)


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


def test_a_search_stops_goes_on_and_is_drawn(spec: Spec, bench: Workbench) -> None:
    (start,) = read_items(bench, [spec.field.read(spec.field.ends[0])])
    name = next(iter(spec.cards.scores))
    objective = objective_of(spec, bench, name, start, 0.1)

    def search() -> Search:
        return Search(bench.space, objective, budget=24, start=start.form, batch_size=8)

    run = SearchRun(search(), {})
    run.advance(bench)
    run.advance(bench)
    run.turn()
    assert not run.running
    figure = history_figure(run.search, name)
    assert figure.data[2].name == "best so far"
    assert sum(len(trace.x) for trace in figure.data[:2]) <= run.search.spent
    run.turn()
    while run.running:
        run.advance(bench)
    whole = search()
    list(whole.steps())
    assert [call.text for call in whole.calls] == [call.text for call in run.search.calls]
    scores = [call.score for call in run.best_calls()]
    assert scores == sorted(scores, reverse=True)
    if run.best_calls():
        best = run.best_calls()[0]
        row = call_row(spec, read_items(bench, [best.text])[0], best, run.search.path())
        assert list(row)[:3] == ["text", "score", "call"]
    assert short(-0.1234) == "−0.123"


@ONE
def test_sieve_counts_every_loss(spec: Spec, bench: Workbench) -> None:
    texts = ["x = 1", "x  = 1", "return x", "f(", "y = f(g(h(1)))", "import os"]
    items = read_items(bench, texts)
    labels = ["assign", "assign", "return", "", "assign", "import"]
    everything = sift(spec, bench, items, labels, Filters(Wanted(unique=False)))
    assert [s.index for s in everything.kept] == [0, 1, 2, 4, 5]
    assert everything.validity == pytest.approx(5 / 6)
    assert everything.uniqueness == pytest.approx(4 / 5)
    filters = Filters(Wanted(maximum={"depth": 3}, sort="-length"), frozenset({"assign"}))
    found = sift(spec, bench, items, labels, filters)
    assert {s.index: s.stage for s in found.lost} == {
        1: "unique", 2: "label", 3: "valid", 4: "window", 5: "label",
    }  # fmt: skip
    assert list(found.counts.values()) == [6, 5, 4, 2, 1, 1, 1]
    assert list(found.counts) == list(titles_of(spec))
    assert math.isnan(sift(spec, bench, [], [], Filters()).validity)


@ONE
def test_jobs_give_the_samples_of_the_space_in_any_batches(bench: Workbench) -> None:
    job = sampling(40, 3, "flow", 0.3, 0.5)
    job.batch = 8
    assert finish(job, bench) == bench.space.sample(40, 3, fidelity=0.3, temperature=0.5).texts
    assert job.latents.shape[0] == 40
    job = sampling(1000, 0, "normal", 0.3, 0.0)
    job.step(bench)
    job.stop()
    assert not job.running
    assert len(job.texts) == FIRST_BATCH
    code, dial = bench.space.encode(["x = 1"]), torch.linspace(1, 0, 20)
    codes = code.expand(20, *code.shape[1:])
    assert finish(of_codes(codes, dial), bench) == bench.space.decode(codes, dial)
    assert next_batch(FIRST_BATCH, 0.0) == 2 * FIRST_BATCH
    assert next_batch(LARGEST_BATCH, 0.0) == LARGEST_BATCH
    assert next_batch(FIRST_BATCH, 99.0) == FIRST_BATCH


@ONE
def test_eight_sessions_do_not_mix(bench: Workbench) -> None:
    state = torch.random.get_rng_state()
    alone = [finish(sampling(24, seed, "flow", 0.3, 0.8), bench) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        jobs = [sampling(24, seed, "flow", 0.3, 0.8) for seed in range(8)]
        together = list(pool.map(lambda job: finish(job, bench), jobs))
        encoded = list(pool.map(lambda _: bench.space.encode(["x = 1", "y = 2"]), range(8)))
    assert together == alone
    assert len({tuple(texts) for texts in alone}) == 8
    assert all(torch.equal(one, encoded[0]) for one in encoded)
    assert torch.equal(torch.random.get_rng_state(), state)


@ONE
def test_landscape_moves_the_nearest_item_to_a_place(spec: Spec, bench: Workbench) -> None:
    items = read_items(bench, [row.form for row in rows_of(spec, bench)])
    land = Landscape.of(items, bench.space.encode([item.form for item in items]))
    place = (0.25, -0.5)
    there = land.projection.to_2d(land.code_at(place))[0]
    assert there.tolist() == pytest.approx(place, abs=1e-3)
    own = tuple(land.places[2].tolist())
    assert torch.allclose(land.code_at((own[0], own[1]))[0], land.codes[2], atol=1e-5)
    assert land.background().shape == (GRID * GRID, 2)
    figure = base_figure(land, names=True)
    add_marks(figure, land, {"my line": land.codes[:1], "my walk": land.codes[:3]})
    assert [trace.name for trace in figure.data][1:] == ["my line", "my walk"]
    assert prepare(bench, [item.text for item in items], seconds=-1) == 0


@given(st.text(max_size=80), st.one_of(st.none(), st.integers(-2, 90)), st.integers(8, 40))
def test_caret_points_at_its_character(text: str, position: int | None, width: int) -> None:
    lines = caret_lines(text, position, width)
    assert all(len(line) <= width for line in lines)
    if position is not None and 0 <= position < len(text):
        place = lines[1].index("^")
        shown = text[position] if text[position].isprintable() else "�"
        assert lines[0][place] == shown
    elif position != len(text):
        assert len(lines) == 1


def test_words_and_numbers() -> None:
    told = walk_summary(["a", "b", None, "b", "z"], "a", "z", "lines")
    assert told == "**2 of 3 steps between are valid**, 1 distinct new lines; both ends come back."
    figure = similarity_figure([0, 0.5, 1], [1.0, None, 0.0], [0.0, None, 1.0])
    assert list(figure.data[2].x) == [0.5]
    for form, value, shown in (
        (".0%", -0.001, "0%"), (".1f", -1.25, "−1.2"), ("yes", 1.0, "yes"), ("yes", math.nan, "–"),
    ):  # fmt: skip
        assert written(ScoreView("x", form, ""), value) == shown
    assert spans([1.0, 0.95, 0.9, 0.5, 0.2, 0.15]) == "1–0.9, 0.5, 0.2–0.15"
    assert Item("C", "C").key == "C"
    assert Item("C").key == "invalid C"
    assert ScoreView("logP", "", "").title == "logP"
    assert ScoreView("depth", "", "").title == "Depth"
    assert Card("x", picture=png_address(b"\x89PNG")).picture == "data:image/png;base64,iVBORw=="
