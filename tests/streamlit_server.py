"""Streamlit servers on loopback, for browser tests and for the load harness, and what they cost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
UP_WITHIN = 120.0
MIB = 2**20


@dataclass(frozen=True)
class Server:
    """A running server: its address, its process, where it writes."""

    url: str
    running: subprocess.Popen[bytes]
    log: Path

    @property
    def process(self) -> psutil.Process:
        """The process, to be measured."""
        return psutil.Process(self.running.pid)

    def memory(self) -> float:
        """Resident memory of the server and what it started, in MiB."""
        process = self.process
        family = [process, *process.children(recursive=True)]
        return sum(process.memory_info().rss for process in family) / MIB

    def seconds(self) -> float:
        """CPU seconds used so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def tracebacks(self) -> int:
        """Errors with a traceback that the server has written."""
        return self.log.read_text(errors="replace").count("Traceback (most recent call last)")

    def stop(self) -> None:
        """Ends the process and whatever it started."""
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.running.pid, how)
                self.running.wait(timeout=10)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue
            else:
                return


def free_port() -> int:
    """A TCP port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(
    script: str | Path, folder: Path, arguments: Sequence[str] = (), **environment: str
) -> Server:
    """Serves a script from the root of the repository, in a process group of its own.

    Args:
        script: such as `apps/molecules.py`.
        folder: where the log is written.
        arguments: the script's own.

    Raises:
        RuntimeError: it is not up within two minutes.
    """
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"server-{port}.log"
    command = [sys.executable, "-m", "streamlit", "run", str(script)]
    command += ["--server.headless", "true", "--server.address", "127.0.0.1"]
    command += ["--server.port", str(port), "--server.fileWatcherType", "none"]
    command += ["--browser.gatherUsageStats", "false"]
    if arguments:
        command += ["--", *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(f"http://127.0.0.1:{port}", process, log)
    try:
        _wait(server)
    except BaseException:
        server.stop()
        raise
    return server


@contextmanager
def serving(app: str, folder: Path, **environment: str) -> Iterator[Server]:
    """Serves `apps/<app>.py` from a fresh process, which is ended with the block.

    Raises:
        RuntimeError: it is not up within two minutes.
    """
    own = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"} | environment
    server = start(f"apps/{app}.py", folder, **own)
    try:
        yield server
    finally:
        server.stop()


def _wait(server: Server) -> None:
    end = time.monotonic() + UP_WITHIN
    while time.monotonic() < end and server.running.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    ended = server.running.poll()
    how = f"was not up after {UP_WITHIN:g} s" if ended is None else f"ended with {ended}"
    raise RuntimeError(f"streamlit {how}:\n{server.log.read_text(errors='replace')}")
