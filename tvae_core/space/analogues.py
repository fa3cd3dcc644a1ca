"""Analogues of items: other items that are like them, drawn from around their codes.

A bundle with coarse tokens keeps those, with a little noise, and draws the fine ones again: the
decoder has learned to write items of a coarse code alone. A bundle without takes codes at a radius.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tvae_core.decoding.dial import fidelity_of
from tvae_core.decoding.generate import decode_latents
from tvae_core.model.latent import add_noise
from tvae_core.space.paths import neighbours
from tvae_core.space.space import LatentSpace
from tvae_core.support.random_rows import normal_rows

COARSE_NOISE = 0.3
"""Noise level of the coarse tokens, of which about a third of the draws are the item itself."""
TEMPERATURE = 0.7
RADIUS = 1.5
"""Of bundles without coarse tokens, in units of the codes' spread."""


def draw_analogues(
    space: LatentSpace,
    codes: Tensor,
    draws: int,
    *,
    noise: float = COARSE_NOISE,
    temperature: float = TEMPERATURE,
    radius: float = RADIUS,
    seed: int = 0,
) -> list[str]:
    """Texts around codes, `draws` of each code one after another.

    Args:
        space: decodes.
        codes: `(n, n_latent, latent_size)`.
        draws: of each code.
        noise: level of the coarse tokens' noise.
        temperature: that the fine part is drawn with.
        radius: of bundles without coarse tokens.
        seed: of noise and draws.
    """
    config = space.model.config
    centres = codes.repeat_interleave(draws, 0)
    drawn = normal_rows(0, len(centres), tuple(codes.shape[1:]), seed, stream=5)
    if not config.n_coarse:
        level = radius * space.spread
        setting = float(fidelity_of(config, max(level, 1e-6)))
        return space.decode(neighbours(centres, drawn, level), setting)
    sigma = torch.full((len(centres), config.n_latent), config.sigma_max)
    sigma[:, : config.n_coarse] = max(noise, config.sigma_min)
    given = add_noise(centres, sigma, drawn)
    given[:, config.n_coarse :] = drawn[:, config.n_coarse :]
    rows = decode_latents(space.model, given, sigma, temperature=temperature, seed=seed)
    texts: list[str] = space.tokenizer.batch_decode(rows) if rows else []
    return texts
