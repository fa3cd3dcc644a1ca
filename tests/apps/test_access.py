"""The password and read-only mode: shut until opened, and shut where a setting cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from apps.common import access
from apps.common.access import Throttle
from tests.apps.browsing import said

ROOT = Path(__file__).resolve().parents[2]
SECRET = "correct horse ❤ battery"

Front = Callable[..., AppTest]


@pytest.fixture
def front(monkeypatch: pytest.MonkeyPatch) -> Front:
    """`front(**secrets)`: the front page before its first run; nobody has tried a password yet."""
    monkeypatch.setattr(access, "_throttle", Throttle())
    for name in (access.PASSWORD, access.READ_ONLY):
        monkeypatch.delenv(name, raising=False)

    def open_front(**secrets: Any) -> AppTest:
        app = AppTest.from_file(str(ROOT / "apps" / "home.py"), default_timeout=120)
        for name, value in secrets.items():
            app.secrets[name] = value
        return app

    return open_front


def cards(app: AppTest) -> int:
    return len(app.get("page_link"))


def enter(app: AppTest, password: str) -> AppTest:
    app.text_input[0].set_value(password)
    return app.button[0].click().run()


def test_without_a_password_all_is_open(front: Front) -> None:
    app = front().run()
    assert not app.exception
    assert cards(app) > 0
    assert not app.text_input


def test_password_is_asked_once_a_session(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(access.PASSWORD, SECRET)
    app = front().run()
    assert not app.exception
    assert cards(app) == 0
    assert app.text_input[0].proto.type == 1
    enter(app, SECRET)
    assert not app.exception
    assert cards(app) > 0
    assert SECRET not in repr(app.session_state)
    app.run()
    assert cards(app) > 0
    other = front().run()
    assert cards(other) == 0


def test_wrong_password_is_refused_and_the_next_waits(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(access.PASSWORD, SECRET)
    clock = [1000.0]
    monkeypatch.setattr(access, "_throttle", Throttle(lambda: clock[0]))
    app = enter(front().run(), SECRET + " ")
    assert [error.value for error in app.error] == ["That is not the password."]
    assert cards(app) == 0
    other = enter(front().run(), SECRET)
    assert "try again in 1 s" in other.warning[0].value
    assert cards(other) == 0
    clock[0] += 1.5
    assert cards(enter(other, SECRET)) > 0


def test_no_page_is_drawn_behind_the_password(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(access.PASSWORD, SECRET)
    app = AppTest.from_file(str(ROOT / "apps" / "molecules.py"), default_timeout=250)
    app.session_state["_admitted"] = SECRET
    app.switch_page("items/pages/optimise.py").run()
    assert not app.exception
    assert [title.value for title in app.title] == ["Molecules"]
    assert [button.label for button in app.button] == ["Enter"]


def test_password_of_the_secrets(front: Front) -> None:
    app = front(TVAE_PASSWORD=SECRET).run()
    assert cards(app) == 0
    assert cards(enter(app, SECRET)) > 0


def test_accounts_are_asked_for_where_the_secrets_say_so(front: Front) -> None:
    app = front(auth={"redirect_uri": "http://localhost/x", "cookie_secret": "x"}).run()
    assert not app.exception
    assert cards(app) == 0
    assert [button.label for button in app.button] == ["Log in"]


@pytest.mark.parametrize("value", ["", "  "])
def test_empty_password_lets_nobody_in(
    front: Front, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv(access.PASSWORD, value)
    app = front().run()
    assert cards(app) == 0
    assert not app.text_input
    assert "is set but empty" in app.error[0].value


def test_damaged_secrets_let_nobody_in(
    front: Front, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secrets = tmp_path / "secrets.toml"
    secrets.write_text("TVAE_PASSWORD = 'half of")
    options = access.st.get_option
    monkeypatch.setattr(
        access.st,
        "get_option",
        lambda name: [str(secrets)] if name == "secrets.files" else options(name),
    )
    app = front().run()
    assert cards(app) == 0
    assert "The file of secrets cannot be read" in app.error[0].value


def test_throttle_doubles_forgives_and_looks_at_nothing_meanwhile() -> None:
    now, looked = [0.0], []

    def wrong() -> bool:
        looked.append(now[0])
        return False

    throttle = Throttle(lambda: now[0])
    waits = []
    for _ in range(6):
        assert throttle.judge(wrong) == (False, 0.0)
        right, left = throttle.judge(lambda: True)
        assert not right
        waits.append(left)
        now[0] += left
    assert waits == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert len(looked) == 6
    assert throttle.judge(lambda: True) == (True, 0.0)
    assert throttle.judge(wrong) == (False, 0.0)
    now[0] += Throttle.FORGIVEN + 1
    assert throttle.judge(wrong) == (False, 0.0)
    assert throttle.judge(wrong) == (False, 1.0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, False),
        ("0", False),
        ("No", False),
        ("", False),
        ("1", True),
        ("yes", True),
        ("?", True),
    ],
)
def test_read_only_is_on_unless_it_is_off(
    monkeypatch: pytest.MonkeyPatch, value: str | None, expected: bool
) -> None:
    monkeypatch.delenv(access.READ_ONLY, raising=False)
    if value is not None:
        monkeypatch.setenv(access.READ_ONLY, value)
    assert access.read_only() is expected
    assert access.at_most(5000) == (access.READ_ONLY_N if expected else 5000)
    assert access.at_most(100) == 100


MOLECULES = pytest.mark.parametrize("entry", ["molecules"], indirect=True)


@pytest.mark.slow
@MOLECULES
def test_read_only_batch_takes_no_upload_and_few_rows(
    opened: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(access.READ_ONLY, "1")
    app = opened("batch")
    assert not app.get("file_uploader")
    assert "Uploads are switched off: this server is read-only." in said(app)
    assert "Other bundles are switched off" in said(app)
    app.text_area(key="batch_pasted").set_value("CCO\n" * 60).run()
    app.button(key="batch_paste").click().run()
    assert not app.exception
    assert "60 rows are more than the 50" in said(app)
    app.button(key="batch_examples").click().run()
    assert not app.exception
    assert not app.error


@pytest.mark.slow
@MOLECULES
def test_read_only_budgets_are_small_and_say_so(
    opened: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(access.READ_ONLY, "1")
    app = opened("optimise", _bundle_folder_smiles=str(tmp_path))
    assert app.number_input(key="optimise_budget").proto.max == access.READ_ONLY_N
    assert "At most 200: this server is read-only." in said(app)
    assert not app.error
    page = opened("sample")
    assert page.number_input(key="sample_n").proto.max == access.READ_ONLY_N
    assert "At most 200: this server is read-only." in said(page)
