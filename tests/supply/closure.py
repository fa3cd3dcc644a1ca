"""What installing this project brings along, by `pyproject.toml` and by what is installed."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(extras: Iterable[str]) -> list[str]:
    chosen = [line for extra in extras for line in PROJECT["optional-dependencies"][extra]]
    return [*PROJECT["dependencies"], *chosen]


@cache
def distributions() -> dict[str, metadata.Distribution]:
    return {canonicalize_name(d.metadata["Name"]): d for d in metadata.distributions()}


def installed_by(lines: Iterable[str]) -> set[str]:
    """The distributions that installing the requirements leads to."""
    found: set[tuple[str, str]] = set()
    waiting = [(line, "") for line in lines]
    while waiting:
        line, extra = waiting.pop()
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for each in {"", *requirement.extras}:
            if (name, each) in found or name not in distributions():
                continue
            found.add((name, each))
            waiting += [(needed, each) for needed in distributions()[name].requires or []]
    return {name for name, _ in found}
