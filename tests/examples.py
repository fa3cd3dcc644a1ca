"""How many examples a property test has: as many as are written, a quarter in `make test`."""

from __future__ import annotations

from typing import Any

from hypothesis import settings

PLAIN = 100
"""What hypothesis makes if nothing is said; a profile with fewer shrinks every test alike."""


def examples(count: int, **more: Any) -> settings:
    """`@settings` with so many examples, fewer where the profile of the run has fewer."""
    return settings(max_examples=max(1, count * settings().max_examples // PLAIN), **more)
