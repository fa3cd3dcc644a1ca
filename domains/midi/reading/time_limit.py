"""A bound on the processor time of work in Python, in whichever thread it runs.

    within(30.0, lambda: converter.parseData(text))

Nothing is forked and no signal is used, so that it works in the threads of a web server as well: a
watcher raises an exception in the thread at work, which takes it between two instructions of
Python. The time is the thread's own, not the clock's: a busy machine changes nothing.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_INTERVAL = 0.1
_AGAIN = 0.2
"""Seconds of the thread's time after which it is told again."""


class TimeLimitError(Exception):
    """Work that took longer than it may."""


class _TimeUpError(BaseException):
    """Passes by those who catch every `Exception`."""


def within(seconds: float, work: Callable[[], T]) -> T:
    """The result of some work.

    Args:
        seconds: processor time it may take.
        work: what to do; nothing that others share may be left half done.

    Raises:
        TimeLimitError: it took longer, and was stopped.
    """
    thread = threading.get_ident()
    elapsed, gate = _clock(thread), threading.Lock()
    gate.acquire()

    def watch() -> None:
        end = seconds
        while not gate.acquire(timeout=_INTERVAL):
            if elapsed() > end:
                _raise_in(thread, _TimeUpError)
                end = elapsed() + _AGAIN  # it may have been swallowed

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    stopped = False
    try:
        result = work()
    except _TimeUpError:
        stopped = True
    finally:
        try:
            late = _end(gate, watcher, thread)
        except _TimeUpError:  # raised before `_end` could catch it; not twice within `_AGAIN`
            late = _end(gate, watcher, thread) or True
        stopped = stopped or late
    if stopped:
        raise TimeLimitError(f"longer than {seconds:g} s of work")
    return result


def _end(gate: threading.Lock, watcher: threading.Thread, thread: int) -> bool:
    """Ends the watcher and takes back what it may still have raised; whether it had."""
    stopped = False
    while True:
        try:
            if watcher.is_alive() and gate.locked():
                gate.release()
            watcher.join()
            _raise_in(thread, None)
        except _TimeUpError:
            stopped = True
        else:
            return stopped


def _clock(thread: int) -> Callable[[], float]:
    """Seconds of processor time that a thread has taken since now; of the clock where not told."""
    if hasattr(time, "pthread_getcpuclockid"):
        number = time.pthread_getcpuclockid(thread)
        start = time.clock_gettime(number)
        return lambda: time.clock_gettime(number) - start
    begun = time.monotonic()
    return lambda: time.monotonic() - begun


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Raises an error in a thread, or takes one back that has not been raised yet."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), ctypes.py_object(error) if error is not None else None
    )
