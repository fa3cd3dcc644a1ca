"""Turns at a bundle: sessions are served in the order they came, and see whom they wait for."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

TICK = 0.5
"""Seconds of waiting before a page says so, and between its looks at the line."""


class Turns:
    """A lock with a line: `with turns:` waits for those who came first, and for them only.

    A page that waits says for how many. It leaves the line when its browser is closed or asks for
    something else, so that no turn is spent on work that nobody sees.
    """

    def __init__(self) -> None:
        self._moved = threading.Condition()
        self._line: deque[object] = deque()

    @property
    def line(self) -> int:
        """How many are at work or wait."""
        return len(self._line)

    def __enter__(self) -> None:
        ticket, place = object(), None
        with self._moved:
            self._line.append(ticket)
        try:
            while ahead := self._ahead(ticket):
                place = _place() if place is None else place
                if place is not None:
                    place.caption(waiting_for(ahead))
            if place is not None:
                place.empty()
        except BaseException:
            self._leave(ticket)
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._moved:
            self._line.popleft()
            self._moved.notify_all()

    def _ahead(self, ticket: object) -> int:
        """How many are before a ticket, after waiting a tick for it to be the first."""
        with self._moved:
            self._moved.wait_for(lambda: self._line[0] is ticket, TICK)
            return self._line.index(ticket)

    def _leave(self, ticket: object) -> None:
        with self._moved:
            self._line.remove(ticket)
            self._moved.notify_all()


def waiting_for(ahead: int) -> str:
    """What a page says while it waits."""
    others = "another session" if ahead == 1 else f"{ahead} other sessions"
    return f":material/hourglass_top: Waiting for {others} that came first ..."


def _place() -> Any:
    """Where a page writes that it waits; None where no page runs, as in a download."""
    return st.empty() if get_script_run_ctx(suppress_warning=True) is not None else None
