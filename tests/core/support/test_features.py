"""Whitened features: what they are like, how they are kept, and those of a prepared set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tvae_core.support.features import FeatureBasis


def made(n: int = 500) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 3)) @ rng.normal(size=(3, 6)) + 5.0


def test_components_are_white_and_ordered() -> None:
    basis = FeatureBasis.fit(made(), 8)
    found = basis(made())
    assert found.shape == (500, 3)  # no more have variance
    np.testing.assert_allclose(np.cov(found.T, bias=True), np.eye(3), atol=1e-3)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-4)
    assert (np.diff(basis.share) <= 0).all()
    assert basis.share.sum() == pytest.approx(1, abs=1e-5)


def test_what_is_no_item_is_the_mean() -> None:
    basis = FeatureBasis.fit(made(), 2)
    rows = made()[:3]
    rows[1] = np.nan
    found = basis(rows)
    assert found[1].tolist() == [0.0, 0.0]
    assert np.abs(found[[0, 2]]).min() > 0


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    basis = FeatureBasis.fit(made(), 2)
    basis.save(tmp_path / "basis.safetensors")
    again = FeatureBasis.load(tmp_path / "basis.safetensors")
    np.testing.assert_array_equal(again(made()), basis(made()))


@pytest.mark.parametrize("content", [b"", b"x" * 100])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "basis.safetensors"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="is no basis of features"):
        FeatureBasis.load(file)


@pytest.mark.parametrize("rows", [made(1), np.ones((5, 3))])
def test_what_cannot_be_fitted_is_refused(rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match="features of"):
        FeatureBasis.fit(rows, 2)
