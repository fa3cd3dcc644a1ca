"""What the molecules app is made of, without a page around it."""

from __future__ import annotations

import csv
import io
import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from apps.common.bundle import Workbench
from apps.common.downloads import file_bytes
from apps.common.elements.bars import Bar, Cell, bars_html, cells_html, figures_html
from apps.common.elements.cards import Card, caret_lines
from apps.common.elements.landscape import GRID, Landscape
from apps.common.job import FIRST_BATCH, LARGEST_BATCH, Job, next_batch, of_codes, sampling
from apps.common.page import literal
from apps.molecule.dialled import outcome, spans
from apps.molecule.facts import drawing, facts_of, novelty, prepare, similarity
from apps.molecule.landscape import map_figure
from apps.molecule.sieve import Wanted, sieve
from apps.molecule.view import ALL_SCORES, molecule_card, slim, written
from apps.molecule.workplace import row_of, write
from domains.smiles import SmilesDomain
from domains.smiles.domain import EXAMPLES
from domains.smiles.funnel import FunnelOptions, run_funnel
from domains.smiles.novelty import KnownSet
from tvae_core.space import LatentSpace

ROOT = Path(__file__).resolve().parents[2]
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
    folder = Path(os.environ.get("TVAE_BUNDLE") or ROOT / "domains" / "smiles" / "bundle")
    return Workbench(LatentSpace.load(folder, SmilesDomain()), threading.Lock(), folder)


def finish(job: Job, bench: Workbench) -> list[str]:
    while job.running:
        job.step(bench)
    return job.texts


@pytest.mark.parametrize(
    "options",
    [
        FunnelOptions(),
        FunnelOptions(alerts="none", sort=None),
        FunnelOptions(alerts="pains", minimum={"qed": 0.4}, maximum={"weight": 450}),
        FunnelOptions(alerts="nih", novel_only=True, sort="-logp"),
        FunnelOptions(alerts="none", minimum={"similarity": 0.1}, sort="similarity"),
    ],
)
def test_sieve_is_the_funnel(options: FunnelOptions) -> None:
    known = KnownSet.from_molecules(DRUGS[:4])
    reference = DRUGS[0] if "similarity" in options.names() else ""
    wanted = Wanted(options, reference=reference)
    found = sieve(TEXTS, wanted, known)
    marked = FunnelOptions(
        alerts=options.alerts,
        mark_alerts=wanted.catalogs,
        minimum=options.minimum,
        maximum=options.maximum,
        novel_only=options.novel_only,
        sort=options.sort,
    )
    expected = run_funnel(TEXTS, options=marked, known=known, reference=reference or None)
    assert found.counts == expected.counts
    assert found.rejected == expected.rejected
    assert found.novel == expected.novel
    for one, other in zip(found.survivors, expected.survivors, strict=True):
        assert one.to_dict().keys() == other.to_dict().keys()
        for name, value in other.to_dict().items():
            if name == "alerts":
                assert set(one.alerts) == set(other.alerts)
            else:
                assert one.to_dict()[name] == pytest.approx(value, nan_ok=True), name


def test_repeated_molecules_pass_when_asked() -> None:
    options = FunnelOptions(alerts="none", sort=None)
    once, twice = (sieve(["CCO", "OCC"], Wanted(options, unique), None) for unique in (True, False))
    assert [s.index for s in once.survivors] == [0]
    assert [s.index for s in twice.survivors] == [0, 1]
    assert twice.counts["unique"] == 2


def test_sieve_says_what_it_lacks() -> None:
    with pytest.raises(ValueError, match="no set of known molecules"):
        sieve(["CCO"], Wanted(FunnelOptions(novel_only=True)), None)
    with pytest.raises(ValueError, match="enter a reference"):
        sieve(["CCO"], Wanted(FunnelOptions(sort="similarity")), None)
    with pytest.raises(ValueError, match="not a molecule"):
        sieve(["CCO"], Wanted(reference="C1CC"), None)


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


def test_card_of_an_invalid_text_says_where_and_why() -> None:
    card = molecule_card(facts_of("CC(=O)c1ccc(N"), "x")
    assert card.picture is None
    assert card.caret is not None
    assert "never closed (at character 12)" in card.reason
    assert not card.actions


def test_card_of_a_molecule_has_drawing_scores_and_alerts() -> None:
    card = molecule_card(facts_of("Oc1ccccc1O"), "x", novel=True, names=ALL_SCORES)
    assert card.picture is not None
    assert card.picture.startswith("<svg")
    assert [name for name, _, _ in card.values][:4] == ["QED", "SA", "logP", "MW"]
    assert {"novel", "PAINS: catechol A"} <= {chip.text for chip in card.chips}
    assert "class=" not in slim(drawing("CCO"))


def test_numbers_are_written_alike() -> None:
    assert written("weight", 324.44) == "324"
    assert written("logp", -0.01) == "0.0"
    assert written("logp", -1.26) == "−1.3"
    assert written("qed", math.nan) == "–"


def test_facts_of_bad_texts() -> None:
    assert [facts_of(text).ok for text in ("CCO", "", "C1CC", "N" * 3000)] == [True, *3 * [False]]
    assert facts_of("C1CC").position == 1
    assert novelty([facts_of("C1CC"), facts_of("CCO")], KnownSet.from_molecules(["CCO"])) == [
        None,
        False,
    ]
    assert prepare(TEXTS, ("pains",), seconds=60) == len(TEXTS)
    assert prepare(TEXTS, (), seconds=-1) == 0
    assert math.isnan(similarity(facts_of("CCO"), facts_of("C1CC")))


