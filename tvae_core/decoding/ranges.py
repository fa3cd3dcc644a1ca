"""What decoding may be asked for, checked before a model is loaded.

Commands build their arguments from these numbers and refuse what lies outside them; nothing here
imports torch, so that a mistake is told at once.
"""

from __future__ import annotations

BATCH = 512
"""Codes decoded at once: half of it is slower on two cores, twice as many hardly faster."""
MAX_BEAMS = 64
ROUNDS = ((0.0, 1), (1.0, 1), (0.5, 1), (0.0, 4))
"""What each cycle tries: the share of what was missed that the code is moved by, and how many times
the beams are searched."""
MAX_CYCLES = len(ROUNDS)
MAX_RADIUS = 1e3


def check_sampling(temperature: float, top_p: float) -> None:
    """Refuses sampling settings that mean nothing.

    Raises:
        ValueError: for a negative (or not finite) temperature or a `top_p` outside (0, 1].
    """
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"temperature must be 0 (greedy) or more, not {temperature}")
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, not {top_p}")


def check_beams(beams: int) -> None:
    """Refuses impossible widths.

    Raises:
        ValueError: for fewer than one row or more than `MAX_BEAMS`.
    """
    if not 1 <= beams <= MAX_BEAMS:
        raise ValueError(f"beams must be in 1..{MAX_BEAMS} (1 is greedy), not {beams}")


def check_cycles(cycles: int) -> None:
    """Refuses impossible numbers of cycles.

    Raises:
        ValueError: below 0 or above `MAX_CYCLES`.
    """
    if not 0 <= cycles <= MAX_CYCLES:
        raise ValueError(f"cycles must be in 0..{MAX_CYCLES} (0 verifies nothing), not {cycles}")


def check_radius(radius: float) -> None:
    """Refuses a radius that is negative, not finite or above `MAX_RADIUS`, by `ValueError`."""
    if not 0 <= radius <= MAX_RADIUS:
        most = f" and at most {MAX_RADIUS:g}" if radius > MAX_RADIUS else ""
        raise ValueError(f"radius must be 0 or more{most}, not {radius:g}")
