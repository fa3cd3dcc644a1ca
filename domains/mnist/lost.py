"""Why a digit does not come back from its own code: pixels that differ, another reading.

Most digits come back with a pixel or two of another grey, which nobody sees: only what falls below
`ENOUGH`, or reads as another digit, is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from domains.mnist.pictures.text import digit_or_none
from domains.mnist.scores import score_all

ENOUGH = 0.95
"""Share of pixels that come back as they were, from which a loss is too slight to tell."""


def why_lost(given: Sequence[str], back: Sequence[str], bundle: Path | None) -> list[str | None]:
    """Why each digit is lost, as `tvae_core.domain.HasReasons` asks it."""
    del bundle
    reads = [score_all(texts)["digit"] for texts in (given, back)]
    return [
        _why(text, other, before, after)
        for text, other, before, after in zip(given, back, *reads, strict=True)
    ]


def _why(text: str, other: str, before: float, after: float) -> str | None:
    digit, found = digit_or_none(text), digit_or_none(other)
    if digit is None or found is None:
        return ""
    if digit.shape != found.shape:
        return f"{len(digit)} x {len(digit)} pixels became {len(found)} x {len(found)}"
    kept = float(np.mean(digit == found))
    if kept >= ENOUGH and before == after:
        return None
    reading = "" if before == after else f", and it reads as {after:.0f} instead of {before:.0f}"
    return f"{int(100 * kept)}% of its pixels come back{reading}"
