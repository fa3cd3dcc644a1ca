"""The two fixtures that app tests stand on: a served script, and a browser that sees it."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

SCRIPT = """
import streamlit as st

st.title("A small page")
clicks = st.session_state.setdefault("clicks", 0)
if st.button("Count"):
    st.session_state.clicks += 1
st.write(f"count is {st.session_state.clicks}")
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "small.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def gone_afterwards() -> Iterator[list[str]]:
    """Addresses at which nothing answers once the fixtures after this one are undone."""
    addresses: list[str] = []
    yield addresses
    for address in addresses:
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(address, timeout=5)


def test_server_is_up_and_goes_away(
    script: Path, gone_afterwards: list[str], streamlit_server: Callable[..., str]
) -> None:
    url = streamlit_server(script)
    gone_afterwards.append(url)
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.status == 200
        assert b"<html" in answer.read()


@pytest.mark.browser
def test_page_shows_and_reacts(
    script: Path, streamlit_server: Callable[..., str], browser_page: Page, tmp_path: Path
) -> None:
    browser_page.goto(streamlit_server(script))
    browser_page.get_by_role("heading", name="A small page").wait_for()
    browser_page.get_by_text("count is 0").wait_for()
    browser_page.get_by_role("button", name="Count").click()
    browser_page.get_by_text("count is 1").wait_for()
    shot = tmp_path / "page.png"
    browser_page.screenshot(path=shot)
    assert shot.stat().st_size > 1000


def test_connections_leave_no_test() -> None:
    with pytest.raises(OSError, match="tests run offline"):
        urllib.request.urlopen("http://192.0.2.1/", timeout=5)
