"""Runs the inputs of a target in a worker process, which may crash, hang or eat memory.

The worker tells the number of the input at hand in shared memory. Whoever watches it makes the same
input again from seed, target and number, so that nothing is lost when the process dies.
"""

from __future__ import annotations

import contextlib
import faulthandler
import hashlib
import io
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from tests.fuzz.mutate import mutated

FOUND = Path(__file__).parent / "found"
MEMORY = 6 << 30
"""Bytes of address space that reading inputs may take beyond what the libraries take."""
WARM_UP = 180.0
"""Seconds that a worker may take before its first input."""
WAITING = 20
"""How much longer than its limit of processor time an input may take by the clock: other work may
hold the processor, but nothing waits for ever."""
KEPT = 20_000
"""Bytes of the largest input that is kept as a file."""

Read = Callable[[bytes], bool]
"""Reads an input: True for accepted, False for refused as documented; raises otherwise."""


@dataclass(frozen=True)
class Target:
    """One parser or loader.

    Attributes:
        name: as on the command line.
        share: inputs of a million.
        start: called in the worker with a folder of its own; gives what reads an input.
        seeds: valid inputs; called in the worker.
        words: pieces that mutations put in.
        make: makes an input of its own grammar; used for half of the inputs.
        limit: seconds of the processor that an input may take.
    """

    name: str
    share: int
    start: Callable[[Path], Read]
    seeds: Callable[[], Sequence[bytes]]
    words: tuple[bytes, ...] = ()
    make: Callable[[random.Random], bytes] | None = None
    limit: float = 10.0

    def input(self, seed: int, number: int, seeds: Sequence[bytes]) -> bytes:
        """Input `number` of a seed, the same every time."""
        rng = random.Random(f"{seed}:{self.name}:{number}")
        if self.make is not None and rng.random() < 0.5:
            made = self.make(rng)
            return mutated(rng, [made], self.words) if rng.random() < 0.3 else made
        return mutated(rng, seeds, self.words)


@dataclass
class Found:
    """An input that crashed or hung."""

    target: str
    number: int
    kind: str
    detail: str
    data: bytes

    def save(self, folder: Path = FOUND) -> Path:
        """Keeps the input, named by target and hash."""
        folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(self.data).hexdigest()[:12]
        path = folder / f"{self.target}-{digest}.bin"
        path.write_bytes(self.data[:KEPT])
        return path


@dataclass
class Count:
    """What became of a target's inputs."""

    target: str
    inputs: int = 0
    refused: int = 0
    accepted: int = 0
    crashes: int = 0
    hangs: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    slowest_number: int = -1
    found: list[Found] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """The figures as a flat record."""
        return {
            "target": self.target,
            "inputs": self.inputs,
            "refused": self.refused,
            "accepted": self.accepted,
            "crashes": self.crashes,
            "hangs": self.hangs,
            "seconds": round(self.seconds, 1),
            "inputs_per_second": round(self.inputs / max(self.seconds, 1e-9), 1),
            "slowest": round(self.slowest, 3),
        }


def outcome(read: Read, data: bytes) -> tuple[str, str]:
    """`accepted`, `refused` or `crash` with the end of its traceback; drops what is printed."""
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            return ("accepted" if read(data) else "refused"), ""
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of a Rust library is no Exception
        frames = traceback.extract_tb(error.__traceback__)
        place = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in frames[:-6:-1])
        return "crash", f"{type(error).__name__}: {str(error)[:200]} [{place}]"


def _quiet_process() -> None:
    """Native libraries print on the process's own stderr."""
    faulthandler.disable()
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)


