"""The loss in pieces against cross-entropy of whole logits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import tvae_core.model.loss as loss_module
from tvae_core.model.loss import IGNORED, look_up, token_loss


def problem(n: int = 23, vocab: int = 11, size: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(n, size, generator=generator, dtype=torch.float64)
    weight = torch.randn(vocab, size, generator=generator, dtype=torch.float64)
    targets = torch.randint(0, vocab, (n,), generator=generator)
    targets[1::2] = (states @ weight.T).argmax(-1)[1::2]
    targets[::4] = targets[1] = IGNORED
    return states.requires_grad_(), weight.requires_grad_(), targets


@pytest.mark.parametrize("piece", [1 << 25, 40, 11, 1])
def test_pieces_add_up(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_module, "_PIECE", piece)
    states, weight, targets = problem()
    loss, right = token_loss(states, weight, targets)
    logits = F.linear(states, weight)
    expected = F.cross_entropy(logits, targets, ignore_index=IGNORED)
    torch.testing.assert_close(loss, expected)
    assert torch.equal(right, logits.argmax(-1) == targets)
    assert 0 < right.sum() < len(right)
    own = torch.autograd.grad(3 * loss, (states, weight))
    theirs = torch.autograd.grad(3 * expected, (states, weight))
    torch.testing.assert_close(own, theirs)


def test_without_gradients_it_only_counts() -> None:
    states, weight, targets = problem()
    with torch.no_grad():
        loss, right = token_loss(states, weight, targets)
    assert not loss.requires_grad
    torch.testing.assert_close(loss, token_loss(states, weight, targets)[0].detach())
    assert right.dtype == torch.bool


def test_nothing_to_count_is_no_loss() -> None:
    states, weight, _ = problem()
    loss, right = token_loss(states, weight, torch.full((23,), IGNORED))
    assert float(loss.detach()) == 0
    assert not right.any()
    loss.backward()
    assert not states.grad.any()


def test_bf16_logits_are_summed_in_fp32() -> None:
    states, weight, targets = (x.detach() for x in problem(400, 50, 32))
    low, wide = states.float().requires_grad_(), weight.float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = token_loss(low, wide, targets)
    loss.backward()
    assert loss.dtype == torch.float32
    exact = F.cross_entropy(states @ weight.T, targets, ignore_index=IGNORED)
    assert float(loss.detach()) == pytest.approx(float(exact), rel=5e-3)
    assert wide.grad.dtype == torch.float32


def test_a_loss_goes_back_once() -> None:
    states, weight, targets = problem()
    loss, _ = token_loss(states, weight, targets)
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="already"):
        loss.backward()


def test_a_tied_embedding_has_the_gradient_of_both_its_uses() -> None:
    _, weight, targets = problem()
    ids = torch.randint(0, 11, (23,), generator=torch.Generator().manual_seed(1))
    rows, tied = look_up(weight, ids, 3.0)
    loss, _ = token_loss(rows.tanh(), tied, targets)
    plain = F.embedding(ids, weight) * 3
    expected = F.cross_entropy(F.linear(plain.tanh(), weight), targets, ignore_index=IGNORED)
    torch.testing.assert_close(loss, expected)
    own, theirs = (torch.autograd.grad(x, weight)[0] for x in (loss, expected))
    torch.testing.assert_close(own, theirs)


def test_rows_alone_have_a_gradient_too() -> None:
    _, weight, _ = problem()
    ids = torch.tensor([1, 1, 4])
    rows, _ = look_up(weight, ids, 2.0)
    rows.sum().backward()
    assert weight.grad.sum(1).tolist() == [0, 24, 0, 0, 12, *[0] * 6]
