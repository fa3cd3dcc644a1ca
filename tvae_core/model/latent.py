"""Encoder states -> latent tokens -> noisy code -> decoder memory."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tvae_core.model.config import TVAEConfig
from tvae_core.model.layers import Attention, RMSNorm, rotary_table
from tvae_core.support import collectives

_NOISE_FEATURES = 16
EPSILON = 1e-8


class RunningNorm(nn.Module):
    """Codes brought to mean 0 and variance 1 in every dimension by running statistics.

    Codes of a new model are almost the same for all items and far from 0. MMD takes hundreds of
    steps to change that; meanwhile the noise covers what little a code says, and its mean covers
    the decoder's own input. The statistics are those of batch normalisation (Ioffe and Szegedy
    2015, arXiv 1502.03167), but of many batches, in training too: a batch holds items of one
    length.
    """

    mean: Tensor
    variance: Tensor
    steps: Tensor
    RATE = 0.02

    def __init__(self, n_latent: int, latent_size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_latent, latent_size))
        self.register_buffer("variance", torch.ones(n_latent, latent_size))
        self.register_buffer("steps", torch.zeros(()))

    def forward(self, latents: Tensor) -> Tensor:
        """`(b, n_latent, latent_size)` in fp32 -> the same, normalised; learns while training."""
        if self.training and len(latents) > 1:
            with torch.no_grad():
                rate = (1 / (self.steps + 1)).clamp(min=self.RATE)
                off = collectives.gather(latents.detach()) - self.mean
                shift = off.mean(0)
                # the spread around the running mean, which batches of one length share
                spread = (off - rate * shift).square().mean(0)
                self.mean.add_(rate * shift)
                self.variance.lerp_(spread, rate)
                self.steps.add_(1)
        centred = latents - self.mean
        codes: Tensor = centred * (self.variance + EPSILON).rsqrt()
        if self.training and len(latents) > 1:
            # 1, but for its gradient: to shrink or to stretch all codes of a batch is to change
            # nothing, so no loss may ask for it (the second-moment kernel would, without end)
            mean_square = collectives.total(centred.square().mean(0)) / collectives.world()
            scale = (mean_square + EPSILON).sqrt()
            codes = codes * (scale.detach() / scale)
        return codes


class LatentReadout(nn.Module):
    """Learned queries, one a latent token, read the encoder's states of every length."""

    def __init__(self, config: TVAEConfig) -> None:
        super().__init__()
        self.head_size, self.theta = config.head_size, config.rope_theta
        self.tanh = config.latent_bound == "tanh"
        self.query = nn.Parameter(torch.randn(config.n_latent, config.d_model))
        self.attention = Attention(config)
        self.norm = RMSNorm(config.d_model, config.norm_eps)
        self.out = nn.Linear(config.d_model, config.latent_size, bias=False)
        self.running = None
        if config.latent_norm == "running":
            self.running = RunningNorm(config.n_latent, config.latent_size)

    def forward(self, states: Tensor, keep: Tensor, positions: Tensor, norm: RMSNorm) -> Tensor:
        """Reads the encoder's states.

        Args:
            states: `(b, total, d)`.
            keep: `(b, total)` bool, False on padding.
            positions: `(total,)`, in tokens.
            norm: of the states.

        Returns:
            Latents `(b, n_latent, latent_size)` in fp32.
        """
        query = self.query.to(states.dtype)[None]
        q = self.attention.queries(query).expand(states.shape[0], -1, -1, -1)
        rotary = rotary_table(positions, self.head_size, self.theta, states.dtype)
        k, v = self.attention.keys_values(states, norm, rotary)
        read = self.attention.attend(q, k, v, keep[:, None, None])
        latents: Tensor = self.out(self.norm(query + read)).float()
        if self.running is not None:
            latents = self.running(latents)
        return latents.tanh() if self.tanh else latents


