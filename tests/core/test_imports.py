"""Imports point one way: apps -> domains -> tvae_core, data_prep -> domains.

Read twice: in the source, where a lazy import counts as well, and by importing every module in a
process where the forbidden packages cannot be had.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

DOMAIN_LIBRARIES = {"rdkit", "music21", "symusic", "pretty_midi", "mlxtend"}
APP_LIBRARIES = {"streamlit", "streamlit_jsme", "plotly"}

# package -> what no module of it imports, not even inside a function
FORBIDDEN = {
    "tvae_core": DOMAIN_LIBRARIES | APP_LIBRARIES | {"domains", "apps", "data_prep"},
    "domains": APP_LIBRARIES | {"apps", "data_prep"},
    "data_prep": APP_LIBRARIES | {"apps"},
    "apps/common": DOMAIN_LIBRARIES | {"domains", "data_prep"},
}
# package -> what its modules must be importable without
ABSENT = {
    "tvae_core": FORBIDDEN["tvae_core"] | {"wandb", "tensorboard", "sklearn"},
    "domains": FORBIDDEN["domains"] | {"wandb", "tensorboard"},
    "data_prep": FORBIDDEN["data_prep"] | {"wandb", "tensorboard"},
}

IMPORT_ALL = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
absent, modules = (argument.split(",") for argument in sys.argv[2:])
sys.modules.update(dict.fromkeys(absent))  # None: not importable, and not found by find_spec
for name in modules:
    importlib.import_module(name)
"""


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full name of every absolute import, dynamic ones with a literal name included."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=str(name), level=0):
                yield node.lineno, name
            case ast.Call(
                func=ast.Attribute(attr="import_module")
                | ast.Name(id="import_module" | "__import__"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name
            case _:
                pass


@pytest.mark.parametrize("package", FORBIDDEN)
def test_source_imports_nothing_forbidden(package: str) -> None:
    assert sources(package)
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sources(package)
        for line, name in imported(ast.parse(path.read_text(encoding="utf-8")))
        if name.partition(".")[0] in FORBIDDEN[package]
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("package", ABSENT)
def test_modules_import_without(package: str, tmp_path: Path) -> None:
    modules = [module_name(path) for path in sources(package) if path.stem != "__main__"]
    arguments = [str(ROOT), ",".join(sorted(ABSENT[package])), ",".join(modules)]
    result = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import rdkit.Chem as Chem",
        "from rdkit import Chem",
        "def lazy():\n    from rdkit.Chem import QED",
        "import importlib\nimportlib.import_module('rdkit.Chem')",
        "__import__('rdkit')",
    ],
)
def test_every_form_of_import_is_seen(code: str) -> None:
    assert any(name.partition(".")[0] == "rdkit" for _, name in imported(ast.parse(code)))


def test_relative_imports_are_not_mistaken() -> None:
    tree = ast.parse("from .rdkit import x\nfrom . import streamlit")
    assert not list(imported(tree))
