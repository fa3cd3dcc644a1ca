"""The bundle that ships with the SMILES domain. `TVAE_BUNDLE=folder` tests another one instead."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domains.smiles import SmilesDomain
from domains.smiles.chem.novelty import load_known, plain_forms
from domains.smiles.domain import BUNDLE, EXAMPLES
from tvae_core.bundle import FILES
from tvae_core.domain import DomainError
from tvae_core.space import LatentSpace
from tvae_core.support.files import sha256_file

FOLDER = Path(os.environ.get("TVAE_BUNDLE") or BUNDLE)
Command = Callable[..., Any]


@pytest.fixture(scope="module")
def space() -> LatentSpace:
    return LatentSpace.load(FOLDER, SmilesDomain())


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "manifest.json").read_text())
    return found


def test_it_is_small_and_complete(manifest: dict[str, Any]) -> None:
    files = [p for p in FOLDER.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) <= 12_000_000
    names = {p.name for p in files}
    assert names >= {*FILES, "README.md", "known.bin"}
    assert not [name for name in names if name.endswith((".pkl", ".pt", ".pth", ".npy", ".npz"))]
    hashes = manifest["sha256"]
    assert set(hashes) >= {*FILES, "known.bin"} - {"manifest.json"}
    assert {name: sha256_file(FOLDER / name) for name in hashes} == hashes


def test_it_says_where_it_is_from(manifest: dict[str, Any]) -> None:
    assert manifest["domain"] == "smiles"
    assert "MOSES" in manifest["data"]["source"]
    assert len(manifest["data"]["source_sha256"]) == 64
    assert manifest["data"]["counts"]["train"] == 1_584_663
    assert manifest["steps"] > 1000
    assert 0 <= manifest["defaults"]["sample_fidelity"] <= 1


def test_its_card_has_the_figures_and_the_recipe() -> None:
    card = (FOLDER / "README.md").read_text()
    for name in (
        "reconstruction_exact",
        "token_accuracy",
        "cycle_r2",
        "prior_valid",
        "prior_unique",
        "prior_novel",
        "interpolation_valid",
        "interpolation_distinct",
    ):
        assert f"`{name}`" in card, name
    assert "python -m domains.smiles.train" in card
    assert "python -m domains.smiles.evaluate" in card
    assert re.search(r"^\| fidelity \|", card, re.MULTILINE)
    assert len(re.findall(r"^\| [01]\.\d+ \|", card, re.MULTILINE)) >= 5
    assert {"original_recipe", "fixed_noise"} <= set(re.findall(r"\w+", card))


def test_its_samples_are_mostly_molecules(command: Command, tmp_path: Path) -> None:
    files = [tmp_path / "a.smi", tmp_path / "b.smi"]
    for file, batch in zip(files, (256, 64), strict=True):
        given = ("-n", 200, "--seed", 0, "--raw", "--batch-size", batch, "-o", file)
        result = command("sample", FOLDER, *given)
        assert result.code == 0, result.err
    texts = files[0].read_text().splitlines()
    assert len(texts) == 200
    assert files[1].read_bytes() == files[0].read_bytes()
    good = [v.canonical for v in SmilesDomain().check(texts) if v.ok]
    assert len(good) / 200 >= 0.85
    assert len(set(good)) / len(good) >= 0.97


def test_it_reproduces_well_known_molecules(space: LatentSpace) -> None:
    right = fit = 0
    for text in EXAMPLES.values():
        try:
            (back,) = space.reconstruct([text])
        except DomainError:
            continue
        fit += 1
        (verdict,) = space.domain.check([back])
        right += verdict.canonical == text
    assert fit >= len(EXAMPLES) - 2
    assert right >= fit / 2


def test_the_ways_between_are_mostly_molecules(space: LatentSpace) -> None:
    drugs = [EXAMPLES[name] for name in ("aspirin", "caffeine", "ibuprofen", "paracetamol")]
    points = [
        point.text
        for a, b in zip(drugs, drugs[1:] + drugs[:1], strict=True)
        for point in space.interpolate(a, b, 9)[1:-1]
    ]
    valid = sum(verdict.ok for verdict in space.domain.check(points))
    assert valid / len(points) >= 0.6


def test_its_known_set_knows_its_training_molecules() -> None:
    known = load_known(FOLDER)
    assert known is not None
    assert len(known) > 1_500_000
    assert known.false_positive_rate < 0.005
    assert not known.contains(plain_forms(["C" * 70, "FC(Cl)(Br)I", "[Au]"])).any()


def test_the_verbs_use_it_when_none_is_named(command: Command) -> None:
    if FOLDER != BUNDLE:
        pytest.skip("another bundle is under test")
    result = command("neighbours", EXAMPLES["paracetamol"], "-n", 4, "--radius", 0.2)
    assert result.code == 0, result.err
    result = command("sample", "-n", 4, "--alerts", "none")
    assert result.code == 0, result.err