class LatentMemory(nn.Module):
    """Noisy latents and their noise level -> the memory that the decoder attends to."""

    def __init__(self, config: TVAEConfig) -> None:
        super().__init__()
        self.told = config.noise == "random"
        low, high = math.log(config.sigma_min), math.log(config.sigma_max)
        self.low, self.span = low, max(high - low, 1e-6)
        self.token = nn.Linear(config.latent_size, config.d_model, bias=False)
        self.slot = nn.Parameter(torch.randn(config.n_latent, config.d_model) * 0.5)
        self.joint = nn.Linear(config.code_size, config.d_model, bias=False)
        self.noise = nn.Sequential(
            nn.Linear(2 * _NOISE_FEATURES, config.d_model),
            nn.SiLU(),
            nn.Linear(config.d_model, config.d_model, bias=False),
        )

    def forward(self, latents: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Builds the memory.

        Args:
            latents: `(b, n_latent, latent_size)`, of unit variance (see `add_noise`).
            sigma: noise level of each item, `(b,)`, or of each of its tokens, `(b, n_latent)`.

        Returns:
            Memory `(b, n_latent, d)` and a summary `(b, d)` that is added to every decoder input.
        """
        memory = self.token(latents) + self.slot
        summary = self.joint(latents.flatten(1))
        if self.told:
            level = self.noise(self._features(sigma).to(self.slot.dtype))
            if sigma.ndim == 2:
                memory, summary = memory + level, summary + level.mean(1)
            else:
                memory, summary = memory + level[:, None], summary + level
        return memory, summary

    def _features(self, sigma: Tensor) -> Tensor:
        place = (sigma.float().log() - self.low) / self.span
        angles = place[..., None] * torch.arange(1, _NOISE_FEATURES + 1, device=sigma.device)
        return torch.cat(((angles * 0.5 * math.pi).sin(), (angles * 0.5 * math.pi).cos()), -1)


def draw_sigma(config: TVAEConfig, batch: int, device: torch.device) -> Tensor:
    """Training noise levels `(batch,)`: log-uniform but for `sigma_tilt`, or constant.

    With coarse tokens `(batch, n_latent)`: the fine ones have the level of the coarse ones or a
    higher one, see `TVAEConfig.fine_drown`.
    """
    if config.noise == "random":
        low, high = math.log(config.sigma_min), math.log(config.sigma_max)
        if config.n_coarse:
            kind, first, second = collectives.draw(torch.rand, (batch, 3), device).unbind(1)
            coarse = first ** (1 / config.sigma_tilt)
            between = coarse + (1 - coarse) * second
            fine = torch.where(kind < 2 * config.fine_drown, between, coarse)
            fine = torch.where(kind < config.fine_drown, 1.0, fine)
            places = [coarse] * config.n_coarse + [fine] * (config.n_latent - config.n_coarse)
            return (low + (high - low) * torch.stack(places, 1)).exp()
        place = collectives.draw(torch.rand, (batch,), device) ** (1 / config.sigma_tilt)
        return (low + (high - low) * place).exp()
    level = config.sigma_max if config.noise == "fixed" else 0.0
    return torch.full((batch,), level, device=device)


def add_noise(latents: Tensor, sigma: Tensor, noise: Tensor | None = None) -> Tensor:
    """`(z + sigma * eps) / sqrt(1 + sigma^2)`: noisy, yet of the prior's unit variance.

    Args:
        latents: `(b, n_latent, latent_size)`.
        sigma: `(b,)`, or `(b, n_latent)` for a level a token.
        noise: standard normal of the latents' shape; drawn when left out.
    """
    if noise is None:
        noise = collectives.draw(torch.randn, tuple(latents.shape), latents.device).to(
            latents.dtype
        )
    level = sigma.to(latents.dtype)[..., None]
    if sigma.ndim == 1:
        level = level[..., None]
    return (latents + level * noise) / (1 + level.square()).sqrt()


def capacity_bits(code_size: int, sigma: float) -> float:
    """Bits that a unit-variance Gaussian code carries through noise `sigma` (Shannon 1948)."""
    return 0.5 * code_size * math.log2(1 + 1 / sigma**2)
