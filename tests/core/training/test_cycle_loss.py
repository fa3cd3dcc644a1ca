"""Cycle losses: what they measure, whom they move, and that training with them runs."""

from __future__ import annotations

import torch

from tvae_core.model.config import TVAEConfig
from tvae_core.model.vae import TransformerVAE
from tvae_core.training.cycle_loss import ROWS, between_items, cycle_loss


def small_model() -> TransformerVAE:
    torch.manual_seed(0)
    config = TVAEConfig(
        vocab_size=20,
        max_length=8,
        d_model=32,
        n_heads=2,
        d_ff=48,
        encoder_blocks=[1, 1],
        decoder_layers=1,
        n_latent=2,
        latent_size=4,
    )
    return TransformerVAE(config)


def test_only_the_encoder_is_moved() -> None:
    model = small_model().train()
    loss = cycle_loss(model, torch.randn(5, 2, 4))
    loss.backward()  # type: ignore[no-untyped-call]
    assert model.training
    assert float(loss.detach()) > 0
    encoder = [w.grad for w in model.encoder.parameters()]
    decoder = [w.grad for w in model.decoder.parameters()]
    assert any(grad is not None and bool(grad.abs().sum() > 0) for grad in encoder)
    assert all(grad is None for grad in decoder)


def test_steps_on_it_lower_it() -> None:
    model = small_model().train()
    codes = torch.randn(ROWS, 2, 4)
    optimizer = torch.optim.Adam(model.readout.parameters(), lr=3e-3)
    seen = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = cycle_loss(model, codes)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        seen.append(float(loss.detach()))
    assert seen[-1] < 0.9 * seen[0]


def test_no_more_than_the_first_rows_are_decoded() -> None:
    model = small_model().train()
    codes = torch.randn(ROWS + 9, 2, 4)
    whole, first = cycle_loss(model, codes), cycle_loss(model, codes[:ROWS])
    assert whole.item() == first.item()


def test_points_between_items_lie_on_the_arcs() -> None:
    codes = torch.nn.functional.normalize(torch.randn(6, 2, 4).flatten(1), dim=1).view(6, 2, 4)
    torch.manual_seed(1)
    points = between_items(codes)
    assert points.shape == codes.shape
    assert torch.allclose(points.flatten(1).norm(dim=1), torch.ones(6), atol=1e-5)
    assert not torch.allclose(points, codes)
