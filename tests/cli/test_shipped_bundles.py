"""The bundles that ship, of all domains: complete, small, and as good as their cards say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domains.registry import DOMAINS, commands_of
from tvae_core.bundle import FILES
from tvae_core.domain import HasSimilarity
from tvae_core.domain_commands import DomainCommands
from tvae_core.evaluation.measures import fitting
from tvae_core.space import LatentSpace
from tvae_core.support.files import sha256_file
from tvae_core.training.presets import CORE_PRESETS, merge

SHIPPED = [n for n in DOMAINS if (commands_of(n).bundle / "manifest.json").is_file()]
MOST_BYTES = 12_000_000


@pytest.fixture(params=SHIPPED)
def commands(request: pytest.FixtureRequest) -> DomainCommands:
    return commands_of(request.param)


@pytest.fixture
def manifest(commands: DomainCommands) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((commands.bundle / "manifest.json").read_text())
    return found


def figure(folder: Path, name: str) -> float:
    """A metric of the card's table."""
    (value,) = re.findall(rf"^\| `{name}` \| ([\d.]+)", (folder / "README.md").read_text(), re.M)
    return float(value)


def test_molecules_music_and_lines_ship() -> None:
    assert {"smiles", "midi", "python_code"} <= set(SHIPPED)


def test_it_is_complete_and_small(commands: DomainCommands, manifest: dict[str, Any]) -> None:
    files = [path for path in commands.bundle.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    assert {path.name for path in files} >= {*FILES, "README.md", "known.bin"}
    assert manifest["domain"] == commands.domain.name
    assert all(sha256_file(commands.bundle / n) == h for n, h in manifest["sha256"].items())


def test_its_recipe_is_a_preset(commands: DomainCommands, manifest: dict[str, Any]) -> None:
    merged = merge(manifest["presets"], [CORE_PRESETS, commands.presets], {})
    shapes = ("d_model", "d_ff", "decoder_layers", "n_latent", "latent_size", "latent_norm")
    for name in shapes:
        if name in merged.model:
            assert manifest["settings"][name] == merged.model[name], name


def test_samples_are_as_valid_as_the_card_says(commands: DomainCommands) -> None:
    space = LatentSpace.load(commands.bundle, commands.domain)
    texts = space.sample(200, seed=7).texts
    valid = sum(verdict.ok for verdict in commands.domain.check(texts)) / len(texts)
    assert valid == pytest.approx(figure(commands.bundle, "prior_valid"), abs=0.08)
    assert len(set(texts)) > 150


def test_it_reconstructs_and_walks(commands: DomainCommands) -> None:
    space = LatentSpace.load(commands.bundle, commands.domain)
    texts = commands.domain.examples()
    texts = [texts[i] for i in fitting(space, texts)]
    assert len(texts) >= 6
    decoded = [v.canonical for v in commands.domain.check(space.decode(space.encode(texts), 1.0))]
    right = sum(a == b for a, b in zip(texts, decoded, strict=True)) / len(texts)
    assert right >= min(0.5, figure(commands.bundle, "reconstruction_exact") - 0.15)
    if isinstance(commands.domain, HasSimilarity):
        alike = commands.domain.similarity(texts, [text or "" for text in decoded])
        assert np.nan_to_num(alike).mean() >= 0.6
    walk = space.interpolate(texts[0], texts[1], steps=7)
    assert len(walk) == 7
