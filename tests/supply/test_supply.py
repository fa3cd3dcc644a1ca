"""Pins for the gate, licences, and what a built wheel holds."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.supply.closure import PROJECT, ROOT, installed_by, requirements
from tests.supply.licences import FILE, NOT_LISTED, licence, needed_by

LOCK = ROOT / ".ci" / "constraints.txt"
PACKAGES = ("tvae_core", "domains", "apps", "data_prep")


def pins() -> dict[str, str]:
    lines = [line for line in LOCK.read_text().splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(n): v for n, _, v in (line.partition("==") for line in lines)}


def extras() -> list[str]:
    (line,) = re.findall(r"^EXTRAS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return str(line).split(",")


def test_the_lock_pins_all_that_setup_installs() -> None:
    locked = pins()
    missing = installed_by(requirements(extras())) - set(locked) - {"setuptools", "pip"}
    assert not missing, f"make lock: {', '.join(sorted(missing))}"


def test_the_lock_keeps_to_the_project() -> None:
    locked = pins()
    for line in requirements(extras()):
        requirement = Requirement(line)
        pinned = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pinned, prereleases=True), f"{line} but {pinned}"


def test_setup_installs_every_extra_but_those_told() -> None:
    assert set(PROJECT["optional-dependencies"]) - set(extras()) == NOT_LISTED


def test_every_package_declares_a_licence_that_is_listed() -> None:
    listed = set(re.findall(r"^\| ([a-z0-9-]+) \|", FILE.read_text(encoding="utf-8"), re.MULTILINE))
    needed = set(needed_by())
    assert not needed - listed, f"python -m tests.supply.licences: {needed - listed}"
    assert not [name for name in needed if licence(name) == "not declared"]


def test_the_wheel_holds_code_presets_and_bundles(tmp_path: Path) -> None:
    """Built from the tracked files alone, as from a clean clone."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--", *PACKAGES, "pyproject.toml", "README.md", "LICENSE"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if tracked.returncode:
        pytest.skip("not a git checkout")
    names = [name for name in tracked.stdout.decode().split("\0") if name]
    for name in names:
        copy = tmp_path / "tree" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy)
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path / "out"],
        cwd=tmp_path / "tree",
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    (wheel,) = (tmp_path / "out").glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {n for n in names if n.startswith(PACKAGES) and not n.endswith("RECIPE.md")}
    missing = sorted(wanted - held)
    assert not missing, missing
    assert not [name for name in held if name.startswith(("tests", "data/", "runs"))]
