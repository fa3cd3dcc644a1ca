"""Parts of a long sampling run made by processes of this machine."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from domains.smiles.scale_parts import Job, PartMaker, part_bytes, write_part
from tvae_core.support.errors import CommandError

_POLL = 0.5
_state: dict[str, Any] = {}


def run_local(
    job: Job, folder: Path, numbers: Sequence[int], workers: int, progress: Callable[[int], None]
) -> None:
    """Makes the parts with these numbers and writes them to `folder`.

    Args:
        job: the run.
        folder: where part files go.
        numbers: parts to make.
        workers: processes; one works in this process.
        progress: told now and then how many samples have been drawn in all.

    Raises:
        CommandError: a worker process died.
        OutputError: a part cannot be written.
    """
    if workers == 1 or len(numbers) == 1:
        maker, drawn = PartMaker(job), 0

        def count(samples: int) -> None:
            nonlocal drawn
            drawn += samples
            progress(drawn)

        for number in numbers:
            write_part(folder, number, part_bytes(maker.make(number, count)))
        return
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        min(workers, len(numbers)), context, initializer=_start, initargs=(job, folder, counter)
    )
    told = 0
    try:
        left = iter(numbers)
        running = {pool.submit(_make, n) for n in itertools.islice(left, 2 * workers)}
        while running:
            done, running = wait(running, _POLL, FIRST_COMPLETED)
            if counter.value > told:
                told = counter.value
                progress(told)
            for future in done:
                future.result()
            running |= {pool.submit(_make, n) for n in itertools.islice(left, len(done))}
    except BrokenProcessPool:
        raise CommandError(
            "a worker process died (out of memory, or killed); with --resume the same command "
            "goes on, with fewer --workers in less memory"
        ) from None
    except BaseException:
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start(job: Job, folder: Path, counter: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent answers Ctrl-C for all
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _state.update(job=job, folder=folder, counter=counter)


def _end_with_parent() -> None:
    """Ends this worker when its parent is gone, even by SIGKILL: nobody waits for it any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _make(number: int) -> None:
    if "maker" not in _state:
        _state["maker"] = PartMaker(_state["job"])

    def count(samples: int) -> None:
        with _state["counter"].get_lock():
            _state["counter"].value += samples

    table = _state["maker"].make(number, count)
    write_part(_state["folder"], number, part_bytes(table))
