"""The Batch and Compare pages, driven without a browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from apps.molecule.batch import EXACT, ROWS, SIZE, BatchJob

pytestmark = pytest.mark.slow

TABLE = (
    b"id,structure\n"
    b"one,CC(=O)Nc1ccc(O)cc1\n"
    b"<script>alert(1)</script>,CC(C)Cc1ccc(C(C)C(=O)O)cc1\n"
    b"three,C1CC\n"
    b"four,CN(C)(C)C\n"
)


def html_of(app: AppTest) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


def markdown_of(app: AppTest) -> str:
    return " ".join(element.value for element in app.markdown)


def upload(app: AppTest, name: str, content: bytes) -> AppTest:
    app.file_uploader(key="batch_upload").set_value((name, content, "text/plain")).run()
    assert not app.exception
    return app


def only_job(app: AppTest) -> BatchJob:
    (job,) = app.session_state["batch_jobs"].values()
    return job


def test_a_table_is_reconstructed_and_its_bad_rows_are_named(
    opened: Callable[..., AppTest],
) -> None:
    app = upload(opened("batch"), "<b>mine.csv", TABLE)
    assert "\\<b\\>mine.csv" in markdown_of(app)
    refused = app.dataframe[0].value
    assert list(refused["Line"]) == [4, 5]
    assert "ring 1 opened here is never closed" in refused["Reason"][0]
    assert "valence" in refused["Reason"][1]
    app.button(key="batch_go").click().run()
    assert not app.exception
    assert not app.error
    job = only_job(app)
    assert [record.row.line for record in job.records] == [2, 3]
    exact = sum(record.kind == EXACT for record in job.records)
    assert f"{50 * exact:.1f} %</div><div class='figure-label'>come back exactly" in html_of(app)
    assert "<script" not in html_of(app) + markdown_of(app)
    table = app.dataframe[1].value
    assert list(table["Name"]) == ["one", "<script>alert(1)</script>"]
    assert table["Structure"][0].startswith("data:image/svg+xml;base64,")


def test_scores_neighbours_and_the_way_back(opened: Callable[..., AppTest]) -> None:
    app = opened("batch")
    app.button(key="batch_examples").click().run()
    app.segmented_control(key="batch_task").set_value("score").run()
    app.button(key="batch_go").click().run()
    assert "median QED" in html_of(app)
    assert not app.exception
    app.segmented_control(key="batch_task").set_value("neighbours").run()
    app.slider(key="batch_radius").set_value(1.5)
    app.button(key="batch_go").click().run()
    assert not app.exception
    jobs = {key[2]: job for key, job in app.session_state["batch_jobs"].items()}
    assert jobs["neighbours"].done == jobs["neighbours"].total == 36
    assert all(
        record.found.inchikey != record.given.inchikey for record in jobs["neighbours"].records
    )
    app.segmented_control(key="batch_task").set_value("score").run()
    assert "median QED" in html_of(app)  # still there
    app.button(key="batch_compare").click().run()
    assert not app.exception
    assert "Wasserstein-1" in app.dataframe[0].value.columns
    assert "ten" not in markdown_of(app)
    assert app.segmented_control(key="compare_source").value == "uploaded"


def test_stopped_batch_keeps_what_it_has(opened: Callable[..., AppTest]) -> None:
    app = opened("batch")
    app.button(key="batch_examples").click().run()
    app.button(key="batch_go").click().run()
    job = only_job(app)
    del job.records[4:]
    job.done, job.stopped = 4, True
    app.run()
    assert any("Stopped after 4 of 12" in caption.value for caption in app.caption)
    assert (job.done, len(job.records)) == (4, 4)
    assert not job.running


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "Empty.csv: the file is empty"),
        ("blank.smi", b"\n \n", "Blank.smi: the file is empty"),
        ("huge.smi", b"C" * (SIZE + 100_000), "Huge.smi: 10.1 MB is more than the 10 MB"),
        ("long.smi", b"C\n" * (ROWS + 2), "Long.smi: 5,002 rows are more than the 5,000"),
        ("x.csv.gz", b"no gzip", "X.csv.gz: not a whole gzip file"),
        ("x.csv", b'smiles\n"a\x00b', "X.csv"),
    ],
)
def test_bad_files_are_one_clear_line(
    opened: Callable[..., AppTest], name: str, content: bytes, message: str
) -> None:
    app = upload(opened("batch"), name, content)
    if not app.error:  # read, but without a molecule in it
        assert "no molecule to work on" in app.warning[0].value
        return
    (error,) = app.error
    assert error.value.replace("\\", "").startswith(message)


def test_what_was_changed_is_told(opened: Callable[..., AppTest]) -> None:
    app = upload(opened("batch"), "mine.csv", b"smiles\nCCO\n[CH3:1][OH:2]\nC1CC\nOCC\n")
    told = " ".join(caption.value for caption in app.caption)
    assert "4 rows (beside 1 header line): 2 kept, 1 rejected, 1 duplicate" in told
    assert "1 row: atom maps removed (first in line 3)" in told
    changed, refused = (frame.value for frame in app.dataframe[:2])
    assert (list(changed["Line"]), list(changed["Change"])) == ([3], ["atom maps removed"])
    assert list(refused["Line"]) == [4]


def test_the_column_of_smiles_is_asked_for(opened: Callable[..., AppTest]) -> None:
    app = upload(opened("batch"), "odd.csv", b"a,b\nx,CCO\ny,CCN\n")
    assert not app.error
    (column,) = [box for box in app.selectbox if box.label == "Column of SMILES"]
    assert column.value is None
    column.set_value("b").run()
    assert [row.text for row in app.session_state["batch_file"].molecules] == ["CCO", "CCN"]
    assert app.button(key="batch_go").label == "Reconstruct · 2 decodings"


def test_pasted_molecules(opened: Callable[..., AppTest]) -> None:
    app = opened("batch")
    app.button(key="batch_paste").click().run()
    assert [error.value for error in app.error] == ["Pasted.smi: the file is empty"]
    app.text_area(key="batch_pasted").set_value("OCC ethanol\nxx\n" + "C" * 300)
    app.button(key="batch_paste").click().run()
    assert not app.error
    refused = app.dataframe[0].value
    assert list(refused["Line"]) == [2, 3]
    assert "too long for this bundle" in refused["Reason"][1]


def test_samples_are_compared(opened: Callable[..., AppTest]) -> None:
    app = opened()
    app.switch_page("molecule/pages/compare.py").run()
    assert not app.exception
    assert app.segmented_control(key="compare_source").value == "sampled"
    assert len(app.get("plotly_chart")) == 7
    assert len(app.dataframe[0].value) == 7
    assert "MOSES" in " ".join(caption.value for caption in app.caption)


def test_nothing_to_compare_and_nothing_to_compare_with(
    opened: Callable[..., AppTest], bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened("compare")
    assert "no molecules to compare yet" in app.info[0].value
    assert app.button(key="compare_sample").label == "Sample 500 molecules"
    bare = tmp_path / "bare"
    shutil.copytree(bundle, bare)
    manifest = json.loads((bare / "manifest.json").read_text())
    manifest["sha256"].pop("reference.json", None)
    (bare / "manifest.json").write_text(json.dumps(manifest))
    (bare / "reference.json").write_text("{}")
    monkeypatch.setenv("TVAE_BUNDLE", str(bare))
    assert "reference.json cannot be read" in opened("compare").error[0].value.replace("\\", "")
    (bare / "reference.json").unlink()
    assert "python -m domains.smiles.reference" in opened("compare").warning[0].value