def _work(
    name: str,
    seed: int,
    first: int,
    stop: int,
    at: Synchronized[int],
    since: Synchronized[float],
    busy: Synchronized[float],
    results: Any,
) -> None:
    _quiet_process()
    from tests.fuzz.targets import KNOWN

    target = KNOWN[name]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        read = target.start(Path(folder))
        seeds = list(target.seeds())
        outcome(read, seeds[0])
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        counts = {"accepted": 0, "refused": 0, "crash": 0}
        crashes: list[tuple[int, str]] = []
        slowest, slowest_number, sent = 0.0, -1, time.monotonic()
        for number in range(first, stop):
            data = target.input(seed, number, seeds)
            at.value = number
            began = time.process_time()
            busy.value, since.value = began, time.monotonic()
            kind, detail = outcome(read, data)
            took = time.process_time() - began
            counts[kind] += 1
            if took > slowest:
                slowest, slowest_number = took, number
            if kind == "crash":
                crashes.append((number, detail))
            if took > 0.2 or number + 1 == stop or time.monotonic() - sent > 0.5 or crashes:
                results.send((number + 1, counts, crashes, slowest, slowest_number))
                counts, crashes = dict.fromkeys(counts, 0), []
                sent = time.monotonic()
        results.close()


def processor_seconds(pid: int | None) -> float:
    """What a process has used of the processor, in seconds; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_target(
    target: Target,
    inputs: int,
    seed: int = 0,
    progress: Callable[[Count], None] | None = None,
    most_found: int = 25,
) -> Count:
    """Runs that many inputs of a target; stops early after `most_found` crashes and hangs."""
    context = multiprocessing.get_context("spawn")
    count, first, began = Count(target.name), 0, time.monotonic()
    while first < inputs and len(count.found) < most_found:
        at, since = context.Value("q", -1), context.Value("d", 0.0)
        busy = context.Value("d", 0.0)
        receive, send = context.Pipe(duplex=False)
        arguments = (target.name, seed, first, inputs, at, since, busy, send)
        process = context.Process(target=_work, args=arguments, daemon=True)
        process.start()
        send.close()
        started, hung, open_ = time.monotonic(), False, True
        while open_ or process.is_alive():
            while open_ and receive.poll(0.25):
                try:
                    told = receive.recv()
                except (EOFError, OSError):
                    open_ = False
                    break
                first, counts, crashes, slowest, number = told
                count.accepted += counts["accepted"]
                count.refused += counts["refused"]
                count.crashes += len(crashes)
                count.inputs += sum(counts.values())
                if slowest > count.slowest:
                    count.slowest, count.slowest_number = slowest, number
                for bad, detail in crashes:
                    count.found.append(_found(target, seed, bad, "crash", detail))
                if progress is not None:
                    progress(count)
            now, began_wall, began_busy = time.monotonic(), since.value, busy.value
            if began_wall == 0.0:
                hung = now - started > WARM_UP
            else:
                used = processor_seconds(process.pid) - began_busy
                hung = used > target.limit or now - began_wall > WAITING * target.limit
                hung = hung and since.value == began_wall  # still the same input
            if (hung and process.is_alive()) or len(count.found) >= most_found:
                process.kill()
                break
        process.join()
        if len(count.found) >= most_found:
            break
        if first < inputs:
            if at.value < 0:
                raise RuntimeError(f"the worker of {target.name} did not start")
            if hung:
                kind, detail = "hang", f"longer than {target.limit:g} s"
                count.hangs += 1
            else:
                kind, detail = "crash", f"the process died: exit code {process.exitcode}"
                count.crashes += 1
            count.inputs += max(at.value - first, 0) + 1
            count.refused += max(at.value - first, 0)  # their fates went with the process
            count.found.append(_found(target, seed, at.value, kind, detail))
            first = at.value + 1
    count.seconds = time.monotonic() - began
    return count


def _found(target: Target, seed: int, number: int, kind: str, detail: str) -> Found:
    data = target.input(seed, number, list(target.seeds()))
    print(f"{target.name} {number}: {kind}: {detail}", file=sys.stderr, flush=True)
    return Found(target.name, number, kind, detail, data)
