"""The front page: light to open, every app behind it, all addresses apart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from apps.registry import APPS, app_named

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "rdkit", "transformers", "domains", "tvae_core")

OPEN_HOME = f"""
import sys
from streamlit.testing.v1 import AppTest

app = AppTest.from_file("apps/home.py", default_timeout=120).run()
assert not app.exception, app.exception
heavy = sorted(name for name in {HEAVY!r} if name in sys.modules)
print("loaded", heavy)
"""


def test_front_page_has_a_card_for_every_app() -> None:
    app = AppTest.from_file(str(ROOT / "apps" / "home.py"), default_timeout=120).run()
    assert not app.exception
    html = " ".join(element.proto.body for element in app.get("html"))
    for entry in APPS:
        assert entry.title in html
        assert "data:image/svg+xml;base64," in html
    links = [element.proto.label for element in app.get("page_link")]
    assert links == [f"Open {entry.title}" for entry in APPS]


def test_front_page_loads_no_model_library() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OPEN_HOME],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().endswith("loaded []")


def test_registry_is_whole() -> None:
    addresses = [f"{entry.name}-{page.name}" for entry in APPS for page in entry.pages]
    assert len(set(addresses)) == len(addresses)
    for entry in APPS:
        assert (ROOT / "apps" / f"{entry.name}.py").is_file()
        assert (ROOT / "domains" / entry.domain).is_dir()
        assert entry.picture.read_text().startswith("<svg")
        for page in entry.pages:
            assert (ROOT / "apps" / page.script).is_file()
        assert app_named(entry.name) is entry
    with pytest.raises(KeyError):
        app_named("sculptures")


def test_app_behind_the_front_page_says_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A bundle in the environment is not taken for another domain's app."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"domain": "mnist"}')
    monkeypatch.setenv("TVAE_BUNDLE", str(tmp_path))
    app = AppTest.from_file(str(ROOT / "apps" / "home.py"), default_timeout=250).run()
    app.switch_page("digit/pages/morph.py").run()
    assert not app.exception
    assert [error.value.replace("\\", "") for error in app.error] == [
        f"No usable bundle: {tmp_path} is not a bundle: it has no config.json"
    ]
    app.switch_page("molecule/pages/compare.py").run()
    assert not app.exception
    assert not app.error
