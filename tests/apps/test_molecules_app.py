"""The molecules app's pages, driven without a browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from domains.smiles import SmilesDomain
from domains.smiles.domain import EXAMPLES
from tvae_core.space import LatentSpace

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


def html_of(app: AppTest) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


def markdown_of(app: AppTest) -> str:
    return " ".join(element.value for element in app.markdown)


def test_sample_page_samples_and_counts(opened: Callable[..., AppTest], bundle: Path) -> None:
    app = opened()
    job = app.session_state["sample_job"]
    space = LatentSpace.load(bundle, SmilesDomain())
    setting = job.settings["fidelity"]
    assert job.texts == space.sample(20, 0, fidelity=setting).texts
    html = html_of(app)
    for stage in ("Decoded", "Valid", "Unique", "No alerts", "In the window", "Novel", "Kept"):
        assert stage in html
    assert "raw validity" in html
    assert not app.error


def test_filters_act_without_sampling_again(opened: Callable[..., AppTest]) -> None:
    app = opened()
    before = list(app.session_state["sample_job"].texts)
    app.slider(key="sample_window_weight").set_value((100.0, 110.0))
    app.text_input(key="sample_reference").set_value(EXAMPLES["aspirin"])
    app.toggle(key="sample_novel").set_value(True).run()
    assert app.session_state["sample_job"].texts == before
    assert "weight &lt;= 110" in html_of(app) or "weight <= 110" in html_of(app)
    assert not app.error
    app.text_input(key="sample_reference").set_value("C1CC").run()
    assert [error.value for error in app.error] == [
        "Reference 'C1CC' is not a molecule: ring 1 opened here is never closed"
    ]
    assert not app.exception


def test_new_settings_wait_for_the_button(opened: Callable[..., AppTest]) -> None:
    app = opened()
    first = app.session_state["sample_job"]
    app.number_input(key="sample_seed").set_value(5).run()
    assert app.session_state["sample_job"] is first
    assert any("press Generate" in caption.value for caption in app.caption)
    app.button(key="sample_go").click().run()
    job = app.session_state["sample_job"]
    assert (job.seed, len(job.texts)) == (5, 20)
    assert not any("press Generate" in caption.value for caption in app.caption)


def test_rejected_texts_are_shown(opened: Callable[..., AppTest]) -> None:
    app = opened()
    app.segmented_control(key="sample_side").set_value("rejected").run()
    assert not app.exception


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CC(=O)c1ccc(N", "Parenthesis opened here is never closed (at character 12)"),
        ("CN(C)(C)C", "Nitrogen atom 2 has a valence of 4, more than allowed (at character 2)"),
        ("", "Empty SMILES"),
    ],
)
def test_bad_smiles_is_one_clear_line(
    opened: Callable[..., AppTest], text: str, message: str
) -> None:
    app = opened("molecule", smiles=text)
    assert [error.value for error in app.error] == [message]


def test_molecule_too_long_for_the_bundle(opened: Callable[..., AppTest]) -> None:
    app = opened("molecule", smiles="CN(C)" * 120 + "C")
    assert len(app.error) == 1
    assert "tokens; this bundle takes" in app.error[0].value


def test_molecule_page_views(opened: Callable[..., AppTest]) -> None:
    app = opened("molecule", smiles=EXAMPLES["lidocaine"])
    assert "of the fidelity dial" in markdown_of(app)
    assert "the same molecule" in html_of(app)
    app.segmented_control(key="molecule_view").set_value("neighbours").run()
    assert "in 16 decodings" in markdown_of(app)
    app.segmented_control(key="molecule_view").set_value("stability").run()
    assert "noise 0.1" in html_of(app)
    assert not app.exception
    assert not app.error


def test_walk_page(opened: Callable[..., AppTest]) -> None:
    app = opened("walk", walk_steps=5)
    assert "of 3 steps between are valid" in markdown_of(app)
    for mode, how in (("auto", "lerp"), ("a number", "slerp")):
        app.segmented_control(key="walk_mode").set_value(mode)
        app.segmented_control(key="walk_how").set_value(how).run()
        assert "of 3 steps between are valid" in markdown_of(app)
        assert not app.exception
    app.checkbox(key="walk_distinct").check().run()
    assert not app.exception
    points = app.session_state["_walk"][1]
    between = SmilesDomain().check([point.text for point in points[1:-1]])
    assert all(verdict.ok for verdict in between)
    assert len({verdict.canonical for verdict in between}) == len(between) > 0
    app.text_input(key="end").set_value("c1ccccc").run()
    assert [error.value for error in app.error] == [
        "The last molecule: ring 1 opened here is never closed (at character 2)"
    ]


def test_map_page(opened: Callable[..., AppTest]) -> None:
    app = opened("map", map_fidelity=0.2)
    kept = app.session_state["_landscape"][1]
    assert len(kept.facts) == kept.places.shape[0] >= 3
    app.number_input(key="map_x").set_value(1.0)
    app.button(key="map_go").click().run()
    assert app.session_state["_map_place"][1] != ""
    assert not app.exception
    assert not app.error


def test_missing_bundle_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, bundle: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("TVAE_BUNDLE", str(tmp_path / "nowhere"))
    app = AppTest.from_file(str(ROOT / "apps" / "molecules.py"), default_timeout=250).run()
    assert not app.exception
    assert [error.value.replace("\\", "") for error in app.error] == [
        f"No usable bundle: there is no bundle folder {tmp_path / 'nowhere'}"
    ]
    assert "python -m domains.smiles.train" in markdown_of(app)
    app.session_state["sample_n"] = 4
    app.text_input(key="bundle_folder_smiles").set_value(str(bundle)).run()
    assert not app.error
    assert len(app.session_state["sample_job"].texts) == 4


def test_bundle_of_another_domain_or_cut_short(
    monkeypatch: pytest.MonkeyPatch, bundle: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(bundle, other)
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps(manifest | {"domain": "midi"}))
    cut = tmp_path / "cut"
    shutil.copytree(bundle, cut)
    weights = cut / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    for folder, words in ((other, "'midi' bundle"), (cut, "damaged")):
        monkeypatch.setenv("TVAE_BUNDLE", str(folder))
        app = AppTest.from_file(str(ROOT / "apps" / "molecules.py"), default_timeout=250).run()
        assert not app.exception
        assert len(app.error) == 1
        assert words in app.error[0].value
