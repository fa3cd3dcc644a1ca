"""Bars with rate and ETA on stderr."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tqdm import tqdm


class Bar:
    """A progress callback `(done, total)` that draws a bar with rate and ETA on stderr."""

    def __init__(self, what: str, unit: str = "it") -> None:
        self._bar: tqdm[NoReturn] | None = None
        self.what, self.unit, self._started = what, unit, time.time()

    def __call__(self, done: int, total: int) -> None:
        """Shows that `done` of `total` are done."""
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                total=total, desc=self.what, unit=self.unit, file=sys.stderr, mininterval=0.3
            )
            self._bar.start_t = self._started  # the first batch took its time, too
        self._bar.update(done - self._bar.n)
        if done >= total:
            self.close()

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
