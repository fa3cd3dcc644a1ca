"""Work on many items over several processes, in chunks, in order, with progress.

Workers are spawned, not forked: a fork of a process that holds torch's threads can deadlock. A
script that asks for more than one job therefore needs the usual `if __name__ == "__main__"`.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

Progress = Callable[[int, int], None]
"""Called as `progress(done, total)`."""

CHEAP = 5000
"""From how many items on other processes pay, at about 0.3 ms an item (parsing)."""

COSTLY = 1000
"""The same at about 5 ms an item (scores, alerts)."""


class Workers:
    """Up to `jobs` processes, started when first needed and kept until closed."""

    def __init__(self, jobs: int = 1) -> None:
        if jobs < 1:
            raise ValueError(f"jobs must be at least 1, not {jobs}")
        self.jobs = jobs
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes, if there are any."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def map(
        self,
        function: Callable[[Sequence[T]], Sequence[R]],
        items: Sequence[T],
        *,
        chunk: int = 200,
        pays_from: int = COSTLY,
        progress: Progress | None = None,
    ) -> list[R]:
        """Applies a batch function to `items` chunk by chunk; the results keep the items' order.

        Args:
            function: takes a chunk and returns as many results; with more than one job it must be
                importable (a module-level function or a `functools.partial` of one).
            items: any number of items.
            chunk: items handed over at a time, which is also how often `progress` is called.
            pays_from: fewer items than this are worked on in this process.
            progress: called after each chunk.
        """
        chunks = [items[i : i + chunk] for i in range(0, len(items), chunk)]
        found: Iterable[Sequence[R]]
        if self.jobs == 1 or len(items) < pays_from:
            found = map(function, chunks)
        else:
            if self._pool is None:
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(self.jobs, mp_context=context)
            found = self._pool.map(function, chunks)
        results: list[R] = []
        for part in found:
            results.extend(part)
            if progress is not None:
                progress(len(results), len(items))
        return results
