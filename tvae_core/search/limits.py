"""Windows of scores, as people write them: `--min qed=0.6 --max sa=4`."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from tvae_core.support.words import unknown_name

Bounds = Mapping[str, tuple[float | None, float | None]]
"""Least and most of named scores, None for no limit."""


def parse_limits(pairs: Sequence[str], known: Collection[str]) -> dict[str, float]:
    """Limits as a user writes them, `qed=0.6`, by score.

    Raises:
        ValueError: one is not a known score (the nearest are named), an equals sign and a number.
    """
    limits: dict[str, float] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name = name.strip()
        if not equals:
            example = f"{next(iter(known), 'score')}=0.6"
            raise ValueError(f"a limit is written score=number, such as {example}, not {pair!r}")
        if name not in known:
            raise unknown_name("score", name, known)
        try:
            limits[name] = float(value)
        except ValueError:
            raise ValueError(f"the limit of {name} is not a number: {value!r}") from None
    return limits


def check_window(minimum: Mapping[str, float], maximum: Mapping[str, float]) -> None:
    """Refuses limits that are no numbers or that nothing can meet, by `ValueError`."""
    for name, limit in [*minimum.items(), *maximum.items()]:
        if math.isnan(limit):
            raise ValueError(f"the limit of {name} is not a number")
    for name in set(minimum) & set(maximum):
        if minimum[name] > maximum[name]:
            raise ValueError(
                f"nothing has {name} of at least {minimum[name]:g} and at most {maximum[name]:g}"
            )


def check_bounds(bounds: Bounds) -> None:
    """`check_window` of limits by score."""
    check_window(
        {name: low for name, (low, _) in bounds.items() if low is not None},
        {name: high for name, (_, high) in bounds.items() if high is not None},
    )


def window_text(minimum: Mapping[str, float], maximum: Mapping[str, float]) -> str:
    """A window in words, such as `qed >= 0.6, sa <= 4`."""
    lower = [f"{name} >= {limit:g}" for name, limit in minimum.items()]
    upper = [f"{name} <= {limit:g}" for name, limit in maximum.items()]
    return ", ".join([*lower, *upper])


def outside(
    scores: Mapping[str, float], minimum: Mapping[str, float], maximum: Mapping[str, float]
) -> str:
    """Which limits scores break, in words; empty if none. NaN breaks every one."""
    broken = []
    for limits, sign in ((minimum, "<"), (maximum, ">")):
        for name, limit in limits.items():
            value = scores[name]
            if math.isnan(value):
                broken.append(f"{name} is not defined")
            elif value < limit if sign == "<" else value > limit:
                broken.append(f"{name} {value:.3g} {sign} {limit:g}")
    return ", ".join(broken)


def missed_bounds(values: Mapping[str, float], bounds: Bounds) -> list[str]:
    """Which limits values miss, in words, such as `weight 180 < 200`; NaN misses every one."""
    missed = []
    for name, (low, high) in bounds.items():
        value = values.get(name, math.nan)
        if math.isnan(value):
            missed.append(f"{name} has no value")
        elif low is not None and value < low:
            missed.append(f"{name} {value:.4g} < {low:g}")
        elif high is not None and value > high:
            missed.append(f"{name} {value:.4g} > {high:g}")
    return missed


def bounds_of(minimum: Mapping[str, float], maximum: Mapping[str, float]) -> Bounds:
    """The same limits by score, in the order of the names."""
    names = sorted({*minimum, *maximum})
    return {name: (minimum.get(name), maximum.get(name)) for name in names}
