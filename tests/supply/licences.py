"""The licences of everything that installing this project can bring along: THIRD_PARTY.md.

    python -m tests.supply.licences

As each distribution declares it: its licence expression (PEP 639), else its classifiers, else the
first line of its licence field.
"""

from __future__ import annotations

from pathlib import Path

from tests.supply.closure import PROJECT, ROOT, distributions, installed_by, requirements

FILE = ROOT / "THIRD_PARTY.md"
NOT_LISTED = {"ray"}
"""Extras that `make setup` leaves out."""

HEAD = Path(__file__).with_name("third_party.md")


def licence(name: str) -> str:
    """What the distribution declares."""
    about = distributions()[name].metadata
    expression = about.get("License-Expression")
    if expression:
        return expression
    classified = [
        line.rpartition(" :: ")[2]
        for line in about.get_all("Classifier", [])
        if line.startswith("License :: ") and line != "License :: OSI Approved"
    ]
    told = (about.get("License") or "").strip().splitlines()
    return "; ".join(classified) or (told[0].strip()[:80] if told else "not declared")


def needed_by() -> dict[str, list[str]]:
    """Distribution -> the core and the extras that lead to it."""
    found: dict[str, list[str]] = {}
    core = installed_by(requirements(()))
    for name in core:
        found[name] = ["core"]
    for extra in PROJECT["optional-dependencies"]:
        if extra in NOT_LISTED:
            continue
        for name in installed_by(requirements([extra])) - core:
            found.setdefault(name, []).append(extra)
    return found


def table() -> str:
    """The rows of the table, a distribution each."""
    rows = []
    for name, extras in sorted(needed_by().items()):
        version = distributions()[name].version.partition("+")[0]
        rows.append(f"| {name} | {version} | {licence(name)} | {', '.join(extras)} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    """Writes the file."""
    FILE.write_text(HEAD.read_text(encoding="utf-8") + table(), encoding="utf-8")
    print(f"{FILE.name}: {len(needed_by())} packages")


if __name__ == "__main__":
    main()
