"""The phases of the load harness: everybody's work alone, then all at once, then what is left."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, async_playwright

from tests.apps.load.visit import PATIENCE, Visit
from tests.apps.load.work import WORKS
from tests.streamlit_server import Server, serving

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WATCHED = 5.0
"""Seconds for which the server is watched after the last browser has closed."""

Say = Callable[[str], None]


@dataclass
class Result:
    """What came of a run.

    Attributes:
        app: which.
        browsers: at once.
        rounds: how often each did its work, each time in a new session.
        compared: pieces of work that were compared with the same work done alone.
        different: those that differ, in words.
        foreign: markers of other sessions that were seen.
        alike: pieces of work whose outcome two sessions share, though they asked for other things.
        failed: sessions that ended in an error, in words.
        tracebacks: that the server wrote.
        lost: connections that were lost while all were at work, and made anew by the page.
        again: presses that went with them, and were repeated.
        alone: seconds of each interaction, one session at a time.
        together: the same, all at once.
        memory: MiB at the start, after each session alone at the first server, after each round.
        left_running: CPU seconds within `WATCHED` after a browser closed amid a long job.
        seconds: of the whole run.
    """

    app: str
    browsers: int
    rounds: int
    compared: int = 0
    different: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    alike: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    tracebacks: int = 0
    lost: int = 0
    again: int = 0
    alone: dict[str, list[float]] = field(default_factory=dict)
    together: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    left_running: float = 0.0
    seconds: float = 0.0

    @property
    def sound(self) -> bool:
        """Whether every session was shown its own work, and nothing broke."""
        bad = (self.different, self.foreign, self.alike, self.failed, self.tracebacks)
        return self.compared > 0 and not any(bad)

    def flat(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self) | {"sound": self.sound}


def chromium() -> str:
    """The browser; raises `RuntimeError` if there is none."""
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if found is None:
        raise RuntimeError("no Chromium on this machine; `make browser` installs it")
    return found


async def measure(
    app: str, browsers: int, rounds: int, separate: bool, environment: dict[str, str], say: Say
) -> Result:
    """Runs the harness.

    Args:
        app: one of `WORKS`.
        browsers: sessions at once.
        rounds: how often.
        separate: a browser for each session, not one context of a browser.
        environment: more of it, for the server.
        say: is told how far it is.
    """
    began, result = time.monotonic(), Result(app, browsers, rounds)
    with tempfile.TemporaryDirectory() as name:
        folder, expected = Path(name), []
        async with sessions(separate) as enter:
            with serving(app, folder, **environment) as server:
                for number in range(browsers):
                    say(f"alone: session {number + 1} of {browsers}")
                    visit = await one(enter, server, app, number, result, say)
                    expected.append(visit)
                    gather(result.alone, visit)
            with serving(app, folder, **environment) as server:
                result.memory["start"] = server.memory()
                for number in range(1, rounds + 1):
                    say(f"together: round {number} of {rounds}")
                    work = (one(enter, server, app, n, result, say) for n in range(browsers))
                    for visit in await asyncio.gather(*work):
                        gather(result.together, visit)
                        compare(result, expected, visit, number)
                    result.memory[f"round {number}"] = server.memory()
                say("what is left running")
                result.left_running = await abandon(enter, server, app)
                result.tracebacks = server.tracebacks()
    for kind in sorted({kind for visit in expected for kind in visit.shown}):
        distinct = {tuple(visit.shown.get(kind, ())) for visit in expected}
        if len(distinct) < browsers:
            result.alike.append(f"{kind}: {len(distinct)} outcomes of {browsers} sessions")
    result.seconds = time.monotonic() - began
    return result


Enter = Callable[[], Any]


@asynccontextmanager
async def sessions(separate: bool) -> AsyncIterator[Enter]:
    """Gives `enter()`, a browser context of its own for every session."""
    async with async_playwright() as playwright:

        async def launch() -> Browser:
            return await playwright.chromium.launch(
                executable_path=chromium(), args=ARGUMENTS, timeout=120_000
            )

        shared = None if separate else await launch()

        @asynccontextmanager
        async def enter() -> AsyncIterator[BrowserContext]:
            browser = shared or await launch()
            context = await browser.new_context(viewport={"width": 1280, "height": 900})
            context.set_default_timeout(PATIENCE)
            try:
                yield context
            finally:
                await context.close()
                if shared is None:
                    await browser.close()

        yield enter
        if shared is not None:
            await shared.close()


async def one(
    enter: Enter, server: Server, app: str, number: int, result: Result, say: Say
) -> Visit:
    """One session's work, from opening the app to closing the browser."""
    async with enter() as context:
        visit = Visit(await context.new_page(), server.url, number)
        visit.listen()
        try:
            await WORKS[app](visit)
            visit.over = True
        except Exception as error:
            line = str(error).strip().splitlines()[:1]
            result.failed.append(f"session {number}: {type(error).__name__}: {''.join(line)}")
            say(f"failed: {result.failed[-1]}")
    return visit


