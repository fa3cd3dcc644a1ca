"""Codes of texts and texts of codes, in turn with the other sessions; where results come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from apps.common.bundle import Workbench
from tvae_core.decoding.dial import fidelity_of
from tvae_core.space import LatentSpace
from tvae_core.space.paths import neighbours
from tvae_core.support.random_rows import normal_rows


def encode(bench: Workbench, texts: Sequence[str]) -> Tensor:
    """Codes of texts, `(n, n_latent, latent_size)`.

    Raises:
        DomainError: one is longer than the bundle takes.
    """
    with bench.lock:
        return bench.space.encode(texts)


def fits(bench: Workbench, texts: Sequence[str]) -> list[bool]:
    """Which texts are short enough for the bundle."""
    if not texts:
        return []
    with bench.lock:
        rows = bench.space.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return [0 < len(row) <= bench.space.model.config.max_length for row in rows]


def decode(bench: Workbench, codes: Tensor, fidelity: float | Tensor | str) -> list[str]:
    """The likeliest texts of a few codes."""
    with bench.lock, torch.inference_mode():
        return bench.space.decode(codes, fidelity)


def rebuild(bench: Workbench, codes: Tensor, fidelity: float | Tensor | str) -> list[str]:
    """The texts of a few items' own codes, verified at the faithful end of the dial."""
    with bench.lock, torch.inference_mode():
        return bench.space.rebuild(codes, fidelity)


def noisy_codes(space: LatentSpace, code: Tensor, n: int, radius: float, seed: int) -> Tensor:
    """The codes that `LatentSpace.neighbours` decodes, `(n, n_latent, latent_size)`."""
    noise = normal_rows(0, n, tuple(code.shape), seed, stream=2)
    return neighbours(code, noise, radius * space.spread)


def matched(space: LatentSpace, radius: float) -> float:
    """The setting of the dial at which the decoder expects the noise of a radius."""
    return float(fidelity_of(space.model.config, max(radius * space.spread, 1e-6)))


def provenance(
    bench: Workbench, app: str, page: str, settings: Mapping[str, object]
) -> dict[str, object]:
    """What a download says of where it came from."""
    return {
        "bundle": bench.hash,
        "seed": settings.get("seed", 0),
        "command": f"apps/{app}.py, {page}",
        "settings": dict(settings),
    }
