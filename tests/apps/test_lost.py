"""Captions of the pages on items that do not come back from their own codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from apps.common.page import literal
from apps.registry import AppEntry
from domains.registry import commands_of
from tests.apps.items import bundle_of
from tvae_core.evaluation.comes_back import comes_back
from tvae_core.space import LatentSpace

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
BACK = "does not come back from its code"
Opened = Callable[..., AppTest]

pytestmark = pytest.mark.slow


def captions(app: AppTest) -> list[str]:
    return [each.value for each in app.caption if BACK in each.value]


@pytest.mark.parametrize(
    ("page", "field", "name"),
    [
        ("walk", "end", "The last molecule"),
        ("molecule", "smiles", "It"),
        ("optimise", "lead", "The start molecule"),
    ],
)
def test_aspirin_among_molecules(page: str, field: str, name: str, opened: Opened) -> None:
    assert captions(opened(page)) == []
    app = opened(page, **{field: ASPIRIN})
    (caption,) = captions(app)
    assert caption.startswith(f":material/info: {name} {BACK}, ")
    assert "weight 180 is outside the 250 to 350 of the training molecules" in caption
    assert not app.error


def test_a_walk_at_a_loose_setting_blames_the_item_alone(opened: Opened, bundle: Path) -> None:
    app = opened("walk", walk_mode="auto")
    assert captions(app) == []


LOST = {
    "music": "0 |4/4 C4:96;C3:48E3+G3:48|C5:96;C4:96|D5:96;C4:96",
    "python_lines": "zyxoqq = frobnitz['w\u00e9'](qwzx, 1234567)",
    "headlines": "Zyxoqq v\u00e4\u00f1 opens Frobnitz h\u00e4ll in Qwertzburg\u00fc",
    "digits": "3:1",
}


@pytest.mark.parametrize("page", ["walk", "around"])
def test_items_of_the_other_apps(page: str, item_app: Opened, entry: AppEntry) -> None:
    field = {"walk": "start", "around": "centre"}[page]
    app = item_app(page, **{field: LOST[entry.name]})
    commands = commands_of(entry.domain)
    text = commands.read_item(LOST[entry.name])
    space = LatentSpace.load(bundle_of(entry), commands.domain)
    (found,) = comes_back(space, [text])
    assert bool(captions(app)) == found.lost
    if found.lost:
        told = literal(f"It {found.told(commands.unit, commands.show)}.")
        assert told.removeprefix("It ") in captions(app)[0]
    assert not app.error
