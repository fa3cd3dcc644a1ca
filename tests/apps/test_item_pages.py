"""The pages of the apps of texts, each app on the bundle that ships, driven without a browser."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from apps.common.bundle import Workbench, open_workbench
from apps.common.codes import provenance
from apps.common.downloads import file_bytes
from apps.registry import AppEntry
from domains.registry import commands_of
from tests.apps.items import bundle_of, small
from tvae_core.domain_commands import DomainCommands
from tvae_core.rows import write_rows

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow

Opened = Callable[..., AppTest]


@pytest.fixture
def commands(entry: AppEntry) -> DomainCommands:
    return commands_of(entry.domain)


@pytest.fixture
def bench(entry: AppEntry, commands: DomainCommands) -> Workbench:
    return open_workbench(bundle_of(entry), commands.domain)


def html_of(app: AppTest) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


def markdown_of(app: AppTest) -> str:
    return " ".join(element.value for element in app.markdown)


def state(app: AppTest, entry: AppEntry, name: str) -> Any:
    return app.session_state[f"{entry.name}_{name}"]


def test_sample_page_samples_counts_and_filters(
    item_app: Opened, entry: AppEntry, bench: Workbench
) -> None:
    app = item_app()
    job = state(app, entry, "sample_job")
    assert job.texts == bench.space.sample(12, 0, fidelity=job.settings["fidelity"]).texts
    html = html_of(app)
    for words in ("raw validity", "Decoded", "Valid", "Unique", "In the window", "Novel"):
        assert words in html
    assert not app.error
    app.toggle(key=f"{entry.name}_sample_unique").set_value(False)
    app.selectbox(key=f"{entry.name}_sample_sort").set_value(
        app.selectbox(key=f"{entry.name}_sample_sort").options[1]
    )
    app.segmented_control(key=f"{entry.name}_sample_side").set_value("rejected").run()
    assert state(app, entry, "sample_job") is job
    assert not app.exception
    app.number_input(key=f"{entry.name}_sample_seed").set_value(5).run()
    assert state(app, entry, "sample_job") is job
    assert any("press Generate" in caption.value for caption in app.caption)
    app.button(key=f"{entry.name}_sample_go").click().run()
    assert state(app, entry, "sample_job").seed == 5


def test_walk_page(item_app: Opened, entry: AppEntry, commands: DomainCommands) -> None:
    app = item_app("walk")
    assert "of 3 steps between are valid" in markdown_of(app)
    app.segmented_control(key=f"{entry.name}_walk_mode").set_value("auto")
    app.segmented_control(key=f"{entry.name}_walk_how").set_value("lerp").run()
    assert "of 3 steps between are valid" in markdown_of(app)
    assert not app.error
    app.checkbox(key=f"{entry.name}_walk_distinct").check().run()
    assert not app.exception
    points = app.session_state[f"_{entry.name}_walk"][1]
    between = commands.domain.check([point.text for point in points[1:-1]])
    assert all(verdict.ok for verdict in between)
    assert len({verdict.canonical for verdict in between}) == len(between)
    bad = {
        "python_code": "f(1",
        "headlines": "rain rain rain",
        "mnist": "00 down !",
        "midi": "0 |4/4 C4:95",
    }
    app.text_input(key=f"{entry.name}_end").set_value(bad[entry.domain]).run()
    assert not app.exception
    (verdict,) = commands.domain.check([bad[entry.domain]])
    assert len(app.error) == 1
    assert (verdict.reason or "").lower() in app.error[0].value.replace("\\", "").lower()
    if verdict.position is not None:
        assert app.code[0].value.splitlines()[1].endswith("^")


def test_around_page(item_app: Opened, entry: AppEntry) -> None:
    app = item_app("around", around_radius=0.3)
    assert "in 8 decodings" in markdown_of(app)
    app.text_input(key=f"{entry.name}_centre").set_value("").run()
    assert len(app.error) == 1
    assert not app.exception


def test_map_page(item_app: Opened, entry: AppEntry) -> None:
    app = item_app("map", map_fidelity=0.2)
    chart = app.session_state[f"_{entry.name}_chart"][1]
    assert len(chart.land.facts) == len(chart.labels) == chart.land.places.shape[0] >= 3
    colours = app.selectbox(key=f"{entry.name}_map_colour")
    assert colours.options
    colours.set_value(app.selectbox(key=f"{entry.name}_map_colour").value).run()
    app.number_input(key=f"{entry.name}_map_x").set_value(0.5)
    app.button(key=f"{entry.name}_map_go").click().run()
    assert app.session_state[f"_{entry.name}_map_place"][1] != ""
    assert not app.exception
    assert not app.error


def test_files_say_where_they_come_from(
    bench: Workbench, entry: AppEntry, commands: DomainCommands
) -> None:
    text = commands.domain.examples()[0]
    about = provenance(bench, entry.name, "Sample", {"seed": 7, "fidelity": 0.5})

    def written(format: str) -> bytes:
        rows = [{"text": text, "novel": True}]
        return file_bytes(rows, format, about, lambda p, r, f, m: write_rows(p, r, m, commands))

    (row,) = csv.DictReader(io.StringIO(written("csv").decode()))
    assert row["text"] == text
    assert (row["bundle"], row["seed"]) == (bench.hash, "7")
    (line,) = written("jsonl").decode().splitlines()
    assert json.loads(line)["provenance"]["settings"] == {"seed": 7, "fidelity": 0.5}
    assert written("txt").decode().startswith("# {")
    assert bench.hash in written("txt").decode()
    if ".png" in commands.suffixes:
        assert written("png").startswith(b"\x89PNG")
        assert bench.hash.encode() in written("png")


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
def test_digits_morph_between_corners(item_app: Opened, entry: AppEntry) -> None:
    app = item_app("morph")
    assert "of 9 points are digits" in markdown_of(app)
    assert app.session_state["_digits_sheet"][1].startswith(b"\x89PNG")
    app.segmented_control(key="digits_morph_how").set_value("lerp")
    app.segmented_control(key="digits_morph_mode").set_value("a number").run()
    assert "raw, one setting" in markdown_of(app)
    assert not app.error


@pytest.mark.parametrize("entry", ["headlines"], indirect=True)
def test_headline_moves_towards_my_own_examples(item_app: Opened, entry: AppEntry) -> None:
    own = {f"topic_{end}_how": "my own" for end in ("from", "to")}
    app = item_app("topic", topic_steps=3, **own)
    assert "of 3 steps are headlines" in markdown_of(app)
    assert "my 3 headlines" in markdown_of(app)
    app.text_area(key="headlines_topic_to_examples").set_value("Rain ends drought\nrain").run()
    assert len(app.error) == 1
    assert not app.exception


@pytest.mark.parametrize("entry", ["headlines"], indirect=True)
def test_topics_of_the_bundle(item_app: Opened, entry: AppEntry, bench: Workbench) -> None:
    if not (bench.folder / "topics.json").is_file():
        pytest.skip("the bundle has no topics: python -m domains.headlines.topics makes them")
    app = item_app("topic", topic_steps=3)
    assert "of 3 steps are headlines" in markdown_of(app)
    app = item_app(sample_source=app.selectbox(key="headlines_topic_to_label").value)
    job = state(app, entry, "sample_job")
    assert job.settings["source"] != "any"
    assert len(job.texts) == small(entry)["headlines_sample_n"]
    assert not app.error
