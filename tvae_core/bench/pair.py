"""Two processes that take turns: each holds one model, and only one of them works at a time.

What is compared is measured alternately, so that the noise of a machine hits both sides alike;
ratios are taken within a repetition.
"""

from __future__ import annotations

import multiprocessing
import signal
import statistics
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from tvae_core.support.errors import CommandError
from tvae_core.support.progress import Bar


class Worker:
    """A process that builds an object once and calls its methods on request.

    Args:
        what: name of the side, for errors.
        threads: CPU threads of the process.
        build: makes the object, in the process; importable by name.
        *arguments: of `build`; picklable.

    Raises:
        CommandError: when building fails.
    """

    def __init__(
        self, what: str, threads: int, build: Callable[..., object], *arguments: Any
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self.what = what
        self._pipe, other = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(other, threads, build, arguments), daemon=True
        )
        self._process.start()
        other.close()
        try:
            self._answer()
        except BaseException:
            self.close()
            raise

    def call(self, method: str, *arguments: Any) -> Any:
        """Runs a method of the object and waits for its answer.

        Raises:
            CommandError: when it fails, or the process is gone.
        """
        self._pipe.send((method, arguments))
        return self._answer()

    def _answer(self) -> Any:
        try:
            failed, value = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            raise CommandError(
                f"the process of {self.what} ended (exit code {self._process.exitcode}); "
                "out of memory? give a smaller --batch-size"
            ) from None
        if failed:
            raise CommandError(f"{self.what}: {value}")
        return value

    def close(self) -> None:
        """Ends the process."""
        self._pipe.close()
        self._process.join(timeout=10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _serve(
    pipe: Connection, threads: int, build: Callable[..., object], arguments: Sequence[Any]
) -> None:
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    torch.set_num_threads(threads)
    job: object = None
    while True:
        try:
            if job is None:
                job = build(*arguments)
                answer = None
            else:
                method, given = pipe.recv()
                answer = getattr(job, method)(*given)
            pipe.send((False, answer))
        except EOFError:
            return
        except (RuntimeError, ValueError, TypeError, MemoryError, OSError) as error:
            text = " ".join(str(error).split())[:300]
            pipe.send((True, text or type(error).__name__))
            if job is None:
                return


def alternate(
    tasks: Mapping[str, Callable[[], float]], repeats: int, what: str
) -> dict[str, list[float]]:
    """Runs every task `repeats` times in turns, every other turn backwards.

    Args:
        tasks: name -> what measures it, in seconds.
        repeats: turns.
        what: title of the progress bar.

    Returns:
        Name -> seconds of each turn.
    """
    found: dict[str, list[float]] = {name: [] for name in tasks}
    bar, done = Bar(what, "run"), 0
    for turn in range(repeats):
        for name in list(tasks) if turn % 2 == 0 else reversed(list(tasks)):
            found[name].append(tasks[name]())
            done += 1
            bar(done, repeats * len(tasks))
    return found


def paired_ratio(slow: Sequence[float], fast: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Median, and lowest and highest, of `slow / fast` turn by turn."""
    ratios = [a / b for a, b in zip(slow, fast, strict=True)]
    return statistics.median(ratios), (min(ratios), max(ratios))