def gather(times: dict[str, list[float]], visit: Visit) -> None:
    """Adds a session's times."""
    for name, seconds in visit.times:
        times.setdefault(name, []).append(seconds)


def compare(result: Result, expected: Sequence[Visit], visit: Visit, number: int) -> None:
    """Compares what a session was shown with what the same work shows alone.

    Args:
        result: is added to.
        expected: each session's work alone.
        visit: one of the sessions, with others at once.
        number: of the round.
    """
    own = expected[visit.number]
    result.lost += visit.lost
    result.again += visit.again
    for kind in sorted(own.shown.keys() | visit.shown.keys()):
        result.compared += 1
        wanted, shown = own.shown.get(kind, []), visit.shown.get(kind, [])
        if wanted == shown and shown:
            continue
        owners = [e.number for e in expected if e is not own and e.shown.get(kind) == shown]
        whose = f", those of session {owners[0]}" if owners and shown else ""
        result.different.append(
            f"round {number}, session {visit.number}: {kind}: {len(shown)} shown{whose}, "
            f"{len(wanted)} alone, {len(set(wanted) & set(shown))} in common"
        )
    result.foreign += [f"round {number}, session {visit.number}: {m}" for m in visit.foreign]


async def abandon(enter: Enter, server: Server, app: str) -> float:
    """Starts a long job and closes the browser on it; gives the CPU seconds used afterwards."""
    async with enter() as context:
        visit = Visit(await context.new_page(), server.url, 0)
        await visit.open()
        if app == "home":
            await visit.act("", visit.page.get_by_role("link", name="Open Molecules").click())
        number = visit.page.get_by_role("spinbutton").first
        await number.fill("5000")
        await number.press("Enter")
        await visit.rest()
        await visit.page.get_by_role("button", name="Generate").click()
        await visit.page.get_by_role("button", name="Stop").wait_for()
    await asyncio.sleep(4)
    before = server.seconds()
    await asyncio.sleep(WATCHED)
    return server.seconds() - before


def table(result: Result) -> str:
    """The run as lines to read."""
    lines = [
        f"{result.app}: {result.browsers} sessions at once, {result.rounds} "
        f"round{'s' * (result.rounds > 1)}, {result.seconds:.0f} s in all",
        "",
        f"{'interaction':<26}{'alone':>9}{'together':>10}{'slowest':>10}{'times':>7}   (seconds)",
    ]
    for name, together in result.together.items():
        alone = result.alone.get(name)
        before = f"{statistics.median(alone):9.2f}" if alone else f"{'–':>9}"
        lines.append(
            f"{name:<26}{before}{statistics.median(together):10.2f}{max(together):10.2f}"
            f"{len(together):7}"
        )
    memory = ", ".join(f"{name} {value:,.0f}" for name, value in result.memory.items())
    same = result.compared - len(result.different)
    lines += [
        "",
        f"memory of the server in MiB: {memory}",
        f"equal to the same work alone: {same} of {result.compared}",
        f"seen of other sessions: {len(result.foreign)}; outcomes not told apart: "
        f"{len(result.alike)}; sessions that failed: {len(result.failed)}; "
        f"tracebacks of the server: {result.tracebacks}",
        f"connections lost and made anew: {result.lost}; presses repeated: {result.again}",
        f"CPU in {WATCHED:.0f} s after a browser closed amid a long job: "
        f"{result.left_running:.2f} s",
    ]
    for kind in ("different", "foreign", "alike", "failed"):
        lines += [f"  {kind}: {line}" for line in getattr(result, kind)]
    return "\n".join(lines)
