"""What one does with latents: paths, grids, neighbours, attribute vectors, 2-D maps.

All functions take codes `(n, n_latent, latent_size)` (or one code without the `n`) and work on
the joint code, or on each latent token where `per_token` is set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

How = Literal["slerp", "lerp"]
MAX_RADIUS = 1e3


def lerp(start: Tensor, end: Tensor, t: float | Tensor) -> Tensor:
    """Linear interpolation, `(1 - t) * start + t * end`, of codes of one shape."""
    return start + torch.as_tensor(t, dtype=start.dtype, device=start.device) * (end - start)


def slerp_weights(start: Tensor, end: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of both ends on the great arc between them (Shoemake 1985).

    Args:
        start: `(..., d)`.
        end: `(..., d)`.
        t: share of the way, broadcastable to `(..., 1)`.

    Returns:
        Two tensors that broadcast over `(..., d)`; those of `lerp` for (anti)parallel ends.
    """
    cosine = torch.nn.functional.cosine_similarity(start, end, dim=-1)[..., None]
    angle = cosine.clamp(-1, 1).acos()
    straight = angle.sin().abs() < 1e-4
    safe = torch.where(straight, torch.ones_like(angle), angle.sin())
    first = torch.where(straight, 1 - t, ((1 - t) * angle).sin() / safe)
    second = torch.where(straight, t * torch.ones_like(angle), (t * angle).sin() / safe)
    return first, second


def slerp(start: Tensor, end: Tensor, t: float | Tensor, per_token: bool = False) -> Tensor:
    """Spherical interpolation of two codes `(n_latent, latent_size)`.

    Args:
        start: first code.
        end: second code.
        t: share of the way, 0..1.
        per_token: an arc for every latent token instead of one for the joint code.
    """
    shape = start.shape
    if not per_token:
        start, end = start.flatten(), end.flatten()
    share = torch.as_tensor(t, dtype=start.dtype, device=start.device)
    first, second = slerp_weights(start, end, share)
    return (first * start + second * end).reshape(shape)


def path(
    start: Tensor, end: Tensor, steps: int, how: How = "slerp", per_token: bool = False
) -> Tensor:
    """Codes on the way from `start` to `end`, both included, `(steps, n_latent, latent_size)`.

    Raises:
        ValueError: for fewer than two steps or an unknown `how`.
    """
    if steps < 2:
        raise ValueError(f"a path has at least 2 steps, not {steps}")
    if how not in ("slerp", "lerp"):
        raise ValueError(f"interpolation is slerp or lerp, not {how!r}")
    shares = torch.linspace(0, 1, steps).tolist()
    if how == "lerp":
        return torch.stack([lerp(start, end, t) for t in shares])
    return torch.stack([slerp(start, end, t, per_token) for t in shares])


def path_weights(steps: int, how: How = "slerp") -> tuple[Tensor, Tensor]:
    """Weights of the nearer and the farther end along a path between unrelated codes.

    `cos` and `sin` of `min(t, 1 - t) * pi / 2` for `slerp` (codes at a right angle, which
    unrelated ones are in many dimensions), `1 - t` and `t` for `lerp`; each `(steps,)`.
    """
    shares = torch.linspace(0, 1, steps)
    far = torch.minimum(shares, 1 - shares)
    if how == "lerp":
        return 1 - far, far
    return (far * math.pi / 2).cos(), (far * math.pi / 2).sin()


def path_sigma(steps: int, how: How = "slerp") -> Tensor:
    """Noise levels that follow a path, `(steps,)`, in units of the codes' spread.

    A point of the path is the nearer end with the farther one as noise: 0 at the ends (reproduce
    them), 1 in the middle.
    """
    near, far = path_weights(steps, how)
    return far / near


def grid(corners: Tensor, rows: int, columns: int, how: How = "slerp") -> Tensor:
    """Codes of a 2-D grid spanned by four corner codes.

    Args:
        corners: `(4, n_latent, latent_size)`: top left, top right, bottom left, bottom right.
        rows: at least 2.
        columns: at least 2.
        how: `slerp`, or `lerp` for a bilinear grid.

    Returns:
        `(rows, columns, n_latent, latent_size)`.
    """
    left = path(corners[0], corners[2], rows, how)
    right = path(corners[1], corners[3], rows, how)
    return torch.stack([path(a, b, columns, how) for a, b in zip(left, right, strict=True)])


