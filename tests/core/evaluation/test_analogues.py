"""Analogues of items and the middle of walks, where the answer is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from tvae_core.domain import Verdict
from tvae_core.evaluation import likeness
from tvae_core.evaluation.likeness import analogue_rate, joint_similarity
from tvae_core.evaluation.walks import Walks
from tvae_core.model.config import TVAEConfig
from tvae_core.model.vae import TransformerVAE
from tvae_core.space import LatentSpace
from tvae_core.space import analogues as drawing
from tvae_core.space.analogues import draw_analogues


def walks(to_start: list[list[float]], to_end: list[list[float]]) -> Walks:
    start, end = np.array(to_start), np.array(to_end)
    flags = np.isfinite(start)
    return Walks(flags, ~flags, start, end, start, np.zeros(len(start)))


def test_the_middle_is_compared_with_the_farther_end() -> None:
    nan = float("nan")
    found = joint_similarity(
        walks(
            [[1, 0.3, 0.1], [1, 0.2, 0.1], [1, nan, 0.1]],
            [[0.1, 0.5, 1], [0.1, 0.1, 1], [0.1, nan, 1]],
        )
    )
    assert found == {"joint_similarity": pytest.approx(0.2)}
    assert joint_similarity(walks([[1, nan, 0]], [[0, nan, 1]])) == {}
    assert joint_similarity(walks([], [])) == {}


class Told:
    """A domain whose texts are valid unless they begin with an exclamation mark."""

    def check(self, texts: Sequence[str]) -> list[Verdict]:
        return [Verdict(not text.startswith("!"), text) for text in texts]


def test_the_rate_counts_other_alike_items(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = ["abcd", "abxx", "axxx", "!", "efgh", "efgx", "efxx", "xxxx"]
    monkeypatch.setattr(likeness, "draw_analogues", lambda *args, **more: drawn)

    def alike(a: Sequence[str], b: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
        pairs = zip(a, b, strict=True)
        return np.array([sum(map(str.__eq__, one, other)) / 4 for one, other in pairs])

    space: Any = type("Space", (), {"domain": Told()})()
    found = analogue_rate(space, ["abcd", "efgh"], torch.zeros(2, 1, 1), alike, draws=4)
    assert found["analogue_valid"] == pytest.approx(7 / 8)
    assert found["analogue_same"] == pytest.approx(2 / 8)
    assert found["analogue_rate"] == pytest.approx(3 / 8)
    assert analogue_rate(space, [], torch.zeros(0, 1, 1), alike) == {}


def test_without_coarse_tokens_codes_at_a_radius_are_taken(trained_space: LatentSpace) -> None:
    codes = trained_space.encode(["abc", "bca"])
    found = draw_analogues(trained_space, codes, 3, seed=1)
    assert len(found) == 6
    assert found == draw_analogues(trained_space, codes, 3, seed=1)
    assert found[:3] == draw_analogues(trained_space, codes[:1], 3, seed=1)


def test_coarse_tokens_stay_and_fine_ones_are_drawn_again(
    monkeypatch: pytest.MonkeyPatch, tiny_config: Callable[..., TVAEConfig], toy_tokenizer: Any
) -> None:
    config = tiny_config(n_coarse=1, n_latent=3)
    space: Any = type("Space", (), {})()
    space.model, space.tokenizer = TransformerVAE(config).eval(), toy_tokenizer
    codes = torch.randn(2, 3, config.latent_size)
    seen: dict[str, Any] = {}

    def decode(model: Any, latents: torch.Tensor, sigma: torch.Tensor, **more: Any) -> list[Any]:
        seen.update(latents=latents, sigma=sigma, **more)
        return []

    monkeypatch.setattr(drawing, "decode_latents", decode)
    draw_analogues(space, codes, 4, noise=0.5, temperature=0.3, seed=2)
    assert seen["sigma"][:, 0].tolist() == [0.5] * 8
    assert (seen["sigma"][:, 1:] == config.sigma_max).all()
    assert seen["temperature"] == 0.3
    kept = codes[:, 0].repeat_interleave(4, 0) / 1.25**0.5
    apart = (seen["latents"][:, 0] - kept) * 1.25**0.5 / 0.5
    torch.testing.assert_close(apart.std(), torch.tensor(1.0), atol=0.35, rtol=0)
    fine = seen["latents"][:, 1:].flatten()
    assert (
        torch.corrcoef(torch.stack((fine, codes[:, 1:].repeat_interleave(4, 0).flatten())))[
            0, 1
        ].abs()
        < 0.5
    )
