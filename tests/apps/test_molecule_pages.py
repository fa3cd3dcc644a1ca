"""What the app of molecules has beyond the others', driven without a browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from apps.items.batch.files import ROWS, SIZE
from domains.smiles.domain import EXAMPLES
from tests.apps.browsing import html_of, markdown_of, said
from tests.apps.items import ROOT, bundle_of

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("entry", ["molecules"], indirect=True)]

Opened = Callable[..., AppTest]
TABLE = (
    b"id,structure\n"
    b"one,CC(=O)Nc1ccc(O)cc1\n"
    b"<script>alert(1)</script>,CC(C)Cc1ccc(C(C)C(=O)O)cc1\n"
    b"three,C1CC\n"
    b"four,CN(C)(C)C\n"
)


def upload(app: AppTest, name: str, content: bytes) -> AppTest:
    app.file_uploader(key="batch_upload").set_value((name, content, "text/plain")).run()
    assert not app.exception
    return app


def test_alerts_are_a_stage_and_a_reference_has_a_scaffold(opened: Opened) -> None:
    app = opened()
    assert "No alerts" in html_of(app)
    assert "pains, brenk" in html_of(app)
    app.pills(key="sample_alerts").set_value([])
    app.text_input(key="sample_reference").set_value(EXAMPLES["aspirin"]).run()
    assert "not looked for" in html_of(app)
    app.text_input(key="sample_reference").set_value("C1CC").run()
    assert [error.value for error in app.error] == [
        "The reference: ring 1 opened here is never closed (at character 2)"
    ]
    assert not app.exception


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CC(=O)c1ccc(N", "Parenthesis opened here is never closed (at character 12)"),
        ("CN(C)(C)C", "Nitrogen atom 2 has a valence of 4, more than allowed (at character 2)"),
        ("", "Empty SMILES"),
        ("CN(C)" * 120 + "C", "The text has 361 tokens; this bundle takes at most 96"),
    ],
)
def test_bad_smiles_is_one_clear_line(opened: Opened, text: str, message: str) -> None:
    (error,) = opened("one", smiles=text).error
    assert error.value.split(";")[-1] == message.split(";")[-1] or "tokens" in error.value


@pytest.mark.parametrize(
    ("lead", "message"),
    [
        ("C1CC", "The start molecule: ring 1 opened here is never closed (at character 2)"),
        ("CN(C)" * 120 + "C", "The start molecule is longer than this bundle takes"),
    ],
)
def test_bad_start(opened: Opened, lead: str, message: str) -> None:
    app = opened("optimise", lead=lead)
    (error,) = app.error
    assert error.value.startswith(message)
    assert app.button(key="optimise_go").disabled


def test_constraints_of_the_page_are_those_of_the_search(opened: Opened) -> None:
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
    app.button(key="optimise_go").click().run()
    assert not app.exception
    run = app.session_state["optimise_run"]
    name = run.search.objective.name
    wanted = ("plogp", "similarity >= 0.4", "no alerts of pains,brenk", "c1ccccc1", "weight >= 150")
    for words in wanted:
        assert words in name
    assert all(150 <= call.values["weight"] <= 350 for call in run.best_calls())
    assert app.dataframe[0].value["Picture"][0].startswith("data:image/svg+xml;base64,")


def test_a_table_is_reconstructed_and_its_bad_rows_are_named(opened: Opened) -> None:
    app = upload(opened("batch"), "<b>mine.csv", TABLE)
    assert "\\<b\\>mine.csv" in markdown_of(app)
    refused = app.dataframe[0].value
    assert list(refused["Line"]) == [4, 5]
    assert "ring 1 opened here is never closed" in refused["Reason"][0]
    app.button(key="batch_go").click().run()
    assert not app.exception
    (job,) = app.session_state["batch_jobs"].values()
    assert [record.row.line for record in job.records] == [2, 3]
    assert "<script" not in html_of(app) + markdown_of(app)
    table = app.dataframe[1].value
    assert list(table["Name"]) == ["one", "<script>alert(1)</script>"]
    assert table["Picture"][0].startswith("data:image/svg+xml;base64,")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "Empty.csv: the file is empty"),
        ("huge.smi", b"C" * (SIZE + 100_000), "Huge.smi: 10.1 MB is more than the 10 MB"),
        ("long.smi", b"C\n" * (ROWS + 2), "Long.smi: 5,002 rows are more than the 5,000"),
        ("x.csv.gz", b"no gzip", "X.csv.gz: not a whole gzip file"),
        ("x.csv", b'smiles\n"a\x00b', "no molecule to work on"),
    ],
)
def test_bad_files_are_one_clear_line(
    opened: Opened, name: str, content: bytes, message: str
) -> None:
    assert message in said(upload(opened("batch"), name, content))


def test_what_was_changed_is_told(opened: Opened) -> None:
    app = upload(opened("batch"), "mine.csv", b"smiles\nCCO\n[CH3:1][OH:2]\nC1CC\nOCC\n")
    assert "4 rows (beside 1 header line): 2 kept, 1 rejected, 1 duplicate" in said(app)
    assert "1 row: atom maps removed (first in line 3)" in said(app)
    changed, refused = (frame.value for frame in app.dataframe[:2])
    assert (list(changed["Line"]), list(changed["Change"])) == ([3], ["atom maps removed"])
    assert list(refused["Line"]) == [4]


def test_what_is_too_long_for_the_bundle_is_left_out(opened: Opened) -> None:
    app = opened("batch")
    app.text_area(key="batch_pasted").set_value("OCC ethanol\n" + "C" * 300)
    app.button(key="batch_paste").click().run()
    assert "too long for this bundle" in app.dataframe[0].value["Reason"][0]


def test_samples_and_files_are_compared(opened: Opened) -> None:
    app = opened("compare")
    assert "no molecules to compare yet" in app.info[0].value
    app.switch_page("items/pages/sample.py").run()
    app.switch_page("molecule/pages/compare.py").run()
    assert not app.exception
    assert app.segmented_control(key="compare_source").value == "sampled"
    assert len(app.get("plotly_chart")) == len(app.dataframe[0].value) == 7
    assert "MOSES" in said(app)
    app.switch_page("items/pages/batch.py").run()
    app.button(key="batch_examples").click().run()
    app.button(key="batch_compare").click().run()
    assert not app.exception
    assert "Wasserstein-1" in app.dataframe[0].value.columns
    assert app.segmented_control(key="compare_source").value == "uploaded"


def copy_of(bundle: Path, folder: Path, **manifest: Any) -> Path:
    shutil.copytree(bundle, folder)
    told = json.loads((folder / "manifest.json").read_text()) | manifest
    told["sha256"].pop("reference.json", None)
    (folder / "manifest.json").write_text(json.dumps(told))
    return folder


def test_bundles_that_lack_something(
    opened: Opened, entry: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = bundle_of(entry)
    bare = copy_of(bundle, tmp_path / "bare")
    other = copy_of(bundle, tmp_path / "other", domain="midi")
    cut = copy_of(bundle, tmp_path / "cut")
    weights = cut / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    (bare / "reference.json").write_text("{}")
    monkeypatch.setenv("TVAE_BUNDLE", str(bare))
    assert "reference.json cannot be read" in said(opened("compare"))
    (bare / "reference.json").unlink()
    assert "python -m domains.smiles.reference" in said(opened("compare"))
    for folder, words in ((other, "'midi' bundle"), (cut, "damaged")):
        monkeypatch.setenv("TVAE_BUNDLE", str(folder))
        app = AppTest.from_file(str(ROOT / "apps" / "molecules.py"), default_timeout=250).run()
        assert words in app.error[0].value
    app.session_state["sample_n"] = 4
    app.text_input(key="bundle_folder_smiles").set_value(str(bundle)).run()
    assert not app.error
    assert len(app.session_state["sample_job"].texts) == 4