def test_dial_ranges_in_words() -> None:
    assert spans([1.0, 0.95, 0.9, 0.5, 0.2, 0.15]) == "1–0.9, 0.5, 0.2–0.15"
    alanine, mirror = facts_of("C[C@H](N)C(=O)O"), facts_of("C[C@@H](N)C(=O)O")
    assert outcome(alanine, alanine) == ("good", "the same molecule")
    assert outcome(alanine, mirror) == ("good", "the same but for stereochemistry")
    assert outcome(alanine, facts_of("CCO"))[0] == "warn"
    assert outcome(alanine, facts_of("C1CC"))[0] == "bad"


def test_html_is_escaped() -> None:
    nasty = "<script>alert('x')</script>\""
    parts = [
        bars_html([Bar(nasty, nasty, 2.0, nasty)]),
        cells_html([Cell(nasty, "good", nasty)]),
        figures_html([(nasty, nasty, nasty)]),
    ]
    for html in parts:
        assert "<script" not in html
    assert "width:100.0%" in parts[0]


def test_smiles_in_messages_are_not_markdown() -> None:
    assert literal("a [nH](C)\n *x* :red:") == "a \\[nH\\](C) \\*x\\* :\u2060red:"
    assert literal("the last molecule: ring 1") == "the last molecule: ring 1"


def test_downloads_hold_their_provenance() -> None:
    rows = [row_of(facts_of(text), sample=i) for i, text in enumerate(["CCO", "C1CC"])]
    metadata = {"bundle": "abc", "seed": 7, "settings": {"fidelity": 0.3}}
    content = file_bytes(rows, "csv", metadata, write).decode()
    first, second = csv.DictReader(io.StringIO(content))
    assert (first["smiles"], first["bundle"], first["seed"]) == ("CCO", "abc", "7")
    assert '"fidelity": 0.3' in first["provenance"]
    assert second["reason"] == "ring 1 opened here is never closed"
    sdf = file_bytes(rows[:1], "sdf", metadata, write).decode()
    assert sdf.count("$$$$") == 1
    assert "<bundle>" in sdf


def test_batches_grow_and_shrink_within_bounds() -> None:
    assert next_batch(FIRST_BATCH, 0.0) == 2 * FIRST_BATCH
    assert next_batch(LARGEST_BATCH, 0.0) == LARGEST_BATCH
    assert next_batch(FIRST_BATCH, 99.0) == FIRST_BATCH
    assert next_batch(64, 0.7) == 64


def test_job_gives_the_samples_of_the_space(bench: Workbench) -> None:
    job = sampling(40, 3, "flow", 0.3, 0.5)
    job.batch = 8
    assert (
        finish(job, bench)
        == bench.space.sample(40, 3, "flow", 0.3, temperature=0.5, top_p=1.0).texts
    )
    assert job.latents.shape[0] == 40


def test_job_stops_and_keeps_what_it_has(bench: Workbench) -> None:
    job = sampling(1000, 0, "normal", 0.3, 0.0)
    job.step(bench)
    job.stop()
    assert not job.running
    assert len(job.texts) == FIRST_BATCH


def test_job_of_codes_takes_a_dial_for_each(bench: Workbench) -> None:
    code = bench.space.encode(["CC(=O)Nc1ccc(O)cc1"])
    dial = torch.linspace(1, 0, 20)
    job = of_codes(code.expand(20, *code.shape[1:]), dial)
    assert finish(job, bench) == bench.space.decode(code.expand(20, *code.shape[1:]), dial)


def test_eight_sessions_do_not_mix(bench: Workbench) -> None:
    alone = [finish(sampling(24, seed, "flow", 0.3, 0.8), bench) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        jobs = [sampling(24, seed, "flow", 0.3, 0.8) for seed in range(8)]
        together = list(pool.map(lambda job: finish(job, bench), jobs))
        encoded = list(pool.map(lambda _: bench.space.encode(DRUGS[:3]), range(8)))
    assert together == alone
    assert all(torch.equal(one, encoded[0]) for one in encoded)


def test_landscape_moves_the_nearest_molecule_to_a_place(bench: Workbench) -> None:
    facts = [facts_of(text) for text in DRUGS[:6]]
    land = Landscape.of(facts, bench.space.encode([item.smiles for item in facts]))
    place = (0.25, -0.5)
    there = land.projection.to_2d(land.code_at(place))[0]
    assert there.tolist() == pytest.approx(place, abs=1e-3)
    own = tuple(land.places[2].tolist())
    assert torch.allclose(land.code_at((own[0], own[1]))[0], land.codes[2], atol=1e-5)
    assert land.background().shape == (GRID * GRID, 2)
    figure = map_figure(land, "qed", {"my molecule": land.codes[:1], "my walk": land.codes[:3]})
    assert [trace.name for trace in figure.data][1:] == ["molecules", "my molecule", "my walk"]


def test_cards_carry_only_plain_data() -> None:
    assert Card("x") == Card("x", text="", values=(), chips=(), actions=())
