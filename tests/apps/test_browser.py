"""The apps in a real browser, behind the front page: they draw, react, and call nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from apps.registry import APPS, AppEntry
from tests.apps.browsing import FIRST_LOAD, Watch, settle, shoot
from tests.apps.items import bundle_of, environment

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]


def test_front_page_leads_to_every_app(
    streamlit_server: Callable[..., str], browser_page: Page, watch: Watch, tmp_path: Path
) -> None:
    page = browser_page
    page.goto(streamlit_server(ROOT / "apps" / "home.py", **environment()))
    page.get_by_role("heading", name="Latent spaces you can walk in").wait_for()
    for entry in APPS:
        page.get_by_role("link", name=f"Open {entry.title}").wait_for()
    pictures = page.locator(".app-picture")
    assert pictures.count() == len(APPS)
    sizes = pictures.evaluate_all("images => images.map(i => [i.complete, i.naturalWidth])")
    assert all(complete and width > 100 for complete, width in sizes)
    shoot(page, tmp_path, "home")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
    assert watch.strangers == []
    assert watch.complaints == []


@pytest.mark.essential
def test_sample_appears_and_leads_to_a_walk(
    entry: AppEntry,
    streamlit_server: Callable[..., str],
    browser_page: Page,
    watch: Watch,
    tmp_path: Path,
) -> None:
    bundle = bundle_of(entry)
    page = browser_page
    page.goto(streamlit_server(ROOT / "apps" / f"{entry.name}.py", TVAE_BUNDLE=str(bundle)))
    page.get_by_text("raw validity").wait_for(timeout=FIRST_LOAD)
    settle(page)
    page.locator("article").first.wait_for()
    faces = page.locator("article .picture")
    assert faces.count() >= 1
    shoot(page, tmp_path, "sample")
    page.locator("article").first.get_by_role("button", name="Walk from").click()
    page.get_by_text("steps between are valid").wait_for(timeout=FIRST_LOAD)
    settle(page)
    strip = page.locator(".strip article")
    assert strip.count() >= 9
    strip.nth(1).locator(".picture").click()
    page.get_by_text("Step 2 of").wait_for()
    page.locator(".js-plotly-plot").wait_for()
    settle(page)
    shoot(page, tmp_path, "walk")
    assert watch.strangers == []
    assert watch.complaints == []


@pytest.mark.parametrize("entry", ["digits"], indirect=True)
def test_digit_is_drawn_and_morphed(
    entry: AppEntry,
    streamlit_server: Callable[..., str],
    browser_page: Page,
    watch: Watch,
    tmp_path: Path,
) -> None:
    bundle = bundle_of(entry)
    page = browser_page
    url = streamlit_server(ROOT / "apps" / f"{entry.name}.py", TVAE_BUNDLE=str(bundle))
    page.goto(f"{url}/morph")
    page.get_by_text("points are digits").wait_for(timeout=FIRST_LOAD)
    settle(page)
    page.get_by_text("Draw a digit").click()
    pad = page.locator("canvas.pad")
    pad.wait_for()
    box = pad.bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2
    page.mouse.move(middle, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(middle - 4, box["y"] + box["height"] - 30, steps=8)
    page.mouse.up()
    page.get_by_text("Read as").wait_for()
    settle(page)
    shoot(page, tmp_path, "morph")
    assert watch.strangers == []
    assert watch.complaints == []
