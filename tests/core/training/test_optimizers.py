"""Muon beside AdamW: which parameters go where, what a step does, and its state."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from tvae_core.model.vae import TransformerVAE
from tvae_core.training.optimizers import MuonWithAdamW, orthogonalised, split_parameters

Tiny = Callable[..., TransformerVAE]


def backward(model: TransformerVAE, seed: int = 0) -> float:
    torch.manual_seed(seed)
    ids = torch.randint(4, 10, (6, 7))
    loss = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=ids).loss
    assert loss is not None
    loss.backward()
    return float(loss.detach())


def test_every_parameter_goes_to_one_half(tiny_model: Tiny) -> None:
    model = tiny_model(0)
    matrices, rest = split_parameters(model)
    ids = [id(p) for p in (*matrices, *rest)]
    assert len(ids) == len(set(ids))
    assert set(ids) == {id(p) for p in model.parameters()}
    names = {id(p): name for name, p in model.named_parameters()}
    assert "embed.weight" in {names[id(p)] for p in rest}
    assert {names[id(p)] for p in matrices} >= {
        "decoder.layers.0.attention.q_proj.weight",
        "encoder.blocks.0.0.ff.in_proj.weight",
    }
    assert all(p.ndim == 2 for p in matrices)


def test_frozen_parameters_are_left_alone(tiny_model: Tiny) -> None:
    model = tiny_model(0)
    model.embed.weight.requires_grad_(False)
    optimizer = MuonWithAdamW(model, lr=1e-2)
    before = model.embed.weight.clone()
    backward(model)
    optimizer.step()
    assert torch.equal(model.embed.weight, before)


def test_a_matrix_moves_by_a_nearly_orthogonal_step_of_the_size_of_adamw(tiny_model: Tiny) -> None:
    model = tiny_model(0)
    weight = model.decoder.layers[0].ff.in_proj.weight
    before = weight.detach().clone()
    optimizer = MuonWithAdamW(model, lr=1e-2, weight_decay=0.0)
    backward(model)
    optimizer.step()
    step = torch.linalg.svdvals(weight.detach() - before) / (1e-2 * 0.2 * max(weight.shape) ** 0.5)
    assert float(step.max()) < 1.3
    assert float(step.median()) > 0.5


def test_steps_lower_the_loss(tiny_model: Tiny) -> None:
    model = tiny_model(0, dropout=0.0)
    optimizer = MuonWithAdamW(model, lr=1e-2)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        losses.append(backward(model))
        optimizer.step()
    assert losses[-1] < losses[0] - 0.2


def test_a_schedule_reaches_both_halves(tiny_model: Tiny) -> None:
    optimizer = MuonWithAdamW(tiny_model(0), lr=1e-2)
    optimizer.load_state_dict(optimizer.state_dict())
    for group in optimizer.param_groups:
        group["lr"] = 5e-3
    assert [part.param_groups[0]["lr"] for part in optimizer.parts] == [5e-3, 5e-3]


def test_a_state_of_another_optimiser_is_refused(tiny_model: Tiny) -> None:
    model = tiny_model(0)
    optimizer = MuonWithAdamW(model, lr=1e-2)
    other = torch.optim.AdamW(model.parameters(), lr=1e-2)
    with pytest.raises(ValueError, match="not one of Muon with AdamW"):
        optimizer.load_state_dict(other.state_dict())


def test_both_types_take_nearly_the_same_step(tiny_model: Tiny) -> None:
    steps = {}
    for kind in (torch.float32, torch.bfloat16):
        model = tiny_model(0)
        weight = model.decoder.layers[0].ff.in_proj.weight
        before = weight.detach().clone()
        optimizer = MuonWithAdamW(model, lr=1e-2, kind=kind)
        for seed in range(3):
            optimizer.zero_grad()
            backward(model, seed)
            optimizer.step()
        steps[kind] = (weight.detach() - before).flatten()
    likeness = torch.cosine_similarity(steps[torch.float32], steps[torch.bfloat16], dim=0)
    assert float(likeness) > 0.99


def test_a_run_goes_on_in_the_other_type(tiny_model: Tiny) -> None:
    model = tiny_model(0)
    saved = MuonWithAdamW(model, lr=1e-2, kind=torch.bfloat16)
    backward(model)
    saved.step()
    resumed = MuonWithAdamW(model, lr=1e-2, kind=torch.float32)
    resumed.load_state_dict(saved.state_dict())
    (mean,) = {id(p): s for p, s in saved.parts[0].state.items()}[
        id(model.decoder.layers[0].ff.in_proj.weight)
    ].values()
    again = resumed.parts[0].state[model.decoder.layers[0].ff.in_proj.weight]["momentum_buffer"]
    assert torch.equal(mean, again)
    backward(model)
    resumed.step()


def test_the_iteration_is_that_of_torch() -> None:
    matrix = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
    found = orthogonalised(matrix, (3.4445, -4.7750, 2.0315), 5, 1e-7)
    assert (found.shape, found.dtype) == (matrix.shape, torch.float32)
    theirs = torch.nn.Parameter(torch.zeros(12, 5))
    theirs.grad = matrix.clone()
    torch.optim.Muon([theirs], lr=1.0, weight_decay=0.0, momentum=0.0, adjust_lr_fn=None).step()
    assert torch.allclose(-theirs.detach() / (12 / 5) ** 0.5, found, atol=0.05)


@pytest.mark.parametrize("fast", [True, False])
def test_the_type_is_the_faster_one_here(
    tiny_model: Tiny, monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    monkeypatch.setattr("tvae_core.training.optimizers.multiplies_bf16_fast", lambda device: fast)
    optimizer = MuonWithAdamW(tiny_model(0), lr=1e-2)
    assert optimizer.kind == (torch.bfloat16 if fast else torch.float32)
