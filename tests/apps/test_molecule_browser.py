"""The molecules app in a real browser: it draws, reacts, and speaks to this machine only."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.apps.browsing import FIRST_LOAD, Watch, open_page, settle, shoot

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def app(streamlit_server: Callable[..., str]) -> str:
    """The address of the running app."""
    bundle = os.environ.get("TVAE_BUNDLE") or str(ROOT / "domains" / "smiles" / "bundle")
    return streamlit_server(ROOT / "apps" / "molecules.py", TVAE_BUNDLE=bundle)


def drawn(page: Page) -> Locator:
    """Drawings of molecules."""
    return page.locator("article img[alt^='structure of']")


def assert_pictures_load(page: Page) -> None:
    sizes = drawn(page).evaluate_all("images => images.map(i => [i.complete, i.naturalWidth])")
    assert sizes
    assert all(complete and width > 100 for complete, width in sizes)


@pytest.mark.essential
def test_sample_then_look_also_on_a_phone(
    app: str, browser_page: Page, watch: Watch, tmp_path: Path
) -> None:
    page = browser_page
    page.goto(app)
    page.get_by_role("heading", name="Sample molecules").wait_for(timeout=FIRST_LOAD)
    settle(page)
    for stage in ("Decoded", "Valid", "Unique", "No alerts", "Kept"):
        page.locator(".bar-label", has_text=stage).first.wait_for()
    assert_pictures_load(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="SDF").click()
    content = Path(download.value.path()).read_text()
    assert "$$$$" in content
    assert "<bundle>" in content

    chosen = page.locator("article code").first.text_content()
    page.locator("article").first.get_by_role("button", name="Open").click()
    page.get_by_role("heading", name="One molecule").wait_for()
    settle(page)
    field = page.get_by_label("SMILES", exact=True)
    assert field.input_value() == chosen
    field.fill("CC(=O)Oc1ccccc1C(=O)O")
    field.press("Enter")
    page.get_by_text("of the fidelity dial").wait_for()
    settle(page)
    page.locator("article", has_text="Aspirin").wait_for()
    assert_pictures_load(page)
    shoot(page, tmp_path, "molecule")
    field.fill("CC(=O)Oc1ccccc1C(=O)O)")
    field.press("Enter")
    page.get_by_text("Closing parenthesis without an opening one (at character 22)").wait_for()
    shoot(page, tmp_path, "bad-smiles")

    page.set_viewport_size({"width": 390, "height": 844})
    settle(page)
    wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert wide <= 390
    shoot(page, tmp_path, "phone")
    assert watch.strangers == []
    assert watch.complaints == []


def test_sketcher_and_map(app: str, browser_page: Page, watch: Watch, tmp_path: Path) -> None:
    page = browser_page
    page.goto(f"{app}/molecule?smiles=CCO")
    page.get_by_role("heading", name="One molecule").wait_for(timeout=FIRST_LOAD)
    settle(page)
    field = page.get_by_label("SMILES", exact=True)
    assert field.input_value() == "CCO"
    page.get_by_text("Draw it").click()
    settle(page)
    page.locator("#jsme_wrapper svg").first.wait_for(state="attached")
    page.locator("#jsme_clear_btn").click()
    box = page.locator("#jsme_wrapper").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 252, box["y"] + 37)  # a ring of the editor's tool bar
    page.mouse.click(box["x"] + 400, box["y"] + 200)
    page.locator("#jsme_apply_btn").click()
    page.wait_for_url(re.compile("smiles=(?!CCO)"))
    settle(page)
    assert "1" in field.input_value()
    shoot(page, tmp_path, "sketch")

    open_page(page, "Map")
    points = page.locator(".scatterlayer .trace").nth(1).locator(".point")
    points.first.wait_for()
    place = points.first.bounding_box()
    assert place is not None
    across, down = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(across - 3, down - 3)
    page.mouse.move(across, down, steps=4)
    page.locator(".hoverlayer .hovertext").wait_for()
    page.mouse.click(across, down)
    drawn(page).first.wait_for()
    settle(page)
    assert_pictures_load(page)
    shoot(page, tmp_path, "map")
    assert watch.strangers == []
    assert watch.complaints == []


def test_search_starts_stops_and_is_downloaded(
    app: str, browser_page: Page, watch: Watch, tmp_path: Path
) -> None:
    page = browser_page
    page.goto(f"{app}/optimise?lead=CC(=O)Nc1ccc(O)cc1")
    page.get_by_role("heading", name="Optimise a molecule").wait_for(timeout=FIRST_LOAD)
    settle(page)
    page.get_by_text("Not started").wait_for()
    page.get_by_role("spinbutton", name="Budget").fill("5000")  # more than is spent before the stop
    page.get_by_role("spinbutton", name="Budget").press("Enter")
    settle(page)
    page.get_by_role("button", name="Start", exact=True).click()
    page.locator(".js-plotly-plot").first.wait_for(timeout=FIRST_LOAD)
    page.get_by_text(re.compile(r"^\d\d+ of 5,000 calls$")).first.wait_for(timeout=FIRST_LOAD)
    page.get_by_role("button", name="Stop").click()
    stopped = page.get_by_text(re.compile(r"Stopped after \d+ of 5,000 calls"))
    stopped.wait_for(timeout=FIRST_LOAD)
    settle(page)
    said = stopped.text_content()
    assert_pictures_load(page)
    shoot(page, tmp_path, "optimise")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0].startswith("smiles,score,call,")
    assert '""budget"": 5000' in lines[1]
    page.get_by_label("Start molecule").fill("c1ccccc")
    page.get_by_label("Start molecule").press("Enter")
    page.get_by_text("The start molecule: ring 1 opened here").wait_for()
    assert stopped.text_content().split(" ·")[0] == said  # type: ignore[union-attr]
    assert page.get_by_role("button", name="Start anew").is_disabled()
    assert watch.strangers == []
    assert watch.complaints == []


def test_file_is_reconstructed_and_compared(
    app: str, browser_page: Page, watch: Watch, tmp_path: Path
) -> None:
    page = browser_page
    page.goto(f"{app}/batch")
    page.get_by_role("heading", name="A file of molecules").wait_for(timeout=FIRST_LOAD)
    settle(page)
    table = b"name,smiles\n<b>one</b>,CC(=O)Nc1ccc(O)cc1\ntwo,C1CC\n"
    page.locator("input[type=file]").set_input_files(
        {"name": "mine.csv", "mimeType": "text/csv", "buffer": table}
    )
    page.get_by_text("1 row is left out").wait_for()
    page.get_by_role("button", name="Reconstruct ·").click()
    page.get_by_text("come back exactly").wait_for(timeout=FIRST_LOAD)
    settle(page)
    shoot(page, tmp_path, "batch")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    assert "<b>one</b>" in Path(download.value.path()).read_text()
    page.get_by_role("button", name="Compare with the training set").click()
    page.get_by_role("heading", name="Compare with the training set").wait_for()
    settle(page)
    assert page.locator(".js-plotly-plot").count() == 7
    shoot(page, tmp_path, "compare")
    assert watch.strangers == []
    assert watch.complaints == []
