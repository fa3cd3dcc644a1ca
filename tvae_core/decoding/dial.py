"""The fidelity dial: from 1 (follow the code) to 0 (stay smooth), as a decoder noise level."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tvae_core.model.config import TVAEConfig


def sigma_of(config: TVAEConfig, fidelity: float | Tensor) -> Tensor:
    """Noise level of a setting of the dial, log-linear between `sigma_max` (0) and `sigma_min` (1).

    Raises:
        ValueError: for a setting outside 0..1.
    """
    setting = torch.as_tensor(fidelity, dtype=torch.float32)
    if not bool(((setting >= 0) & (setting <= 1)).all()):
        raise ValueError(f"fidelity must lie in 0..1, not {fidelity}")
    low, high = math.log(config.sigma_min), math.log(config.sigma_max)
    return (high + (low - high) * setting).exp()


def fidelity_of(config: TVAEConfig, sigma: float | Tensor) -> Tensor:
    """Setting of the dial for a noise level, clamped to 0..1."""
    low, high = math.log(config.sigma_min), math.log(config.sigma_max)
    level = torch.as_tensor(sigma, dtype=torch.float32).clamp(config.sigma_min, config.sigma_max)
    return ((high - level.log()) / max(high - low, 1e-9)).clamp(0, 1)
