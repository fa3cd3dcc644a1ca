"""Children of a parent that has imported everything, and SIGKILL for them at a random moment.

A moment is one of three kinds: an amount of processor time the child has used (so it does not
depend on what else the machine does), some milliseconds after a sign in the file system (a save
has begun), or the n-th file operation of the child inside a folder, before it is done.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_OPERATIONS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod"}
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Moment:
    """When to kill: `cpu` seconds, `file` operations, or `seconds` after the `sign` for the
    `times`-th time."""

    kind: str
    cpu: float = 0.0
    file: int = 0
    seconds: float = 0.0
    times: int = 1


@dataclass(frozen=True)
class Ended:
    """How a child ended: by the kill or with an exit code; its processor seconds, operations."""

    killed: bool
    code: int
    cpu: float
    operations: int


def run_child(
    work: Callable[[], int],
    moment: Moment | None,
    folder: Path,
    sign: Callable[[], bool],
    log: Path,
) -> Ended:
    """Runs `work` in a forked child and kills it at the moment.

    Args:
        work: gives an exit code.
        moment: None to let the child end.
        folder: in which file operations count.
        sign: whether the sign is there now.
        log: gets what the child prints.
    """
    assert threading.active_count() == 1, "a parent with threads must not fork"
    counter = log.with_suffix(".operations")
    pid = os.fork()
    if not pid:
        _be_child(work, moment, folder, counter, log)
    _watch(pid, moment, sign)
    _, status, usage = os.wait4(pid, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    code = os.waitstatus_to_exitcode(status)
    operations = int(counter.read_text()) if counter.exists() else 0
    counter.unlink(missing_ok=True)
    return Ended(killed, code, usage.ru_utime + usage.ru_stime, operations)


def _watch(pid: int, moment: Moment | None, sign: Callable[[], bool]) -> None:
    """Sends the signal when it is time, unless the child is over before."""
    seen, was = 0, False
    while moment is not None and moment.kind != "file":
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
        if moment.kind == "cpu" and _cpu(pid) >= moment.cpu:
            break
        now = moment.kind == "saving" and sign()
        seen, was = seen + (now and not was), now
        if seen >= moment.times and moment.kind == "saving":
            time.sleep(moment.seconds)
            break
        time.sleep(0.001)
    else:
        return
    os.kill(pid, signal.SIGKILL)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _be_child(
    work: Callable[[], int], moment: Moment | None, folder: Path, counter: Path, log: Path
) -> None:
    code = 70
    try:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
        count, place = 0, str(folder)

        def audit(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal count
            if event not in _OPERATIONS or not str(arguments[0]).startswith(place):
                return
            if event == "open" and not str(arguments[1] or "w").strip("rbt"):
                return
            if event == "open" and arguments[1] is None and not _writes(arguments[2]):
                return
            count += 1
            if moment is not None and moment.kind == "file" and count >= moment.file:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(audit)
        code = work()
        if moment is None:
            counter.write_text(str(count))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _writes(flags: object) -> bool:
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
