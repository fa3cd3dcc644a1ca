"""What browser tests share: what a page complains of, when it rests, screenshots."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page, Request
    from streamlit.testing.v1 import AppTest

LOCAL = {"127.0.0.1", "localhost", None}
FIRST_LOAD = 200_000
"""Milliseconds for the first page, which waits for torch to be imported."""
RESTS = """looks => {
  const app = document.querySelector('[data-testid=stApp]')
  const rests = app?.getAttribute('data-test-script-state') === 'notRunning'
  const buttons = [...document.querySelectorAll('button')]
  const stop = buttons.some(b => b.innerText.includes('Stop'))
  window._rest = rests && !stop ? (window._rest ?? 0) + 1 : 0
  return window._rest > looks
}"""
"""Whether a page has rested for some looks at it."""
MEDIA = re.compile(r"https?://[^\s()]+/media/[^\s()]+")
SHOWN = "[...document.querySelectorAll('[src], [href]')].map(e => e.src ?? e.href)"


class Watch:
    """What the page complained of, and whom it called besides this machine."""

    def __init__(self, page: Page) -> None:
        self.strangers: list[str] = []
        self._page = page
        self._errors: list[tuple[str, str]] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self._errors.append((str(error), "")))
        page.on("request", self._asked)

    @property
    def complaints(self) -> list[str]:
        """What went wrong, without media that a later run of the script replaced.

        Streamlit drops such a file at once, so a browser that was still about to load it is told
        that it is not found, and Streamlit's player says so, too, in words of its own. One that
        the page shows now has to be there.
        """
        shown = set(self._page.evaluate(SHOWN))
        errors = [f"{text} ({place})" for text, place in self._errors]
        return [e for e in errors if not (media := set(MEDIA.findall(e))) or media & shown]

    def _said(self, message: ConsoleMessage) -> None:
        place = message.location.get("url", "")
        # Streamlit looks for its server below a page's path before it looks at the root.
        if message.type == "error" and not re.search(r"/[\w-]+/_stcore/", place):
            self._errors.append((message.text, place))

    def _asked(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob") and url.hostname not in LOCAL:
            self.strangers.append(request.url)


def settle(page: Page) -> None:
    """Waits until nothing is decoded any more and the script rests."""
    page.wait_for_function(RESTS, arg=8, polling=100, timeout=FIRST_LOAD)
    page.evaluate("window._rest = 0")


def shoot(page: Page, folder: Path, name: str) -> None:
    path = folder / f"{name}.png"
    page.screenshot(path=path)
    assert path.stat().st_size > 10_000


def open_page(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()
    page.locator("h1").wait_for()
    settle(page)


def html_of(app: AppTest) -> str:
    """The HTML of a page that is driven without a browser."""
    return " ".join(element.proto.body for element in app.get("html"))


def markdown_of(app: AppTest) -> str:
    """Its Markdown."""
    return " ".join(element.value for element in app.markdown)


def said(app: AppTest) -> str:
    """What it tells in notes, warnings and errors."""
    told = [*app.info, *app.caption, *app.warning, *app.error]
    return " ".join(element.value for element in told).replace("\\", "")
