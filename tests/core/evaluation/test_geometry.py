"""Spectra, neighbourhoods and their names, where the answer is known."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tvae_core.domain import Verdict
from tvae_core.evaluation.evaluate import Evaluation, evaluate
from tvae_core.evaluation.geometry import RADII, SETTINGS, Geometry, neighbourhood, posterior
from tvae_core.evaluation.intervals import with_bounds
from tvae_core.evaluation.plots import draw_page
from tvae_core.evaluation.tables import geometry_table
from tvae_core.space import LatentSpace
from tvae_core.space.similarity import similarity_of


def codes_with(spectrum: list[float], n: int = 500) -> torch.Tensor:
    """Codes whose sample covariance has exactly that spectrum, `(n, 2, d / 2)`, mean zero."""
    raw = torch.randn(n, len(spectrum), generator=torch.Generator().manual_seed(3)).double()
    left, _, _ = torch.linalg.svd(raw - raw.mean(0), full_matrices=False)
    return (left * (torch.tensor(spectrum).double() * (n - 1)).sqrt()).unflatten(1, (2, -1))


def test_the_effective_rank_of_known_spectra() -> None:
    even, _ = posterior(codes_with([2.0] * 6))
    assert even["effective_rank"] == pytest.approx(6, rel=1e-6)
    assert (even["active_dims"], even["active_share"]) == (6, 1)
    assert (even["spectrum_min"], even["spectrum_max"]) == pytest.approx((2, 2))
    assert even["posterior_cov_error"] == pytest.approx(1, rel=1e-6)  # |2 I - I| / sqrt(6)
    assert even["posterior_mean_error"] == pytest.approx(0, abs=1e-9)
    half, curves = posterior(codes_with([4.0, 0, 4, 0, 0, 4]))
    assert half["effective_rank"] == pytest.approx(3, rel=1e-6)
    assert (half["active_dims"], half["active_share"]) == (3, 0.5)
    assert curves["spectrum"] == pytest.approx([4, 4, 4, 0, 0, 0], abs=1e-9)
    skew, _ = posterior(codes_with([0.75, 0.25]))
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert skew["effective_rank"] == pytest.approx(math.exp(entropy), rel=1e-6)


def test_the_threshold_of_an_active_dimension() -> None:
    found, _ = posterior(codes_with([1.0, 0.011, 0.0099, 0.5]))
    assert found["active_dims"] == 3


def test_rotation_and_scale_leave_the_effective_rank() -> None:
    codes = codes_with([1.0, 0.5, 0.2, 0.1])
    turn, _ = torch.linalg.qr(
        torch.randn(4, 4, generator=torch.Generator().manual_seed(1)).double()
    )
    first, _ = posterior(codes)
    turned, _ = posterior((codes.flatten(1) @ turn * 3).unflatten(1, (2, 2)))
    assert turned["effective_rank"] == pytest.approx(first["effective_rank"], rel=1e-6)
    assert turned["spectrum_max"] == pytest.approx(9 * first["spectrum_max"], rel=1e-6)


def test_the_distance_to_the_prior() -> None:
    prior = torch.randn(600, 2, 4, generator=torch.Generator().manual_seed(8))
    near, _ = posterior(prior)
    assert abs(near["posterior_mmd"]) < 1e-3
    assert near["posterior_cov_error"] == pytest.approx(near["posterior_cov_error_normal"], rel=0.5)
    moved, _ = posterior(prior + 0.5)
    assert moved["posterior_mean_error"] == pytest.approx(0.5, abs=0.05)
    assert moved["posterior_mmd"] > 10 * abs(near["posterior_mmd"])
    assert posterior(prior[:50], seed=1)[0] == posterior(prior[:50], seed=1)[0]


class Grid:
    """A space of one number: the text is the number, rounded; valid from 0 to 9."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.spread = 2.0
        self.domain = self
        self.model = SimpleNamespace(config=SimpleNamespace(sigma_min=0.1, sigma_max=10.0))

    def check(self, texts: list[str]) -> list[Verdict]:
        good = [len(text) == 1 for text in texts]
        return [Verdict(ok, t if ok else None) for ok, t in zip(good, texts, strict=True)]

    def similarity(self, a: list[str], b: list[str]) -> Any:
        return np.array([float(x == y) for x, y in zip(a, b, strict=True)])

    def decode(self, codes: torch.Tensor, fidelity: float) -> list[str]:
        self.asked.append(fidelity)
        return [f"{float(code):.0f}" for code in codes]


