"""Property histograms: exact distances, chance, files that are refused when damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.smiles.chem.distributions import BINS, COUNTED, PROPERTIES, Distributions, Histogram
from domains.smiles.chem.scores import score_all
from domains.smiles.domain import BUNDLE, EXAMPLES
from domains.smiles.reference import REFERENCE_FILE, add_to_bundle, load_reference, main
from tvae_core.bundle import load_bundle

DRUGS = list(EXAMPLES.values())


def normal(n: int, seed: int, mean: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1, n)


def sorted_distance(a: np.ndarray, b: np.ndarray) -> float:
    """W1 of two samples of one size: the mean distance of their sorted values."""
    return float(np.abs(np.sort(a) - np.sort(b)).mean())


def test_distance_is_that_of_the_samples_behind_the_histogram() -> None:
    reference, values = normal(50_000, 0), normal(50_000, 1, mean=0.4)
    found = Histogram.of(reference).w1(values)
    assert found == pytest.approx(sorted_distance(reference, values), abs=0.01)


def test_distance_to_whole_numbers_is_exact() -> None:
    reference, values = np.array([1.0, 2, 2, 4] * 3), np.array([2.0, 3, 3, 9] * 3)
    histogram = Histogram.of(reference, whole=True)
    assert len(histogram.counts) == 4
    assert histogram.w1(values) == pytest.approx(sorted_distance(reference, values))
    assert histogram.w1(reference) == pytest.approx(0)
    assert histogram.share_below([0, 1, 2, 3.5, 4]).tolist() == [0, 0.25, 0.75, 0.75, 1]


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=40), st.floats(-30, 30))
def test_distance_of_any_values(values: list[float], shift: float) -> None:
    """From far away it is the distance of the means; it never falls below that."""
    histogram = Histogram.of(normal(4000, 3))
    own = np.array(values)
    middle = np.average(
        (np.array(histogram.edges[:-1]) + np.array(histogram.edges[1:])) / 2,
        weights=histogram.counts,
    )
    assert histogram.w1(own) >= abs(own.mean() - middle) - 1e-6
    assert histogram.w1(own + 1000 + shift) == pytest.approx(own.mean() + 1000 + shift - middle)


def test_molecules_of_the_reference_differ_by_chance_alone() -> None:
    histogram = Histogram.of(normal(100_000, 0))
    distances = [histogram.w1(normal(200, seed)) for seed in range(1, 60)]
    assert np.mean(distances) == pytest.approx(histogram.chance(200), rel=0.1)
    assert not histogram.compare(normal(200, 7)).clear
    assert histogram.compare(normal(200, 7, mean=0.5)).clear


def test_nothing_to_compare_is_nan() -> None:
    found = Histogram.of(normal(100, 0)).compare(np.array([np.nan]))
    assert found.n == 0
    assert np.isnan([found.mean, found.w1, found.chance, found.relative]).all()


def test_extremes_keep_the_bins_fine() -> None:
    histogram = Histogram.of(np.append(normal(100_000, 0), 1e6))
    assert len(histogram.counts) <= BINS
    assert sum(histogram.counts) == 100_001
    assert 0.45 < float(histogram.share_below(0.0)) < 0.55
    same = Histogram.of(np.full(10, 3.0))
    assert same.w1(np.full(4, 5.0)) == pytest.approx(2, abs=0.01)


def test_file_round_trip_and_damage(tmp_path: Path) -> None:
    made = Distributions.of(DRUGS, "ten drugs", seed=3)
    assert tuple(made.histograms) == PROPERTIES
    assert {name for name, h in made.histograms.items() if h.whole} == set(COUNTED)
    path = tmp_path / REFERENCE_FILE
    made.save(path)
    assert Distributions.load(path) == made
    differences = made.compare(score_all(DRUGS))
    assert all(not d.clear and d.n == len(DRUGS) for d in differences.values())
    good = json.loads(path.read_text())
    row = good["properties"]["qed"]
    for broken, words in (
        ("", "Expecting value"),
        (json.dumps([1]), "not a reference"),
        (json.dumps(good | {"format_version": 9}), "version 9"),
        (json.dumps(good | {"properties": {"qed": row | {"counts": [1]}}}), "edges rise"),
        (json.dumps(good | {"properties": {"qed": {}}}), "not a reference"),
    ):
        path.write_text(broken)
        with pytest.raises(ValueError, match=words) as caught:
            Distributions.load(path)
        assert str(path) in str(caught.value)


def test_shipped_reference() -> None:
    found = load_reference(BUNDLE)
    assert found is not None
    assert (BUNDLE / REFERENCE_FILE).stat().st_size < 30_000
    assert found.n >= 100_000
    assert "MOSES" in found.source
    assert 0.75 < found.histograms["qed"].mean < 0.85
    manifest = load_bundle(BUNDLE).manifest
    assert REFERENCE_FILE in manifest["sha256"]


def test_bundle_gets_a_reference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(BUNDLE, bundle)
    Distributions.of(DRUGS, "ten drugs").save(tmp_path / "drugs.json")
    add_to_bundle(bundle, tmp_path / "drugs.json")
    assert load_bundle(bundle).manifest["sha256"].keys() >= {REFERENCE_FILE, "known.bin"}
    found = load_reference(bundle)
    assert found is not None
    assert found.source == "ten drugs"
    (bundle / REFERENCE_FILE).unlink()
    assert load_reference(bundle) is None
    with pytest.raises(ValueError, match="is not a bundle"):
        main([str(tmp_path / "nowhere")])
    with pytest.raises(ValueError, match="is not a bundle"):
        add_to_bundle(tmp_path, tmp_path / "drugs.json")
