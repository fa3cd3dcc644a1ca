"""The apps under test: their bundles, and small settings that keep their pages quick."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest

from apps.common.bundle import Workbench, environment_folder
from apps.common.turns import Turns
from apps.items.spec import Spec
from apps.registry import APPS, AppEntry
from tvae_core.space import LatentSpace

ROOT = Path(__file__).resolve().parents[2]
SMALL = {
    "sample_n": 12, "map_n": 24, "around_n": 8, "walk_steps": 5, "morph_n": 3,
    "optimise_budget": 30, "batch_per": 3, "shape_n": 48,
}  # fmt: skip


def spec_of(entry: AppEntry) -> Spec:
    """What an app is made of."""
    found: Spec = importlib.import_module(entry.parts).SPEC
    return found


def bundle_of(entry: AppEntry) -> Path:
    """The bundle that the environment names for an app, or the one that ships; skips for none."""
    shipped = ROOT / "domains" / entry.domain / "bundle"
    folder = Path(environment_folder(shipped, True) or shipped)
    if not (folder / "manifest.json").is_file():
        pytest.skip(f"no trained bundle ships with domains/{entry.domain} yet")
    return folder


def bench_of(entry: AppEntry) -> Workbench:
    """The loaded bundle of an app."""
    spec, folder = spec_of(entry), bundle_of(entry)
    space = LatentSpace.load(folder, spec.make_domain(folder))
    return Workbench(space, Turns(), folder, key=spec.hooks.key)


def environment() -> dict[str, str]:
    """What a served app is given to find the bundles under test."""
    folders = []
    for entry in APPS:
        shipped = ROOT / "domains" / entry.domain / "bundle"
        folders.append(environment_folder(shipped, True) or str(shipped))
    return {"TVAE_BUNDLE": os.pathsep.join(folders)}
