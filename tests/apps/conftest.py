"""The apps on one of their pages, without a browser; what a browser's page complains of."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from streamlit.testing.v1 import AppTest

from apps.registry import AppEntry, app_named
from tests.apps.browsing import Watch
from tests.apps.items import ITEM_APPS, bundle_of, small

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "domains" / "smiles" / "bundle"
SMALL = {"sample_n": 20, "map_n": 48, "around_n": 16, "optimise_budget": 40, "batch_per": 3}


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """Streamlit leaves its script as `__main__`, which processes spawned later would run again."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture
def bundle(monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path(os.environ.get("TVAE_BUNDLE") or SHIPPED)
    monkeypatch.setenv("TVAE_BUNDLE", str(folder))
    return folder


@pytest.fixture
def opened(bundle: Path) -> Callable[..., AppTest]:
    """`opened(page, **state)`: the app on one of its pages, run to the end."""

    def open_page(page: str = "sample", **state: Any) -> AppTest:
        app = AppTest.from_file(str(ROOT / "apps" / "molecules.py"), default_timeout=250)
        for key, value in (SMALL | state).items():
            app.session_state[key] = value
        if page == "sample":
            app.run()
        else:
            app.switch_page(f"molecule/pages/{page}.py").run()
        assert not app.exception
        return app

    return open_page


@pytest.fixture(params=ITEM_APPS, ids=lambda entry: entry.name)
def entry(request: pytest.FixtureRequest) -> AppEntry:
    """Each of the apps of texts."""
    found: AppEntry | str = request.param
    return app_named(found) if isinstance(found, str) else found


@pytest.fixture
def item_app(entry: AppEntry, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """`item_app(page, **state)`: an app of texts on one of its pages, run to the end.

    Keys of the state go without the app's prefix.
    """
    monkeypatch.setenv("TVAE_BUNDLE", str(bundle_of(entry)))
    scripts = {page.name: page.script for page in entry.pages}

    def open_page(page: str = "sample", **state: Any) -> AppTest:
        app = AppTest.from_file(str(ROOT / "apps" / f"{entry.name}.py"), default_timeout=250)
        own = {f"{entry.name}_{key}": value for key, value in state.items()}
        for key, value in (small(entry) | own).items():
            app.session_state[key] = value
        if page == "sample":
            app.run()
        else:
            app.switch_page(scripts[page]).run()
        assert not app.exception
        return app

    return open_page


@pytest.fixture
def watch(browser_page: Page) -> Watch:
    """What the browser's page complains of."""
    return Watch(browser_page)
