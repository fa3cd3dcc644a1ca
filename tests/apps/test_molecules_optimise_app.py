"""The Optimise page, driven without a browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from apps.common.downloads import file_bytes
from apps.molecule.search import SearchRun, call_row
from apps.molecule.workplace import write
from domains.smiles.domain import EXAMPLES

pytestmark = pytest.mark.slow


def html_of(app: AppTest) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


def started(app: AppTest) -> SearchRun:
    app.button(key="optimise_go").click().run()
    assert not app.exception
    run: SearchRun = app.session_state["optimise_run"]
    return run


def test_a_search_runs_to_its_budget_and_shows_the_way(opened: Callable[..., AppTest]) -> None:
    app = opened("optimise", lead=EXAMPLES["lidocaine"])
    assert app.button(key="optimise_stop").disabled
    run = started(app)
    search = run.search
    assert search.spent == 40
    assert run.finished
    assert search.start == EXAMPLES["lidocaine"]
    assert all(call.values["similarity"] >= 0.4 for call in run.best_calls())
    assert not app.error
    assert len(app.get("plotly_chart")) == 1
    for words in ("best", "start", "gain", "within constraints"):
        assert words in html_of(app)
    table = app.dataframe[0].value
    assert table["Score"].is_monotonic_decreasing
    assert table["Structure"][0].startswith("data:image/svg+xml;base64,")
    rows = [call_row(call, search.path()) for call in run.best_calls()]
    content = file_bytes(rows, "csv", {"bundle": "b", "seed": 0, "settings": run.settings}, write)
    assert content.decode().splitlines()[0].startswith("smiles,score,call,")
    app.number_input(key="optimise_seed").set_value(4).run()
    assert app.session_state["optimise_run"] is run
    assert "settings have changed" in app.get("progress")[0].proto.text


def test_stop_is_a_stop_and_the_search_goes_on(opened: Callable[..., AppTest]) -> None:
    app = opened("optimise", lead=EXAMPLES["paracetamol"])
    run = started(app)
    run.search.budget = 60
    run.finished, run.stopped = False, True
    app.run()
    assert run.search.spent == 40
    assert "Stopped after 40 of 60 calls" in app.get("progress")[0].proto.text
    assert app.button(key="optimise_stop").label == "Go on"
    app.button(key="optimise_stop").click().run()
    assert run.finished
    assert run.search.spent == 60


def test_search_without_a_start(opened: Callable[..., AppTest]) -> None:
    app = opened("optimise", lead="", optimise_goal="target")
    assert app.slider(key="optimise_similarity").disabled
    assert app.toggle(key="optimise_scaffold").disabled
    run = started(app)
    assert run.search.start is None
    assert run.settings["objective"] == "-abs(logp - 2.5)"
    assert run.settings["similarity"] == 0
    assert not app.error


@pytest.mark.parametrize(
    ("lead", "message"),
    [
        ("C1CC", "The start molecule: ring 1 opened here is never closed (at character 2)"),
        ("CN(C)" * 120 + "C", "The start molecule is longer than this bundle takes"),
    ],
)
def test_bad_start(opened: Callable[..., AppTest], lead: str, message: str) -> None:
    app = opened("optimise", lead=lead)
    (error,) = app.error
    assert error.value.startswith(message)
    assert app.button(key="optimise_go").disabled


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("qde - 1", "qed"),
        ("qed +", ""),
        ("", ""),
        ("os:getcwd", "not in the app"),
        ("__import__('os')", ""),
        ("<script>alert(1)</script>", ""),
    ],
)
def test_bad_expressions_are_one_line_and_nothing_starts(
    opened: Callable[..., AppTest], text: str, words: str
) -> None:
    app = opened("optimise", optimise_goal="own", optimise_expression=text)
    (error,) = app.error
    assert words in error.value
    assert "<script>" not in error.value.replace("\\<", "")
    assert app.button(key="optimise_go").disabled


def test_constraints_of_the_page_are_those_of_the_search(opened: Callable[..., AppTest]) -> None:
    app = opened(
        "optimise",
        lead=EXAMPLES["lidocaine"],
        optimise_goal="own",
        optimise_expression="plogp",
        optimise_budget=20,
    )
    app.pills(key="optimise_alerts").set_value(["pains", "brenk"])
    app.toggle(key="optimise_scaffold").set_value(True)
    app.slider(key="optimise_window_weight").set_value((150.0, 350.0))
    run = started(app)
    name = run.search.objective.name
    wanted = ("plogp", "similarity >= 0.4", "no alerts of pains,brenk", "c1ccccc1", "weight >= 150")
    for words in wanted:
        assert words in name
    assert all(150 <= call.values["weight"] <= 350 for call in run.best_calls())
