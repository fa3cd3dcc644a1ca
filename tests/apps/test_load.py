"""A small run of the load harness: sessions at once are shown what each is shown alone."""

from __future__ import annotations

import asyncio

import pytest

from tests.apps.load.__main__ import main
from tests.apps.load.measure import Result, compare, measure, table
from tests.apps.load.visit import Visit, marker_of
from tests.apps.load.work import WORKS


class Nothing:
    """In place of a page that is not looked at."""


def visit(number: int, **shown: list[str]) -> Visit:
    return Visit(Nothing(), "", number, shown=shown)  # type: ignore[arg-type]


def test_cross_talk_is_found() -> None:
    own = [visit(0, sample=["x"], walk=["y"]), visit(1, sample=["a", "b"], walk=["c"])]
    result = Result("molecules", 2, 1)
    compare(result, own, visit(1, sample=["a", "b"], walk=["c"]), 1)
    assert result.sound
    compare(result, own, visit(1, sample=["a", "x"], walk=["y"]), 2)
    assert result.different == [
        "round 2, session 1: sample: 2 shown, 2 alone, 1 in common",
        "round 2, session 1: walk: 1 shown, those of session 0, 1 alone, 0 in common",
    ]
    assert not result.sound
    other = visit(1, sample=["a", "b"], walk=["c"])
    other.foreign.add(marker_of(2))
    fresh = Result("molecules", 2, 1)
    compare(fresh, own, other, 1)
    assert not fresh.sound
    assert marker_of(2) in table(fresh)


def test_nothing_compared_is_no_success() -> None:
    assert not Result("home", 2, 1).sound
    empty = Result("home", 2, 1)
    compare(empty, [visit(0, sample=[])], visit(0, sample=[]), 1)
    assert empty.different == ["round 1, session 0: sample: 0 shown, 0 alone, 0 in common"]


def test_command_refuses_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--browsers", "33"])
    assert ended.value.code == 2
    assert "1 to 32 browsers" in capsys.readouterr().err


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("app", ["python_lines"])
def test_two_sessions_at_once_see_their_own_work(chromium_path: str, app: str) -> None:
    assert app in WORKS
    result = asyncio.run(measure(app, 2, 1, False, {}, print))
    assert result.sound, table(result)
    assert result.compared == 4
