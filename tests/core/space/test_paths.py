"""Paths, grids, neighbours, attribute vectors and the 2-D map."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tvae_core.space.paths import (
    Projection,
    attribute_vector,
    grid,
    lerp,
    neighbours,
    path,
    path_sigma,
    slerp,
)


def code(seed: int, scale: float = 1.0) -> Tensor:
    return torch.randn(3, 5, generator=torch.Generator().manual_seed(seed)) * scale


@given(st.integers(0, 10_000), st.floats(0.1, 10), st.booleans())
def test_slerp_meets_both_ends_exactly(seed: int, scale: float, per_token: bool) -> None:
    a, b = code(seed), code(seed + 1, scale)
    assert torch.equal(slerp(a, b, 0.0, per_token), a)
    assert torch.equal(slerp(a, b, 1.0, per_token), b)


@given(st.integers(0, 10_000), st.floats(0.01, 0.99))
def test_slerp_keeps_the_norm_and_the_pace(seed: int, t: float) -> None:
    a, b = code(seed).double(), code(seed + 1).double()
    b = b * a.norm() / b.norm()
    middle = slerp(a, b, t)
    assert float(middle.norm()) == pytest.approx(float(a.norm()), rel=1e-6)

    def angle(x: Tensor, y: Tensor) -> float:
        return math.acos(max(-1.0, min(1.0, float((x * y).sum() / x.norm() / y.norm()))))

    assert angle(a, middle) == pytest.approx(t * angle(a, b), abs=1e-4)
    assert angle(middle, b) == pytest.approx((1 - t) * angle(a, b), abs=1e-4)
    assert float(lerp(a, b, 0.5).norm()) < float(a.norm())


def test_per_token_arcs_keep_each_tokens_norm() -> None:
    a, b = code(0), code(1)
    b = b * a.norm(dim=1, keepdim=True) / b.norm(dim=1, keepdim=True)
    middle = slerp(a, b, 0.4, per_token=True)
    torch.testing.assert_close(middle.norm(dim=1), a.norm(dim=1))
    assert not torch.allclose(slerp(a, b, 0.4), middle, atol=1e-3)
    for token in range(3):
        alone = slerp(a[token : token + 1], b[token : token + 1], 0.4)
        torch.testing.assert_close(alone[0], middle[token])


@pytest.mark.parametrize("factor", [1.0, 2.5, 1 + 1e-6, -1.0])
@pytest.mark.parametrize("per_token", [False, True])
def test_parallel_ends_go_straight(factor: float, per_token: bool) -> None:
    a = code(0)
    found = slerp(a, a * factor, 0.25, per_token)
    torch.testing.assert_close(found, lerp(a, a * factor, 0.25), atol=1e-5, rtol=1e-4)


def test_nearly_parallel_ends_stay_between() -> None:
    a = code(0)
    b = a + 1e-4 * code(1)
    for t in (0.2, 0.5, 0.9):
        torch.testing.assert_close(slerp(a, b, t), lerp(a, b, t), atol=1e-6, rtol=1e-4)


def test_a_zero_code_is_no_trouble() -> None:
    assert torch.isfinite(slerp(torch.zeros(3, 5), code(1), 0.5)).all()


@pytest.mark.parametrize("how", ["slerp", "lerp"])
@pytest.mark.parametrize("steps", [2, 9])
def test_paths_are_even_and_hold_both_ends(how: str, steps: int) -> None:
    a, b = code(0), code(1)
    found = path(a, b, steps, how)  # type: ignore[arg-type]
    assert found.shape == (steps, 3, 5)
    assert torch.equal(found[0], a)
    torch.testing.assert_close(found[-1], b)
    back = path(b, a, steps, how)  # type: ignore[arg-type]
    torch.testing.assert_close(back.flip(0), found, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("steps", "how", "message"),
    [(1, "slerp", "at least 2 steps, not 1"), (0, "lerp", "at least 2"), (5, "nlerp", "'nlerp'")],
)
def test_impossible_paths(steps: int, how: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        path(code(0), code(1), steps, how)  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["slerp", "lerp"])
@pytest.mark.parametrize("steps", [2, 3, 8, 11])
def test_path_noise_is_none_at_the_ends_and_one_in_the_middle(steps: int, how: str) -> None:
    sigma = path_sigma(steps, how)  # type: ignore[arg-type]
    assert sigma.shape == (steps,)
    assert sigma[0] == sigma[-1] == 0
    torch.testing.assert_close(sigma, sigma.flip(0), atol=1e-5, rtol=1e-4)
    assert (sigma[: (steps + 1) // 2].diff() > 0).all()
    if steps % 2:
        assert float(sigma[steps // 2]) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("how", ["slerp", "lerp"])
def test_path_noise_is_what_the_far_end_makes(how: str) -> None:
    """Of a path between unrelated codes of unit variance, regressed on its nearer end."""
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 100, 200, generator=generator)
    points, sigma = path(a, b, 9, how), path_sigma(9, how)  # type: ignore[arg-type]
    for point, level in zip(points[1:4], sigma[1:4], strict=True):
        near = (point * a).mean() / a.square().mean()
        rest = (point - near * a).std()
        assert float(rest / near) == pytest.approx(float(level), rel=0.05)


def test_grids_hold_their_corners_and_edges() -> None:
    corners = torch.stack([code(i) for i in range(4)])
    found = grid(corners, 3, 4)
    assert found.shape == (3, 4, 3, 5)
    for place, corner in zip(((0, 0), (0, 3), (2, 0), (2, 3)), corners, strict=True):
        torch.testing.assert_close(found[place], corner)
    torch.testing.assert_close(found[0], path(corners[0], corners[1], 4))
    torch.testing.assert_close(found[:, 3], path(corners[1], corners[3], 3))


@pytest.mark.parametrize("radius", [0.0, 0.5, 3.0])
def test_neighbours_keep_unit_variance_at_their_radius(radius: float) -> None:
    centre = torch.randn(30, 40)
    found = neighbours(centre, torch.randn(50, 30, 40), radius)
    assert float(found.square().mean()) == pytest.approx(1.0, abs=0.05)
    rest = found * math.sqrt(1 + radius**2) - centre
    assert float(rest.std()) == pytest.approx(radius, rel=0.02, abs=1e-6)


@pytest.mark.parametrize("radius", [-0.1, math.inf, math.nan])
def test_impossible_radii(radius: float) -> None:
    with pytest.raises(ValueError, match="radius must be 0 or more"):
        neighbours(code(0), torch.randn(2, 3, 5), radius)


def test_a_planted_attribute_is_found() -> None:
    codes = torch.randn(2000, 3, 5)
    direction = code(7)
    values = (codes * direction).sum((1, 2)) * 4 + 10 + torch.randn(2000) * 0.5
    hidden = torch.arange(2000) % 3 == 0
    found = attribute_vector(codes, values.masked_fill(hidden, math.nan))
    cosine = (found * direction).sum() / found.norm() / direction.norm()
    assert float(cosine) > 0.99
    assert found.shape == (3, 5)
    rise = (found * direction).sum() * 4
    assert float(rise) == pytest.approx(float(values.std()), rel=0.05)
    # rows without a value change nothing
    torch.testing.assert_close(found, attribute_vector(codes[~hidden], values[~hidden]))


@pytest.mark.parametrize("values", [[1.0, math.nan, math.nan], [2.0, 2.0, 2.0], [math.nan] * 3])
def test_an_attribute_that_does_not_vary_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least two items with different values"):
        attribute_vector(torch.randn(3, 2, 2), torch.tensor(values))


def test_a_map_holds_the_largest_axes() -> None:
    mixing = torch.diag(torch.tensor([3.0, 2.0, 0.1, 0.1, 0.1, 0.1]))
    turn = torch.linalg.qr(torch.randn(6, 6))[0]
    codes = (torch.randn(3000, 6) @ mixing @ turn + 1).unflatten(1, (2, 3))
    found = Projection.fit(codes)
    assert found.share[0] == pytest.approx(9 / 13.04, abs=0.03)
    assert found.share[1] == pytest.approx(4 / 13.04, abs=0.03)
    torch.testing.assert_close(found.axes @ found.axes.T, torch.eye(2), atol=1e-5, rtol=0.0)
    places = found.to_2d(codes)
    assert places.shape == (3000, 2)
    assert places.mean(0).abs().max() < 1e-3
    error = (found.from_2d(places) - codes).square().mean() / codes.var()
    assert float(error) < 0.01
    torch.testing.assert_close(found.to_2d(found.from_2d(places)), places, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("direction", [[1.0, 1.0], [1.0, -1.0], [0.0, 1.0]])
def test_every_direction_gives_an_axis(direction: list[float]) -> None:
    codes = torch.randn(200, 1) * torch.tensor(direction) * 3 + torch.randn(200, 2) * 1e-3
    codes = torch.cat((codes, -codes)).unsqueeze(1)
    found = Projection.fit(codes)
    torch.testing.assert_close(found.axes.norm(dim=1), torch.ones(2))
    places = found.to_2d(codes)
    torch.testing.assert_close(found.from_2d(places), codes, atol=1e-4, rtol=1e-3)


def test_an_axis_of_opposite_numbers_is_an_axis() -> None:
    share = torch.linspace(-1, 1, 21)
    codes = torch.stack((share, -share), 1).unsqueeze(1)
    found = Projection.fit(codes)
    assert float(found.axes[0].norm()) == pytest.approx(1.0)
    torch.testing.assert_close(found.from_2d(found.to_2d(codes)), codes, atol=1e-5, rtol=1e-4)


def test_a_map_is_the_same_each_time_and_needs_three_codes() -> None:
    codes = torch.randn(30, 2, 3)
    assert torch.equal(Projection.fit(codes).axes, Projection.fit(codes.clone()).axes)
    with pytest.raises(ValueError, match="at least 3 codes, not 2"):
        Projection.fit(codes[:2])
