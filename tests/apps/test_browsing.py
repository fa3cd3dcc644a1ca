"""What a browser test counts as a fault of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.apps.browsing import Watch

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PAGE = "<img id='kept' src='http://localhost/media/kept.png'><img id='old' src='{}'>"


def missing(page: Page, address: str) -> None:
    page.route("http://localhost/**", lambda route: route.fulfill(status=404))
    with page.expect_response(address):
        page.set_content(PAGE.format(address))


def test_media_that_is_shown_has_to_be_there(browser_page: Page, watch: Watch) -> None:
    missing(browser_page, "http://localhost/media/old.png")
    assert sorted(text[-10:] for text in watch.complaints) == ["/kept.png)", "a/old.png)"]


def test_media_that_was_replaced_may_be_gone(browser_page: Page, watch: Watch) -> None:
    missing(browser_page, "http://localhost/media/old.png")
    browser_page.locator("#old").evaluate("image => image.remove()")
    assert [text[-10:] for text in watch.complaints] == ["/kept.png)"]


def test_what_a_script_says_of_media_counts_only_if_it_is_shown(
    browser_page: Page, watch: Watch
) -> None:
    missing(browser_page, "http://localhost/media/old.png")
    for name in "old", "kept":
        with browser_page.expect_console_message():
            browser_page.evaluate(
                "n => console.error(`Source error - http://localhost/media/${n}.png`)", name
            )
    browser_page.locator("#old").evaluate("image => image.remove()")
    said = [text for text in watch.complaints if text.startswith("Source error")]
    assert len(said) == 1
    assert "kept.png" in said[0]


def test_anything_else_has_to_be_there_even_if_replaced(browser_page: Page, watch: Watch) -> None:
    missing(browser_page, "http://localhost/static/old.png")
    browser_page.locator("#old").evaluate("image => image.remove()")
    assert len(watch.complaints) == 2
