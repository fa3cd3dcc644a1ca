"""What fits the aggregate posterior after training and samples from it.

`normal` is N(0, I); `gaussian` has the codes' mean and full covariance; `flow` is a flow-matching
network (Lipman et al. 2023, arXiv 2210.02747) with an ODE solver. All three answer at a noise
level: the decoder was trained on `(z + sigma * eps) / sqrt(1 + sigma^2)`, and that is what a prior
gives. The flow's straight path passes through exactly those codes (time `t = 1 / (1 + sigma)`), so
its ODE stops there and never has to be right at scales finer than the decoder will hear.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from tvae_core.support.random_rows import normal_rows

PRIORS = ("flow", "gaussian", "normal")


class Prior(Protocol):
    """A distribution over noisy codes."""

    def sample(self, noise: Tensor, sigma: float) -> Tensor:
        """Standard normal rows `(n, code_size)` -> codes at level `sigma`, `(n, code_size)`."""
        ...


class NormalPrior:
    """N(0, I), which is N(0, I) at every noise level."""

    def sample(self, noise: Tensor, sigma: float) -> Tensor:
        """Returns the noise itself."""
        del sigma
        return noise


class GaussianPrior(nn.Module):
    """Full-covariance Gaussian of the codes.

    Args:
        code_size: numbers in the joint code.
    """

    mean: Tensor
    covariance: Tensor

    def __init__(self, code_size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(code_size))
        self.register_buffer("covariance", torch.eye(code_size))

    def fit(self, codes: Tensor) -> None:
        """Takes mean and covariance of `(n, code_size)` codes, `n` at least 2."""
        self.mean.copy_(codes.mean(0))
        self.covariance.copy_(torch.cov(codes.T).reshape(self.covariance.shape))

    def sample(self, noise: Tensor, sigma: float) -> Tensor:
        """Draws through the Cholesky factor of the covariance plus `sigma^2 I`."""
        noisy = self.covariance.double() + (sigma**2 + 1e-6) * torch.eye(len(self.mean)).double()
        factor = torch.linalg.cholesky(noisy).to(noise.dtype).to(noise.device)
        noisy_codes: Tensor = (self.mean.to(noise) + noise @ factor.T) / math.sqrt(1 + sigma**2)
        return noisy_codes


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulate = nn.Linear(_TIME_FEATURES, 2 * width)
        self.mix = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        scale, shift = self.modulate(time).chunk(2, -1)
        hidden = self.norm(x) * (1 + scale) + shift
        mixed: Tensor = x + self.out(nn.functional.silu(self.mix(hidden)))
        return mixed


_TIME_FEATURES = 32


class FlowPrior(nn.Module):
    """Flow matching on standardised codes: the network gives the velocity at a time and place.

    Args:
        code_size: numbers in the joint code.
        width: of the residual blocks.
        depth: residual blocks.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, code_size: int, width: int = 384, depth: int = 3) -> None:
        super().__init__()
        self.width, self.depth = width, depth
        self.register_buffer("mean", torch.zeros(code_size))
        self.register_buffer("scale", torch.ones(()))
        self.enter = nn.Linear(code_size, width)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(depth))
        self.leave = nn.Linear(width, code_size)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Velocity `(n, code_size)` at codes `x` and times in 0 (noise) to 1 (code).

        Args:
            x: `(n, code_size)`.
            time: `(n,)`, or `(1,)` for all.
        """
        angles = time[:, None] * torch.arange(1, _TIME_FEATURES // 2 + 1, device=x.device) * math.pi
        features = torch.cat((angles.sin(), angles.cos()), -1).to(x.dtype)
        hidden = self.enter(x)
        for block in self.blocks:
            hidden = block(hidden, features)
        # The network predicts the clean code; its velocity is (code - x) / (1 - t).
        clean = self.leave(nn.functional.silu(hidden)) + time[:, None] * x
        velocity: Tensor = (clean - x) / (1 - time[:, None]).clamp(min=0.02)
        return velocity

    def fit(
        self,
        codes: Tensor,
        steps: int = 4000,
        batch_size: int = 1024,
        learning_rate: float = 2e-3,
        sigma_min: float = 0.1,
        seed: int = 0,
        progress: Callable[[int, int, float], None] | None = None,
    ) -> float:
        """Fits the network to codes.

        Times are drawn where the decoder will stop: logit-normal, cut at the time of `sigma_min`.

        Args:
            codes: `(n, code_size)`, encoded training set.
            steps: optimiser steps.
            batch_size: codes a step.
            learning_rate: peak, one-cycle cosine.
            sigma_min: finest noise level that will be asked for.
            seed: of batches and noise.
            progress: called with (step, steps, running loss).

        Returns:
            Mean loss of the last tenth of the steps (mean squared error of the clean code).
        """
        self.mean.copy_(codes.mean(0))
        self.scale.copy_((codes - self.mean).square().mean().sqrt().clamp(min=1e-6))
        data = (codes - self.mean) / self.scale
        generator = torch.Generator().manual_seed(seed)
        optimiser = torch.optim.AdamW(self.parameters(), lr=learning_rate, weight_decay=0.0)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            learning_rate,
            total_steps=max(steps, 2),
            pct_start=0.2 if steps == 10 else 0.1,  # at 10 steps torch divides by zero
        )
        averaged = torch.optim.swa_utils.AveragedModel(
            self, avg_fn=lambda mean, new, n: mean + (new - mean) * max(0.002, 9.0 / (10.0 + n))
        )
        latest = _stop_time(sigma_min / float(self.scale))
        losses: list[float] = []
        for step in range(steps):
            rows = torch.randint(len(data), (batch_size,), generator=generator)
            time = torch.sigmoid(torch.randn(batch_size, generator=generator)) * latest
            noise = torch.randn(batch_size, data.shape[1], generator=generator)
            target = data[rows]
            place = time[:, None] * target + (1 - time[:, None]) * noise
            velocity = self(place, time)
            clean = place + velocity * (1 - time[:, None])
            loss = (clean - target).square().mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            averaged.update_parameters(self)
            losses.append(float(loss.detach()))
            if progress is not None:
                progress(step + 1, steps, sum(losses[-100:]) / len(losses[-100:]))
        self.load_state_dict(averaged.module.state_dict())
        tail = losses[-max(1, steps // 10) :]
        return sum(tail) / len(tail) if tail else math.nan

    @torch.inference_mode()
    def sample(self, noise: Tensor, sigma: float, steps: int | None = None) -> Tensor:
        """Solves the ODE from noise to the time of `sigma`, by the two-step Adams-Bashforth method.

        Args:
            noise: standard normal `(n, code_size)`.
            sigma: noise level of the decoder that will read the codes.
            steps: solver steps, one network call each; by default 20, more below a noise level of
                .8, where the path bends most close to its end.
        """
        scale = float(self.scale)
        stop = _stop_time(sigma / scale)
        steps = steps or _solver_steps(sigma / scale)
        length = stop / steps
        x, before = noise, None
        for step in range(steps):
            slope = self(x, torch.full((1,), step * length, dtype=x.dtype, device=x.device))
            x = x + length * (slope if before is None else 1.5 * slope - 0.5 * before)
            before = slope
        # x = t * data + (1 - t) * noise; in code units that is scale * t * (z + sigma * eps).
        noisy = x / stop * scale + self.mean
        return noisy / math.sqrt(1 + sigma**2)


def _solver_steps(sigma: float) -> int:
    """Solver steps for codes within 1.3% of the exact ones from a noise level of .1, .4% from .4.

    Of the codes' standard deviation, on the five bundles that ship.
    """
    return min(60, max(20, math.ceil(16 / sigma))) if sigma > 0 else 60


def _stop_time(sigma: float) -> float:
    """Time on the straight path at which noise over signal is `sigma`."""
    return 1.0 / (1.0 + sigma)


class PriorSet(nn.Module):
    """The fitted priors of a bundle, by name.

    Args:
        code_size: numbers in the joint code.
        width: of the flow's network.
        depth: of the flow's network.
    """

    def __init__(self, code_size: int, width: int = 384, depth: int = 3) -> None:
        super().__init__()
        self.code_size = code_size
        self.gaussian = GaussianPrior(code_size)
        self.flow = FlowPrior(code_size, width, depth)

    def sample(
        self, n: int, sigma: float, prior: str = "flow", seed: int = 0, first_row: int = 0
    ) -> Tensor:
        """Draws codes at a noise level.

        Args:
            n: codes.
            sigma: noise level of the decoder that will read them.
            prior: `flow`, `gaussian` or `normal`.
            seed: of the draws; row `first_row + i` does not depend on `n`.
            first_row: row of the first code, for streams.

        Returns:
            `(n, code_size)`.

        Raises:
            ValueError: for an unknown prior or a negative count.
        """
        if prior not in PRIORS:
            raise ValueError(f"unknown prior {prior!r}; there are {', '.join(PRIORS)}")
        if n < 0:
            raise ValueError(f"cannot draw {n} codes")
        noise = normal_rows(first_row, first_row + n, (self.code_size,), seed)
        named: dict[str, Prior] = {
            "flow": self.flow,
            "gaussian": self.gaussian,
            "normal": NormalPrior(),
        }
        chosen = named[prior]
        return chosen.sample(noise.to(self.gaussian.mean.device), sigma)
