"""The apps on one of their pages, without a browser; what a browser's page complains of.

Tests that ask for `entry` run for every app; `pytest.mark.parametrize("entry", ["molecules"],
indirect=True)` names those that are meant.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from streamlit.testing.v1 import AppTest

from apps.common.bundle import Workbench
from apps.items.spec import Spec
from apps.registry import APPS, AppEntry, app_named
from tests.apps.browsing import Watch
from tests.apps.items import ROOT, SMALL, bench_of, bundle_of, spec_of

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """Streamlit leaves its script as `__main__`, which processes spawned later would run again."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(params=[entry.name for entry in APPS])
def entry(request: pytest.FixtureRequest) -> AppEntry:
    """Each of the apps."""
    return app_named(request.param)


@pytest.fixture
def spec(entry: AppEntry) -> Spec:
    """What the app is made of."""
    return spec_of(entry)


@pytest.fixture
def bench(entry: AppEntry) -> Workbench:
    """The app's bundle."""
    return bench_of(entry)


@pytest.fixture
def opened(entry: AppEntry, spec: Spec, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """`opened(page, **state)`: the app on one of its pages, run to the end.

    Keys of the state go without the app's prefix. `one` is the page that looks at one item.
    """
    monkeypatch.setenv("TVAE_BUNDLE", str(bundle_of(entry)))
    scripts = {page.name: page.script for page in entry.pages}
    scripts["one"] = scripts[spec.words.page]

    def open_page(page: str = "sample", **state: Any) -> AppTest:
        app = AppTest.from_file(str(ROOT / "apps" / f"{entry.name}.py"), default_timeout=250)
        for key, value in (SMALL | state).items():
            app.session_state[f"{spec.prefix}{key}"] = value
        if page == "sample" or not scripts[page].endswith(f"/{_name(page, spec)}.py"):
            app.run()  # a page of another name than its script's is known after a run only
        if page != "sample":
            app.switch_page(scripts[page]).run()
        assert not app.exception
        return app

    return open_page


def _name(page: str, spec: Spec) -> str:
    return spec.words.page if page == "one" else page


@pytest.fixture
def state(spec: Spec) -> Callable[[AppTest, str], Any]:
    """`state(app, name)`: what the session has under a name, without the app's prefix."""
    return lambda app, name: app.session_state[
        f"_{spec.prefix}{name[1:]}" if name.startswith("_") else f"{spec.prefix}{name}"
    ]


@pytest.fixture
def watch(browser_page: Page) -> Watch:
    """What the browser's page complains of."""
    return Watch(browser_page)
