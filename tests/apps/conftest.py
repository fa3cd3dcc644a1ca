"""The molecules app on one of its pages, without a browser."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "domains" / "smiles" / "bundle"
SMALL = {"sample_n": 20, "map_n": 48, "around_n": 16, "optimise_budget": 40, "batch_per": 3}


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
            app.switch_page(f"molecule_pages/{page}.py").run()
        assert not app.exception
        return app

    return open_page
