"""Coarse and fine tokens: their noise, the levels that the decoder is told, the anchor."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from tvae_core.decoding.generate import decode_latents
from tvae_core.model.config import TVAEConfig
from tvae_core.model.latent import add_noise, draw_sigma
from tvae_core.model.vae import TransformerVAE

Tiny = Callable[..., TransformerVAE]
CPU = torch.device("cpu")


def test_fine_tokens_are_never_less_noisy_and_often_drowned() -> None:
    config = TVAEConfig(n_latent=3, n_coarse=1, sigma_min=0.1, sigma_max=4.0, fine_drown=0.2)
    levels = draw_sigma(config, 20_000, CPU)
    assert levels.shape == (20_000, 3)
    coarse, fine = levels[:, 0], levels[:, 1]
    assert torch.equal(fine, levels[:, 2])
    assert bool((fine >= coarse - 1e-6).all())
    drowned = (fine - 4.0).abs() < 1e-4
    assert float(drowned.float().mean()) == pytest.approx(0.2, abs=0.01)
    same = (fine - coarse).abs() < 1e-6
    assert float(same.float().mean()) == pytest.approx(0.6, abs=0.02)


def test_without_coarse_tokens_an_item_has_one_level() -> None:
    assert draw_sigma(TVAEConfig(), 5, CPU).shape == (5,)


def test_a_level_a_token_is_that_tokens_own_noise() -> None:
    codes, noise = torch.randn(2, 2, 3), torch.randn(2, 2, 3)
    levels = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
    noisy = add_noise(codes, levels, noise)
    assert torch.equal(noisy[0, 0], codes[0, 0])
    assert torch.equal(noisy[1, 1], codes[1, 1])
    torch.testing.assert_close(noisy[1, :1], add_noise(codes, levels[:, 0], noise)[1, :1])


@torch.no_grad()
def test_equal_levels_are_told_as_one_level_is(tiny_model: Tiny) -> None:
    model = tiny_model(noise="random")
    ids, latents = torch.tensor([[1, 5, 6]] * 2), torch.randn(2, 2, 4)
    one = model.decode(ids, latents, torch.tensor([0.3, 1.0]))
    each = model.decode(ids, latents, torch.tensor([[0.3, 0.3], [1.0, 1.0]]))
    torch.testing.assert_close(one, each)
    other = model.decode(ids, latents, torch.tensor([[0.3, 3.0], [1.0, 1.0]]))
    assert not torch.allclose(one[0], other[0])
    torch.testing.assert_close(one[1], other[1])


def test_codes_are_decoded_with_a_level_a_token(tiny_model: Tiny) -> None:
    model, latents = tiny_model(noise="random"), torch.randn(5, 2, 4)
    one = decode_latents(model, latents, 0.5, batch_size=2)
    assert decode_latents(model, latents, torch.full((5, 2), 0.5), batch_size=2) == one
    searched = decode_latents(model, latents, torch.full((5, 2), 0.5), beams=2)
    assert searched == decode_latents(model, latents, 0.5, beams=2)


def test_the_anchor_pulls_the_first_numbers_to_the_features(tiny_model: Tiny) -> None:
    torch.manual_seed(0)
    model = tiny_model(n_coarse=1, anchor_weight=5.0, dropout=0.0).train()
    ids = torch.randint(4, 10, (8, 5))
    features = torch.randn(8, 3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    anchors = []
    for _ in range(80):
        optimizer.zero_grad()
        found = model(input_ids=ids, features=features)
        assert found.loss is not None
        assert found.anchor is not None
        expected = found.reconstruction + found.mmd_weight * found.mmd + 5.0 * found.anchor
        torch.testing.assert_close(found.loss.detach(), expected.detach())
        found.loss.backward()
        optimizer.step()
        anchors.append(float(found.anchor))
    assert anchors[-1] < 0.5 * anchors[0]


def test_features_without_coarse_tokens_change_nothing(tiny_model: Tiny) -> None:
    model, ids = tiny_model(), torch.randint(4, 10, (4, 5))
    found = model(input_ids=ids, features=torch.randn(4, 3))
    assert found.anchor is None


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"n_latent": 2, "n_coarse": 3}, "n_coarse must be 0 to n_latent, not 3"),
        ({"n_coarse": 1, "fine_drown": 0.6}, "fine_drown must be at most 0.5"),
        ({"anchor_weight": 1.0}, "anchor_weight must be 0 where n_coarse is 0"),
        ({"n_coarse": 1, "anchor_weight": -1.0}, "anchor_weight must be 0 or more"),
    ],
)
def test_impossible_settings(settings: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        TVAEConfig(**settings)  # type: ignore[arg-type]
