"""Who may use the apps, and what: a password or a log-in once a session, and a read-only mode.

    TVAE_PASSWORD=...    one password for all, asked once a session
    TVAE_READ_ONLY=1     no uploads, no other bundles, small budgets

Both may stand in `.streamlit/secrets.toml` instead. An `[auth]` section there makes Streamlit's own
log-in with accounts (OpenID Connect, `st.login`) the way in. What cannot be read keeps the door
shut: a damaged file of secrets, or a password that is set but empty.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import streamlit as st

PASSWORD, READ_ONLY = "TVAE_PASSWORD", "TVAE_READ_ONLY"
_ADMITTED = "_admitted"
_OFF = frozenset(("", "0", "false", "no", "off"))

READ_ONLY_N = 200
"""Most items that are decoded at a time in read-only mode."""


class Throttle:
    """Spaces wrong passwords on the whole server, whichever session they come from.

    After each one nothing is looked at for a while: 1 s, then twice as long, up to `LONGEST`.
    Whoever is in stays in. A right one, or `FORGIVEN` seconds of peace, ends it.

    Args:
        clock: gives seconds.
    """

    LONGEST, FORGIVEN = 8.0, 120.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._wrong, self._last = 0, -self.FORGIVEN

    def judge(self, is_right: Callable[[], bool]) -> tuple[bool, float]:
        """Whether a password is right, and the seconds to wait before it is looked at, if any."""
        with self._lock:
            now = self._clock()
            if now - self._last > self.FORGIVEN:
                self._wrong = 0
            pause = min(2.0 ** (self._wrong - 1), self.LONGEST) if self._wrong else 0.0
            left = self._last + pause - now
            if left > 0:
                return False, left
            if is_right():
                self._wrong = 0
                return True, 0.0
            self._wrong, self._last = self._wrong + 1, now
            return False, 0.0


_throttle = Throttle()


def read_only() -> bool:
    """Whether this server is read-only; any value but 0, false, no and off says so."""
    return (_setting(READ_ONLY) or "").strip().lower() not in _OFF


def switched_off(what: str) -> None:
    """Says that something is not to be had in read-only mode, in place of it."""
    st.info(f"{what} switched off: this server is read-only.", icon=":material/lock:")


def at_most(most: int, in_read_only: int = READ_ONLY_N) -> int:
    """A limit: `most`, or the lower one of read-only mode."""
    return min(most, in_read_only) if read_only() else most


def note_limit(limit: int, noun: str = "") -> None:
    """Says below a field why its limit is low, in read-only mode."""
    if read_only():
        words = f"{limit:,} {noun}".strip()
        st.caption(f":material/lock: At most {words}: this server is read-only.")


def admitted() -> bool:
    """Whether this session may see the apps; draws nothing."""
    return not _locked() and _logged_in() and _knows_password()


def ask(title: str) -> None:
    """Draws what a session that is not admitted sees: the log-in, the password, or what is wrong.

    Args:
        title: of the app.
    """
    middle = st.container(horizontal_alignment="center")
    with middle, st.container(width=420, key="access"):
        st.title(title, anchor=False)
        if problem := _locked():
            st.error(problem, icon=":material/lock:")
        elif not _logged_in():
            st.button("Log in", type="primary", icon=":material/login:", on_click=st.login)
        else:
            _ask_password()


def _ask_password() -> None:
    st.caption("This server asks for a password, once a visit.")
    with st.form("access_form"):
        typed = st.text_input("Password", type="password", autocomplete="current-password")
        pressed = st.form_submit_button("Enter", type="primary", width="stretch")
    if not pressed:
        return
    wanted = _digest(_setting(PASSWORD) or "")
    right, pause = _throttle.judge(lambda: hmac.compare_digest(_digest(typed), wanted))
    if right:
        st.session_state[_ADMITTED] = wanted
        st.rerun()
    if pause:
        st.warning(
            f"Too many wrong passwords: try again in {pause:.0f} s.", icon=":material/timer:"
        )
    else:
        st.error("That is not the password.", icon=":material/lock:")


def _setting(name: str) -> str | None:
    """A setting of the environment or of the secrets; None for neither."""
    found = os.environ.get(name)
    if found is None and st.secrets.load_if_toml_exists():
        found = st.secrets.get(name)
    return None if found is None else str(found)


def _locked() -> str:
    """Why nobody is admitted; empty if somebody may be."""
    files = [Path(file) for file in st.get_option("secrets.files")]
    if any(file.exists() for file in files) and not st.secrets.load_if_toml_exists():
        return "The file of secrets cannot be read, so nobody is let in: mend it, or remove it."
    password = _setting(PASSWORD)
    if password is not None and not password.strip():
        return f"{PASSWORD} is set but empty, so nobody is let in: set it, or unset it."
    return ""


def _logged_in() -> bool:
    """Whether the session's user is, where the secrets ask for accounts."""
    if not st.secrets.load_if_toml_exists() or "auth" not in st.secrets:
        return True
    return bool(st.user.get("is_logged_in", False))


def _knows_password() -> bool:
    """Whether the session gave the password, where there is one."""
    password, given = _setting(PASSWORD), st.session_state.get(_ADMITTED)
    if password is None:
        return True
    return isinstance(given, bytes) and hmac.compare_digest(given, _digest(password))


def _digest(password: str) -> bytes:
    """Of equal length for all passwords, so that comparing takes equally long."""
    return hashlib.sha256(password.encode("utf-8", "surrogatepass")).digest()
