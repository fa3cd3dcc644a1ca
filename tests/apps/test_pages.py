"""The pages of every app, each on the bundle that ships, driven without a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from apps.common.bundle import Workbench
from apps.common.page import literal
from apps.items.batch.job import EXACT, NEARLY
from apps.items.spec import Spec
from apps.registry import AppEntry
from tests.apps.browsing import html_of, markdown_of, said
from tests.apps.items import ROOT, SMALL
from tvae_core.evaluation.comes_back import comes_back

pytestmark = pytest.mark.slow

Opened = Callable[..., AppTest]
State = Callable[[AppTest, str], Any]

BAD = {
    "smiles": "c1ccccc",
    "python_code": "f(1",
    "headlines": "rain rain rain",
    "mnist": "00 down !",
    "midi": "0 |4/4 C4:95",
}
LOST = {
    "smiles": "CC(=O)Oc1ccccc1C(=O)O",
    "midi": "0 |4/4 C4:96;C3:48E3+G3:48|C5:96;C4:96|D5:96;C4:96",
    "python_code": "zyxoqq = frobnitz['w\u00e9'](qwzx, 1234567)",
    "headlines": "Zyxoqq v\u00e4\u00f1 opens Frobnitz h\u00e4ll in Qwertzburg\u00fc",
    "mnist": "3:1",
}
"""Items that bundles may not give back from their own codes."""


def test_sample(opened: Opened, spec: Spec, bench: Workbench, state: State) -> None:
    app, prefix = opened(), f"{spec.prefix}sample"
    job = state(app, "sample_job")
    assert job.texts == bench.space.sample(12, 0, fidelity=job.settings["fidelity"]).texts
    html = html_of(app)
    for words in ("raw validity", "Decoded", "Valid", "Unique", "In the window", "Novel", "Kept"):
        assert words in html
    assert not app.error
    name = next(iter(spec.cards.scores))
    ends = spec.cards.scores[name].ends
    assert ends is not None
    app.slider(key=f"{prefix}_window_{name}").set_value((ends.low, ends.low + ends.step))
    app.text_input(key=f"{prefix}_reference").set_value(spec.field.ends[0])
    app.toggle(key=f"{prefix}_unique").set_value(False)
    app.selectbox(key=f"{prefix}_sort").set_value("similarity to the reference")
    app.segmented_control(key=f"{prefix}_side").set_value("rejected").run()
    assert not app.exception
    assert state(app, "sample_job") is job
    assert f"{name} &lt;= " in html_of(app)
    app.text_input(key=f"{prefix}_reference").set_value(BAD[spec.commands.domain.name]).run()
    assert len(app.error) == 1
    app.text_input(key=f"{prefix}_reference").set_value("").run()
    assert f"to sort by similarity, enter a reference {spec.unit}" in said(app).replace("To", "to")


def test_new_settings_wait_for_the_button(opened: Opened, spec: Spec, state: State) -> None:
    app = opened()
    job = state(app, "sample_job")
    app.number_input(key=f"{spec.prefix}sample_seed").set_value(5).run()
    assert state(app, "sample_job") is job
    assert "press Generate" in said(app)
    app.button(key=f"{spec.prefix}sample_go").click().run()
    assert state(app, "sample_job").seed == 5
    assert "press Generate" not in said(app)


def test_walk(opened: Opened, spec: Spec, state: State) -> None:
    app, domain = opened("walk"), spec.commands.domain
    assert "of 3 steps between are valid" in markdown_of(app)
    for mode, how in (("a number", "slerp"), ("auto", "lerp")):
        app.segmented_control(key=f"{spec.prefix}walk_mode").set_value(mode)
        app.segmented_control(key=f"{spec.prefix}walk_how").set_value(how).run()
        assert "of 3 steps between are valid" in markdown_of(app)
        assert not app.error
    app.checkbox(key=f"{spec.prefix}walk_distinct").check().run()
    assert not app.exception
    between = domain.check([point.text for point in state(app, "_walk")[1][1:-1]])
    assert all(verdict.ok for verdict in between)
    assert len({verdict.canonical for verdict in between}) == len(between)
    bad = BAD[domain.name]
    app.text_input(key=f"{spec.prefix}end").set_value(bad).run()
    assert not app.exception
    (verdict,) = domain.check([bad])
    assert len(app.error) == 1
    assert (verdict.reason or "").lower() in app.error[0].value.replace("\\", "").lower()
    if verdict.position is not None:
        assert app.code[0].value.splitlines()[1].endswith("^")


def test_one_item_and_its_views(opened: Opened, spec: Spec) -> None:
    key = f"{spec.prefix}{spec.field.key}"
    app = opened("one", around_radius=0.3)
    for view, words in (
        ("neighbours", "in 8 decodings"),
        ("reconstruction", "of the fidelity dial"),
        ("stability", f"A stable {spec.unit} keeps coming back"),
    ):
        app.segmented_control(key=f"{key}_view").set_value(view).run()
        assert words in markdown_of(app)
        assert not app.exception
    assert f"the same {spec.unit}" not in html_of(app)
    assert "noise 0.1" in html_of(app)
    app.text_input(key=key).set_value("").run()
    assert len(app.error) == 1
    assert not app.exception


@pytest.mark.parametrize(
    ("page", "name"),
    [("one", "It"), ("walk", "The last {unit}"), ("optimise", "The start {unit}")],
)
def test_an_item_that_does_not_come_back_is_told(
    page: str, name: str, opened: Opened, spec: Spec, bench: Workbench
) -> None:
    text = LOST[spec.commands.domain.name]
    field = {"one": spec.field.key, "walk": "end", "optimise": "lead"}[page]
    app = opened(page, **{field: text})
    (found,) = comes_back(bench.space, [spec.field.read(text)])
    told = literal(f"It {found.told(spec.unit, spec.commands.show)}.").removeprefix("It ")
    name = name.format(unit=spec.unit)
    assert (f":material/info: {name} {told}" in [c.value for c in app.caption]) == found.lost
    assert not app.error


def test_map(opened: Opened, spec: Spec, state: State) -> None:
    app = opened("map", map_fidelity=0.2)
    chart = state(app, "_chart")[1]
    assert len(chart.land.facts) == len(chart.labels) == chart.land.places.shape[0] >= 3
    colours = app.selectbox(key=f"{spec.prefix}map_colour")
    colours.set_value(colours.options[-1] and colours.value).run()
    app.number_input(key=f"{spec.prefix}map_x").set_value(0.5)
    app.button(key=f"{spec.prefix}map_go").click().run()
    assert state(app, "_map_place")[1] != ""
    assert not app.exception
    assert not app.error


def test_search(opened: Opened, spec: Spec, state: State) -> None:
    app, prefix = opened("optimise", optimise_similarity=0.1), f"{spec.prefix}optimise"
    assert app.button(key=f"{prefix}_stop").disabled
    app.button(key=f"{prefix}_go").click().run()
    assert not app.exception
    run = state(app, "optimise_run")
    assert run.search.spent == 30 or run.search.ended
    assert run.finished
    assert all(call.values["similarity"] >= 0.1 for call in run.best_calls())
    for words in ("best", "start", "gain", "within constraints"):
        assert words in html_of(app)
    assert app.dataframe[0].value["Score"].is_monotonic_decreasing
    app.number_input(key=f"{prefix}_seed").set_value(4).run()
    assert state(app, "optimise_run") is run
    assert "settings have changed" in app.get("progress")[0].proto.text
    run.search.budget, run.finished, run.stopped = 60, False, True
    app.run()
    assert "Stopped after" in app.get("progress")[0].proto.text
    app.button(key=f"{prefix}_stop").click().run()
    assert not app.exception
    assert run.search.spent == 60 or run.search.ended


def test_search_for_a_value_without_a_start(opened: Opened, spec: Spec, state: State) -> None:
    app = opened("optimise", lead="", optimise_goal="target")
    assert app.slider(key=f"{spec.prefix}optimise_similarity").disabled
    app.button(key=f"{spec.prefix}optimise_go").click().run()
    assert not app.exception
    assert not app.error
    settings = state(app, "optimise_run").settings
    assert (settings["start"], settings["similarity"]) == (None, 0)
    assert str(settings["objective"]).startswith("-abs(")


@pytest.mark.parametrize(
    "text", ["qde - 1", "qed +", "", "os:getcwd", "__import__('os')", "<script>alert(1)</script>"]
)
@pytest.mark.parametrize("entry", ["molecules", "digits"], indirect=True)
def test_bad_expressions_are_one_line_and_nothing_starts(
    opened: Opened, spec: Spec, text: str
) -> None:
    app = opened("optimise", optimise_goal="own", optimise_expression=text)
    (error,) = app.error
    assert "<script>" not in error.value.replace("\\<", "")
    assert app.button(key=f"{spec.prefix}optimise_go").disabled


def test_batch_of_the_examples(opened: Opened, spec: Spec, state: State) -> None:
    app, prefix = opened("batch"), f"{spec.prefix}batch"
    app.button(key=f"{prefix}_examples").click().run()
    rows = state(app, "batch_file").items
    assert len(rows) == len(spec.field.examples)
    for task, words in (
        ("reconstruct", "come back exactly"),
        ("score", f"median {spec.cards.scores[spec.cards.on_steps[0]].label}"),
        ("neighbours", f"per {spec.unit}"),
    ):
        app.segmented_control(key=f"{prefix}_task").set_value(task).run()
        app.button(key=f"{prefix}_go").click().run()
        assert not app.exception
        assert not app.error
        assert words in html_of(app)
    jobs = {key[2]: job for key, job in state(app, "batch_jobs").items()}
    assert all(job.done == job.total for job in jobs.values())
    for record in jobs["reconstruct"].records:
        assert (record.kind == EXACT) == (record.found.key == record.given.key)
        assert record.kind in (EXACT, NEARLY) or record.said
    assert all(r.found.key != r.given.key for r in jobs["neighbours"].records)
    app.segmented_control(key=f"{prefix}_task").set_value("reconstruct").run()
    assert "come back exactly" in html_of(app)  # still there
    job = jobs["reconstruct"]
    del job.records[2:]
    job.done, job.stopped = 2, True
    app.run()
    assert f"Stopped after 2 of {job.total}" in said(app)
    assert not job.running


def test_batch_names_the_rows_that_are_none(opened: Opened, spec: Spec, state: State) -> None:
    app, prefix, bad = opened("batch"), f"{spec.prefix}batch", BAD[spec.commands.domain.name]
    app.button(key=f"{prefix}_paste").click().run()
    assert "the file is empty" in said(app)
    app.text_area(key=f"{prefix}_pasted").set_value(f"{spec.field.ends[0]}\n{bad}\n")
    app.button(key=f"{prefix}_paste").click().run()
    assert not app.error
    assert list(app.dataframe[0].value["Line"]) == [2]
    (verdict,) = spec.commands.domain.check([bad])
    assert (verdict.reason or "") in app.dataframe[0].value["Reason"][0]
    rows = [json.dumps({"a": "x", "b": text}) for text in (spec.field.ends[0], bad)]
    file = ("odd.jsonl", "\n".join(rows).encode(), "text/plain")
    app.file_uploader(key=f"{prefix}_upload").set_value(file).run()
    (column,) = [box for box in app.selectbox if box.label.startswith("Column of")]
    assert column.value is None
    column.set_value("b").run()
    assert not app.error
    found = state(app, "batch_file")
    assert (len(found.items), len(found.refused)) == (1, 1)
    assert app.button(key=f"{prefix}_go").label == "Reconstruct · 1 decodings"


def test_missing_bundle_says_how_to_get_one(
    entry: AppEntry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TVAE_BUNDLE", str(tmp_path / "nowhere"))
    path = str(ROOT / "apps" / f"{entry.name}.py")
    app = AppTest.from_file(path, default_timeout=250).run()
    assert not app.exception
    assert len(app.error) == 1
    assert "there is no bundle folder" in app.error[0].value
    assert f"python -m domains.{entry.domain}.train" in markdown_of(app)


@pytest.mark.parametrize("entry", ["digits"], indirect=True)
def test_digits_morph_between_corners(opened: Opened) -> None:
    app = opened("morph")
    assert "of 9 points are digits" in markdown_of(app)
    assert app.session_state["_digits_sheet"][1].startswith(b"\x89PNG")
    app.segmented_control(key="digits_morph_how").set_value("lerp")
    app.segmented_control(key="digits_morph_mode").set_value("a number").run()
    assert "raw, one setting" in markdown_of(app)
    assert not app.error


@pytest.mark.parametrize("entry", ["headlines"], indirect=True)
def test_headline_moves_towards_a_topic_or_my_own_examples(opened: Opened, state: State) -> None:
    own = {f"topic_{end}_how": "my own" for end in ("from", "to")}
    app = opened("topic", topic_steps=3, **own)
    assert "of 3 steps are headlines" in markdown_of(app)
    assert "my 3 headlines" in markdown_of(app)
    app.text_area(key="headlines_topic_to_examples").set_value("Rain ends drought\nrain").run()
    assert len(app.error) == 1
    assert not app.exception
    app = opened("topic", topic_steps=3)
    assert "of 3 steps are headlines" in markdown_of(app)
    app = opened(sample_source=app.selectbox(key="headlines_topic_to_label").value)
    job = state(app, "sample_job")
    assert job.settings["source"] != "any"
    assert len(job.texts) == SMALL["sample_n"]
    assert not app.error