def check_radius(radius: float) -> None:
    """Refuses a radius that is negative, not finite or above `MAX_RADIUS`, by `ValueError`."""
    if not 0 <= radius <= MAX_RADIUS:
        most = f" and at most {MAX_RADIUS:g}" if radius > MAX_RADIUS else ""
        raise ValueError(f"radius must be 0 or more{most}, not {radius:g}")


def neighbours(code: Tensor, noise: Tensor, radius: float) -> Tensor:
    """Codes around one code at a radius.

    Args:
        code: `(n_latent, latent_size)`.
        noise: standard normal `(n, n_latent, latent_size)`.
        radius: noise level in units of the code's own spread; the result keeps unit variance,
            `(code + radius * noise) / sqrt(1 + radius^2)`.

    Raises:
        ValueError: for a radius that is negative, not finite or above `MAX_RADIUS`.
    """
    check_radius(radius)
    return (code + radius * noise) / math.sqrt(1 + radius**2)


def attribute_vector(codes: Tensor, values: Tensor, ridge: float = 1.0) -> Tensor:
    """Direction in which an attribute rises, by ridge regression on the joint code.

    Args:
        codes: `(n, n_latent, latent_size)`.
        values: `(n,)`; items with NaN are left out.
        ridge: penalty, in units of one code's variance.

    Returns:
        `(n_latent, latent_size)`, scaled so that adding it raises the attribute's linear
        prediction by one standard deviation of `values`.

    Raises:
        ValueError: for fewer than two known values or an attribute that does not vary.
    """
    known = ~torch.isnan(values)
    flat, target = codes[known].flatten(1).double(), values[known].double()
    if len(target) < 2 or float(target.std()) == 0:
        raise ValueError("an attribute vector needs at least two items with different values")
    centred, rise = flat - flat.mean(0), (target - target.mean()) / target.std()
    gram = centred.T @ centred + ridge * torch.eye(flat.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(gram, centred.T @ rise)
    step = weights / weights.square().sum().clamp(min=1e-12)
    vector: Tensor = step.to(codes.dtype).reshape(codes.shape[1:])
    return vector


@dataclass(frozen=True)
class Projection:
    """A 2-D map of codes by principal components.

    `mean` is `(code_size,)`, `axes` `(2, code_size)` orthonormal, `share` the variance that each
    axis holds, 0..1.
    """

    mean: Tensor
    axes: Tensor
    share: tuple[float, float]
    shape: tuple[int, int]

    @classmethod
    def fit(cls, codes: Tensor) -> Projection:
        """Fits the map to `(n, n_latent, latent_size)` codes, `n` at least 3.

        Raises:
            ValueError: for fewer than three codes.
        """
        if codes.shape[0] < 3:
            raise ValueError(f"a map needs at least 3 codes, not {codes.shape[0]}")
        flat = codes.flatten(1).double()
        mean = flat.mean(0)
        _, singular, axes = torch.linalg.svd(flat - mean, full_matrices=False)
        if axes.shape[0] < 2:
            axes = torch.cat((axes, torch.zeros_like(axes[:1])))
            singular = torch.cat((singular, singular.new_zeros(1)))
        axes = axes[:2] * axes[:2].sum(1, keepdim=True).sign()
        power = singular.square() / singular.square().sum().clamp(min=1e-12)
        size = (codes.shape[1], codes.shape[2])
        return cls(mean.float(), axes.float(), (float(power[0]), float(power[1])), size)

    def to_2d(self, codes: Tensor) -> Tensor:
        """`(n, n_latent, latent_size)` -> places `(n, 2)`."""
        return (codes.flatten(1).float() - self.mean) @ self.axes.T

    def from_2d(self, places: Tensor) -> Tensor:
        """Places `(n, 2)` -> the codes of the plane, `(n, n_latent, latent_size)`."""
        codes: Tensor = (self.mean + places.float() @ self.axes).unflatten(1, self.shape)
        return codes
