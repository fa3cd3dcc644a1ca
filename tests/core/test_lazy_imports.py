"""What imports with what installed: the core alone, a domain with its extra, an app with its.

`pip install tvae-toolkit` brings the core's requirements, `[smiles]` those of molecules, and so on.
The rest of this environment is hidden from the process, so that an import at the top of a module
that belongs inside a function, or into an extra, fails here.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.supply.closure import PROJECT, ROOT, installed_by, requirements

IMPORT_ALL = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
hidden, modules = (set(argument.split(",")) for argument in sys.argv[2:])
sys.modules.update(dict.fromkeys(hidden))  # None: not importable, and not found by find_spec
for name in sorted(modules):
    try:
        importlib.import_module(name)
    except Exception as error:
        sys.exit(f"{name}: {type(error).__name__}: {error}")
"""

EXTRAS: dict[str, tuple[str, ...]] = {
    "tvae_core": (),
    "domains/smiles": ("smiles",),
    "domains/midi": ("midi",),
    "domains/python_code": (),
    "domains/headlines": (),
    "domains/mnist": (),
    "data_prep": ("smiles", "midi"),
    "apps/common": ("app",),
    "apps": ("app", "smiles", "midi", "python_code"),
}


OF_EXTRAS = {"tvae_core.space.transformer"}
"""Modules that stand on a library of an extra of their own: scikit-learn, of `evaluate`."""


def hidden(extras: Iterable[str]) -> list[str]:
    """Top-level modules of the distributions that would not be installed."""
    present = installed_by(requirements(extras)) | {"pip", "setuptools", "wheel", "tvae-toolkit"}
    modules: dict[str, set[str]] = {}
    for module, owners in metadata.packages_distributions().items():
        modules[module] = {canonicalize_name(owner) for owner in owners}
    return sorted(m for m, owners in modules.items() if not owners & present)


def modules_of(package: str) -> list[str]:
    """Its modules but for scripts: `__main__`, the apps themselves and their pages."""
    names = []
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        script = path.stem == "__main__" or (
            parts[0] == "apps" and (len(parts) == 2 or "pages" in parts[:-1])
        )
        if not script and ".".join(parts) not in OF_EXTRAS:
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


@pytest.mark.slow
@pytest.mark.parametrize("package", EXTRAS)
def test_imports_with_what_its_extras_install(package: str, tmp_path: Path) -> None:
    modules = modules_of(package)
    assert modules
    missing = hidden(EXTRAS[package])
    arguments = [str(ROOT), ",".join(missing), ",".join(modules)]
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORT_ALL, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert found.returncode == 0, found.stderr


def test_what_is_hidden_is_hidden() -> None:
    names = hidden(())
    assert {"rdkit", "streamlit", "cma", "botorch", "sklearn", "music21", "pytest"} <= set(names)
    assert not {"torch", "transformers", "datasets", "numpy", "matplotlib"} & set(names)


def test_upper_bounds_are_majors_or_for_a_reason() -> None:
    for extra, lines in {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}.items():
        for line in lines:
            assert re.search(r">=[\d.]+,<[\d.]+$", line), f"{extra}: {line}"


RUN_WITHOUT = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
sys.modules.update(dict.fromkeys(sys.argv[2].split(",")))
name, sys.argv = sys.argv[3], ["-m"]
runpy.run_module(name, run_name="__main__")
"""


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("smiles", "molecules need rdkit: pip install 'tvae-toolkit[smiles]'"),
        ("midi", "music files need symusic, music21: pip install 'tvae-toolkit[midi]'"),
    ],
)
def test_a_command_without_its_extra_says_what_to_install(
    name: str, line: str, tmp_path: Path
) -> None:
    arguments = [str(ROOT), ",".join(hidden(())), f"domains.{name}.sample"]
    found = subprocess.run(
        [sys.executable, "-c", RUN_WITHOUT, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert (found.returncode, found.stderr.strip()) == (1, line)
