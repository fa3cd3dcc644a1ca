"""The apps of texts under test: their bundles, and small settings that keep their pages quick."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from apps.common.bundle import environment_folder
from apps.registry import APPS, AppEntry

ROOT = Path(__file__).resolve().parents[2]
ITEM_APPS = [entry for entry in APPS if entry.name != "molecules"]
SMALL = {"sample_n": 12, "map_n": 24, "around_n": 8, "walk_steps": 5, "morph_n": 3}


def bundle_of(entry: AppEntry) -> Path:
    """The bundle that the environment names for an app, or the one that ships; skips for none."""
    shipped = ROOT / "domains" / entry.domain / "bundle"
    folder = Path(environment_folder(shipped, True) or shipped)
    if not (folder / "manifest.json").is_file():
        pytest.skip(f"no trained bundle ships with domains/{entry.domain} yet")
    return folder


def small(entry: AppEntry) -> dict[str, object]:
    """Session state for pages that decode little."""
    return {f"{entry.name}_{key}": value for key, value in SMALL.items()}


def environment() -> dict[str, str]:
    """What a served app is given to find the bundles under test."""
    folders = []
    for entry in ITEM_APPS:
        shipped = ROOT / "domains" / entry.domain / "bundle"
        folders.append(environment_folder(shipped, True) or str(shipped))
    return {"TVAE_BUNDLE": os.pathsep.join(folders)}
