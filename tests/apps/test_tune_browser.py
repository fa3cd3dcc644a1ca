"""The app of music in a real browser: what it plays has sound in it; nobody else is called."""

from __future__ import annotations

import base64
import io
import re
import wave
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from apps.registry import app_named
from domains.midi.notation import STEPS_PER_QUARTER, parse_score
from domains.midi.writing.sound import TAIL
from tests.apps.browsing import FIRST_LOAD, Watch, settle, shoot
from tests.apps.items import bundle_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
TEMPO = 100
FETCH = """async audio => {
  const bytes = new Uint8Array(await (await fetch(audio.currentSrc || audio.src)).arrayBuffer())
  let text = ""
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}"""

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def bundle() -> Path:
    return bundle_of(app_named("music"))


def heard(page: Page, number: int = 0) -> tuple[float, float, float]:
    """Of a player: seconds and mean power of the file that it holds, and seconds that it shows."""
    player = page.locator("audio").nth(number)
    player.wait_for()
    page.wait_for_function(
        "n => document.querySelectorAll('audio')[n]?.duration > 0", arg=number, timeout=60_000
    )
    data = base64.b64decode(player.evaluate(FETCH))
    with wave.open(io.BytesIO(data)) as file:
        rate, frames = file.getframerate(), file.readframes(file.getnframes())
    samples = np.frombuffer(frames, dtype="<i2") / 32768
    return (
        len(samples) / rate,
        float(np.sqrt((samples**2).mean())),
        player.evaluate("a => a.duration"),
    )


def length_of(text: str) -> float:
    return parse_score(text).length / STEPS_PER_QUARTER * 60 / TEMPO


def test_what_is_pressed_is_heard(
    bundle: Path,
    streamlit_server: Callable[..., str],
    browser_page: Page,
    watch: Watch,
    tmp_path: Path,
) -> None:
    page = browser_page
    url = streamlit_server(ROOT / "apps" / "music.py", TVAE_BUNDLE=str(bundle))
    page.goto(url)
    page.get_by_text("raw validity").wait_for(timeout=FIRST_LOAD)
    settle(page)
    card = page.locator("article").first
    text = card.get_by_role("button", name="Copy").get_attribute("aria-label") or ""
    card.get_by_role("button", name="Listen").click()
    settle(page)
    seconds, power, shown = heard(page)
    assert seconds == pytest.approx(length_of(text.removeprefix("Copy ")) + TAIL, abs=0.3)
    assert shown == pytest.approx(seconds, abs=0.1)
    assert power > 0.005
    shoot(page, tmp_path, "sample")

    page.goto(f"{url}/tune")
    page.get_by_text("The tune", exact=True).wait_for(timeout=FIRST_LOAD)
    settle(page)
    page.get_by_text("Keyboard", exact=True).click()
    keys = page.locator(".piano")
    keys.wait_for()
    settle(page)
    page.get_by_role("button", name="1/2 note").click()
    for pitch in (60, 64, 67):
        keys.locator(f"[data-pitch='{pitch}']").click(position={"x": 6, "y": 100})
        settle(page)
    field = page.get_by_label("Tune", exact=True)
    assert field.input_value() == "0 |4/4 C4:48E4:48|G4:48r:48"
    seconds, power, _ = heard(page)
    assert seconds == pytest.approx(length_of(field.input_value()) + TAIL, abs=0.3)
    assert power > 0.005
    shoot(page, tmp_path, "tune")
    assert watch.strangers == []
    assert watch.complaints == []


def test_pad_is_pressed_and_played(
    bundle: Path,
    streamlit_server: Callable[..., str],
    browser_page: Page,
    watch: Watch,
    tmp_path: Path,
) -> None:
    page = browser_page
    url = streamlit_server(ROOT / "apps" / "music.py", TVAE_BUNDLE=str(bundle))
    page.goto(f"{url}/pad")
    pad = page.locator("div.pad")
    pad.wait_for(timeout=FIRST_LOAD)
    settle(page)
    box = pad.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.05 * box["width"], box["y"] + 0.05 * box["height"])
    page.get_by_text(re.compile(r"^5% across, 5% down")).wait_for()
    settle(page)
    if page.locator("audio").count():
        assert heard(page)[1] > 0.005
    pad.press("ArrowRight")
    page.get_by_text("10% across, 5% down").wait_for()
    settle(page)
    shoot(page, tmp_path, "pad")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
    assert watch.strangers == []
    assert watch.complaints == []