def test_neighbourhoods_by_hand() -> None:
    grid: Any = Grid()
    codes = torch.tensor([5.0, 9.0]).reshape(2, 1, 1)
    found = neighbourhood(
        grid, ["5", "9"], codes, grid.similarity, draws=400, radii=(0.0, 0.5, 4.0), fidelity=0.7
    )
    assert grid.asked == [0.7] * 3
    assert found["neighbour_valid_r0"] == found["neighbour_same_r0"] == 1
    assert found["neighbour_distinct_r0"] == pytest.approx(2 / 800)
    assert found["neighbour_similarity_r0"] == 1
    # radius 0.5 of a spread of 2 is a level of 1: (code + noise) / sqrt 2, about 3.5 and 6.4
    assert found["neighbour_valid_r0.5"] > 0.95
    assert found["neighbour_valid_r4"] < found["neighbour_valid_r0.5"]  # scattered below 0, too
    same = found["neighbour_same_r0.5"] / found["neighbour_valid_r0.5"]
    assert found["neighbour_similarity_r0.5"] == pytest.approx(same)


def test_neighbours_follow_their_radius_as_the_verb_does(
    trained_space: LatentSpace, trained: Any
) -> None:
    words = [v.canonical or "" for v in trained_space.domain.check(trained.words[:1])]
    expected = trained_space.neighbours(words[0], n=30, radius=0.5)
    found = neighbourhood(
        trained_space, words, trained_space.encode(words), similarity_of(trained_space),
        draws=2000, radii=(0.5,),
    )  # fmt: skip
    valid = np.mean([v.ok for v in trained_space.domain.check(expected.texts)])
    assert found["neighbour_valid_r0.5"] == pytest.approx(valid, abs=0.3)
    assert 0 < expected.fidelity < 1


def test_names_are_flat_and_points_without_a_number_are_left_out() -> None:
    geometry = Geometry(
        {"active_dims": 3.0}, {"path_step": [0.5, math.nan], "spectrum": [2.0, 1.0]}
    )
    assert geometry.flat() == {"active_dims": 3.0, "path_step_t0.00": 0.5}


@pytest.fixture(scope="module")
def measured(trained_space: LatentSpace, trained: Any) -> Evaluation:
    return evaluate(
        trained_space, trained.words[:12], n_samples=8, n_paths=4, dial=(1.0, 0.5), geometry=True
    )


def test_an_evaluation_with_geometry(measured: Evaluation) -> None:
    flat = with_bounds(measured.flat())
    for radius in RADII:
        for setting in SETTINGS:
            prefix = "" if setting is None else f"dial_{setting:.2f}_"
            for name in ("valid", "same"):
                value = flat[f"{prefix}neighbour_{name}_r{radius:g}"]
                low = flat[f"{prefix}neighbour_{name}_r{radius:g}_low"]
                high = flat[f"{prefix}neighbour_{name}_r{radius:g}_high"]
                assert 0 <= low <= value <= high <= 1
    names = {
        "active_dims", "active_share", "effective_rank", "effective_rank_normal", "spectrum_min",
        "spectrum_max", "posterior_mmd", "posterior_mean_error", "posterior_cov_error",
        "interpolation_step_similarity", "interpolation_worst_step", "interpolation_valid_lerp",
        "interpolation_near_similarity", "interpolation_step_similarity_lerp",
        "interpolation_pair_similarity", "neighbour_items", "neighbour_draws",
        "reconstruction_exact_low", "prior_valid_high", "cycle_r2_low",
        "dial_0.50_interpolation_worst_step", "dial_0.50_prior_valid_low", "path_valid_t0.50",
        "path_valid_lerp_t0.50", "neighbour_valid_r0.5",
    }  # fmt: skip
    assert names <= set(flat)
    assert flat["neighbour_items"] == 12
    assert flat["path_start_similarity_t0.00"] > 0.5
    plain = Evaluation(measured.metrics, measured.dial).flat()
    assert plain.items() <= measured.flat().items()


def test_the_table_has_every_setting_and_radius(measured: Evaluation) -> None:
    table = geometry_table(measured)
    assert "effective_rank" in table
    assert len(table.split("\n\n")[1].splitlines()) == 1 + len(SETTINGS) * len(RADII)
    assert geometry_table(Evaluation()) == ""
    assert geometry_table(measured, markdown=True).startswith("| neighbours at | radius |")


def test_the_page(measured: Evaluation, tmp_path: Path) -> None:
    for ending, head in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        draw_page(measured, tmp_path / f"page.{ending}", "a bundle, seed 0")
        assert (tmp_path / f"page.{ending}").read_bytes().startswith(head)
    draw_page(measured, tmp_path / "again.svg", "a bundle, seed 0")
    page = (tmp_path / "page.svg").read_bytes()
    assert page == (tmp_path / "again.svg").read_bytes()
    assert b"<image" not in page
    assert b"http://www.w3.org" in page
    draw_page(Evaluation(measured.metrics, measured.dial), tmp_path / "front.svg")
    assert len((tmp_path / "front.svg").read_bytes()) < len(page)
    with pytest.raises(ValueError, match="a plot is written as"):
        draw_page(measured, tmp_path / "page.txt")
