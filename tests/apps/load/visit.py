"""One browser session of the load harness: what it does is timed, what it is shown is kept."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin

from playwright.async_api import Page, TimeoutError, WebSocket

from tests.apps.browsing import RESTS

LOOKS = 15
"""Looks, 0.1 s apart, at which a page must rest before it counts as done."""
WATCH = """() => {
  const app = document.querySelector('[data-testid=stApp]')
  const name = 'data-test-script-state'
  window._ran = false
  window._still = 0
  window._watch?.disconnect()
  window._watch = new MutationObserver(changes => {
    const seen = [app.getAttribute(name), ...changes.map(change => change.oldValue)]
    if (seen.includes('running')) window._ran = true
  })
  window._watch.observe(app, {attributes: true, attributeFilter: [name], attributeOldValue: true})
}"""
"""Notes in a page whether its script has run since."""
RAN = """looks => {
  const app = document.querySelector('[data-testid=stApp]')
  const rests = app?.getAttribute('data-test-script-state') === 'notRunning'
  window._still = rests ? window._still + 1 : 0
  return window._ran || window._still > looks
}"""
"""Whether its script has run since, or has rested for so many looks: a browser that is short of
time may learn of the start and the end of a run at once, and then shows neither."""
STILL = 300
"""Looks, 0.1 s apart, of a page at rest after which a run is not waited for any more."""
STATE = """() => ({
  script: document.querySelector('[data-testid=stApp]')?.getAttribute('data-test-script-state'),
  connection: document.querySelector('[data-testid=stApp]')
    ?.getAttribute('data-test-connection-state'),
  ran: window._ran,
  buttons: [...document.querySelectorAll('button')].map(b => b.innerText).filter(Boolean).join(),
})"""
"""What a page is at, for the message of an interaction that has no end."""
PRESSES = 5
"""Most presses of a button whose download fails."""
PATIENCE = 900_000
"""Milliseconds for one interaction: that many sessions may come first on a slow machine."""


@dataclass
class Visit:
    """A session.

    Attributes:
        page: of a browser context of its own.
        url: of the server.
        number: of the session, which all that it asks for follows from.
        times: seconds of each interaction, by name.
        shown: what it was shown, by name of the work.
        foreign: markers of other sessions that its pages had.
        lost: connections to the server that were lost, and made anew by the page.
        again: presses of a button that came to nothing with a lost connection, and were repeated.
    """

    page: Page
    url: str
    number: int
    times: list[tuple[str, float]] = field(default_factory=list)
    shown: dict[str, list[str]] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    lost: int = 0
    again: int = 0
    over: bool = False

    def listen(self) -> None:
        """Counts connections that are lost before the visit is over."""

        def closed(_: WebSocket) -> None:
            self.lost += not self.over

        self.page.on("websocket", lambda socket: socket.on("close", closed))

    @property
    def marker(self) -> str:
        """A word that this session's inputs carry, and no other's."""
        return marker_of(self.number)

    async def act(self, name: str, *actions: Awaitable[bool | None]) -> None:
        """Does something, waits until the page has run and rests; notes how long that took.

        Args:
            name: of the interaction, for the table.
            actions: what is done, in order; one that gives False needs no run of the page.
        """
        began = time.monotonic()
        try:
            for action in actions:
                await self.page.evaluate(WATCH)
                if await action is not False:
                    await self.page.wait_for_function(RAN, arg=STILL, polling=100, timeout=PATIENCE)
            await self.rest()
        except TimeoutError:
            state = await self.page.evaluate(STATE)
            raise RuntimeError(f"{name}: no end of it: {state}") from None
        self.times.append((name, max(0.0, time.monotonic() - began - LOOKS * 0.1)))

    async def rest(self) -> None:
        """Waits until nothing is worked out any more; looks for markers of other sessions."""
        await self.page.evaluate("window._rest = 0")
        await self.page.wait_for_function(RESTS, arg=LOOKS, polling=100, timeout=PATIENCE)
        text = await self.page.locator("body").inner_text()
        self.foreign |= {name for name in ALL_MARKERS if name in text and name != self.marker}

    async def open(self, path: str = "/") -> None:
        """Opens the app, in a session of its own."""
        began = time.monotonic()
        await self.page.goto(f"{self.url}{path}")
        await self.page.locator("h1").first.wait_for(timeout=PATIENCE)
        await self.rest()
        self.times.append(("open the app", time.monotonic() - began - LOOKS * 0.1))

    async def turn(self, name: str) -> None:
        """Turns to another page of the app by its menu."""
        link = self.page.get_by_role("link", name=name, exact=True)
        await self.act(f"turn to {name}", link.click())

    async def fill(self, field_name: str, text: str) -> bool:
        """Types into a field, and takes it with Enter; False if that was in it already."""
        found = self.page.get_by_label(field_name, exact=True).first
        if await found.input_value() == text:
            return False
        await found.fill(text)
        await found.press("Enter")
        return True

    async def cards(self, place: str = "article") -> list[str]:
        """The texts that the cards' copy buttons copy."""
        buttons = self.page.locator(f"{place} button.copy")
        labels = await buttons.evaluate_all("all => all.map(b => b.getAttribute('aria-label'))")
        return [label.removeprefix("Copy ") for label in labels]

    async def sound(self) -> str:
        """The sha256 of what the page's first player plays."""
        source = str(await self.page.locator("audio").first.get_attribute("src"))
        answer = await self.page.request.get(urljoin(self.page.url, source))
        return hashlib.sha256(await answer.body()).hexdigest()

    async def download(self, button: str) -> str:
        """The file behind a download button.

        The server makes it when it is asked for, and forgets it when the page runs again: after a
        connection that was lost and made anew a person presses the button again, and so does this.

        Raises:
            RuntimeError: it fails time after time.
        """
        failure: str | None = None
        for attempt in range(PRESSES):
            await self.rest()
            async with self.page.expect_download(timeout=PATIENCE) as coming:
                await self.page.get_by_role("button", name=button, exact=True).first.click()
            file = await coming.value
            failure = await file.failure()
            if failure is None:
                self.again += attempt
                return Path(await file.path()).read_text()
        raise RuntimeError(f"session {self.number}: the download {button} fails: {failure}")


def marker_of(number: int) -> str:
    """The word of a session."""
    return "m" + hashlib.sha256(f"session {number}".encode()).hexdigest()[:10]


ALL_MARKERS = tuple(marker_of(number) for number in range(64))
