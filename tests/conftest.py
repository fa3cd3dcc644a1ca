"""What every test stands on: offline, seeded, few threads, and a browser for those that ask.

`streamlit_server(script)` serves a script and gives its address; `browser_page` is a page of
headless Chromium in a fresh profile. Both are undone when the test ends.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from hypothesis import settings

from tests.streamlit_server import Server, start

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

ROOT = Path(__file__).resolve().parent.parent

# Before torch, transformers, datasets or wandb are imported, and inherited by commands under test.
_caches = tempfile.TemporaryDirectory(prefix="tvae-tests-", ignore_cleanup_errors=True)
os.environ.update(
    HF_HOME=_caches.name,
    HF_HUB_OFFLINE="1",
    HF_DATASETS_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    WANDB_MODE="offline",
    WANDB_DIR=_caches.name,
    WANDB_SILENT="true",
    TOKENIZERS_PARALLELISM="false",
    MPLBACKEND="Agg",
)
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Seeds are hypothesis' own unless CI is set: the gate repeats itself, a developer's runs explore.
# `make test` makes a quarter of the examples, `make test-rest` and `make test-all` all of them.
settings.register_profile("explore", deadline=None)
settings.register_profile("repeat", deadline=None, derandomize=True, database=None)
settings.load_profile("repeat" if os.environ.get("CI") else "explore")
if os.environ.get("TVAE_TESTS") == "quick":
    settings.register_profile("quick", settings(), max_examples=25)
    settings.load_profile("quick")

REST = frozenset({"faults", "fuzz", "supply"})
"""Folders left to `make test-rest`, but for what is marked `essential`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves whole folders and the browser to `make test-rest`."""
    for item in items:
        folders = set(item.path.relative_to(ROOT).parts[1:-1])
        if REST & folders or item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.slow)


LOCAL_HOSTS = frozenset({"127.0.0.1", "::1", "localhost", "0.0.0.0", "::"})
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Connections leave this machine in no test; one that tries fails with the address."""
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOCAL_HOSTS:
            raise OSError(f"tests run offline: connection to {address[0]}:{address[1]} refused")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", local_only)
        yield


@pytest.fixture(autouse=True, scope="session")
def torch_threads() -> None:
    """As many threads as the environment says, so that sums come out the same on any machine."""
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """Every test starts from the same random state, whichever ran before it."""
    import numpy as np
    import torch

    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def streamlit_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., str]]:
    """Serves Streamlit scripts from the repository root.

    Yields:
        `serve(script, *arguments, **environment)`, which gives the address of the running script,
        such as `http://127.0.0.1:40123`. Arguments are the script's own.
    """
    running: list[Server] = []

    def serve(script: str | Path, *arguments: str, **environment: str) -> str:
        folder = tmp_path_factory.mktemp("streamlit")
        running.append(start(script, folder, arguments, **environment))
        return running[-1].url

    yield serve
    for server in running:
        server.stop()


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser to drive; without one the test is skipped, or fails where one is required."""
    for name in (os.environ.get("TVAE_CHROMIUM"), *CHROMIUM_NAMES):
        if name and (found := shutil.which(name)):
            return found
    missing = "no Chromium on this machine; `make browser` installs it"
    if os.environ.get("TVAE_REQUIRE_BROWSER") == "1":
        pytest.fail(missing)
    pytest.skip(missing)


def _refuse_remote(route: Route) -> None:
    if urlsplit(route.request.url).hostname in {*LOCAL_HOSTS, None}:
        route.continue_()
    else:
        route.abort()


@pytest.fixture
def browser_page(chromium_path: str) -> Iterator[Page]:
    """A page of headless Chromium, 1280 x 900, in a fresh profile, with this machine only."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path, args=list(CHROMIUM_ARGS), timeout=120_000
        )
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.route("**/*", _refuse_remote)
        page = context.new_page()
        page.set_default_timeout(60_000)
        yield page
        browser.close()
