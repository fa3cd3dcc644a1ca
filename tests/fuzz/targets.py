"""Every parser and loader there is, as fuzz targets by name."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.fuzz.bundles import BUNDLE_TARGETS
from tests.fuzz.harness import Read, Target
from tests.fuzz.loaders import LOADER_TARGETS
from tests.fuzz.music import MUSIC_TARGETS
from tests.fuzz.tables import TABLE_TARGETS
from tests.fuzz.texts import TEXT_TARGETS

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (*TEXT_TARGETS, *TABLE_TARGETS, *MUSIC_TARGETS, *BUNDLE_TARGETS, *LOADER_TARGETS)
}


def _start_self_test(folder: Path) -> Read:
    def read(data: bytes) -> bool:
        if data == b"raise":
            raise RuntimeError("as asked")
        if data == b"die":
            os.kill(os.getpid(), signal.SIGSEGV)
        while data == b"hang":
            pass
        return data == b"good"

    return read


SELF_TEST = Target(
    "self_test",
    0,
    _start_self_test,
    lambda: [b"good"],
    make=lambda rng: rng.choice((b"good", b"good", b"bad", b"raise", b"die", b"hang")),
    limit=0.5,
)
"""Does everything that a parser should not, to test the harness."""
KNOWN = TARGETS | {SELF_TEST.name: SELF_TEST}


def share_out(inputs: int, names: list[str]) -> dict[str, int]:
    """How many of so many inputs each target gets, by their shares; at least one each."""
    total = sum(TARGETS[name].share for name in names)
    given = {name: max(1, inputs * TARGETS[name].share // total) for name in names}
    given[names[0]] += max(0, inputs - sum(given.values()))
    return given
