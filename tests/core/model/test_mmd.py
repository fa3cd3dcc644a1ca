"""MMD against the plain double sum of its definition, and what it does and does not see."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tvae_core.model.mmd import latent_mmd, mmd, moment_mmd, weight_at


def one(x: Tensor, y: Tensor, name: str) -> Tensor:
    """The kernel of two single codes, written out."""
    size, distance = len(x), ((x - y) ** 2).sum()
    if name == "original":
        return torch.exp(-((x - y) ** 2).mean() / size)
    bases = [2 * size * scale for scale in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)]
    return sum((base / (base + distance) for base in bases), torch.zeros(())) / len(bases)


def double_sum(x: Tensor, y: Tensor, name: str) -> Tensor:
    """The unbiased estimate of Gretton et al. 2012, equation 3, pair by pair."""

    def mean(a: Tensor, b: Tensor, same: bool) -> Tensor:
        values = [
            one(a[i], b[j], name)
            for i in range(len(a))
            for j in range(len(b))
            if not (same and i == j)
        ]
        return torch.stack(values).mean()

    return mean(x, x, True) + mean(y, y, True) - 2 * mean(x, y, False)


@pytest.mark.parametrize("name", ["multiscale", "original"])
def test_the_estimate_and_its_gradient_by_definition(name: str) -> None:
    x, y = torch.randn(6, 3, dtype=torch.float64) * 2 + 0.5, torch.randn(9, 3, dtype=torch.float64)
    own, theirs = (x.clone().requires_grad_() for _ in range(2))
    value, expected = mmd(own, y, name), double_sum(theirs, y, name)
    torch.testing.assert_close(value, expected)
    value.backward()
    expected.backward()
    torch.testing.assert_close(own.grad, theirs.grad)


def repeated(make: object, n: int, repeats: int, name: str = "multiscale") -> tuple[float, float]:
    """Mean of the estimate over fresh draws, and its standard error."""
    values = torch.stack([mmd(make(n), torch.randn(n, 8), name) for _ in range(repeats)])  # type: ignore[operator]
    return float(values.mean()), float(values.std()) / math.sqrt(repeats)


@pytest.mark.parametrize("name", ["multiscale", "original"])
def test_equal_distributions_have_none_on_average(name: str) -> None:
    mean, error = repeated(lambda n: torch.randn(n, 8), 30, 300, name)
    assert abs(mean) < 4 * error


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x + 0.5,
        lambda x: x * 0.6,
        lambda x: x * 1.6,
        lambda x: x.tanh(),
        lambda x: torch.cat((x[:, :2] * 2, x[:, 2:] * 0), 1),
        lambda x: x.sign() * x.square().mean(1, keepdim=True).sqrt() + 1.0 * (x[:, :1] > 0),
    ],
    ids=["shifted", "narrow", "wide", "tanh", "two-dimensional", "two modes"],
)
def test_other_distributions_have_some(change: object) -> None:
    mean, error = repeated(lambda n: change(torch.randn(n, 8)), 60, 60)  # type: ignore[operator]
    assert mean > 5 * error


@pytest.mark.parametrize("name", ["multiscale", "original"])
def test_memory_gives_the_gradient_of_one_large_batch(name: str) -> None:
    """Of a batch of `n + k` codes, `n` carry the gradient, so each counts `(n + k) / n` times."""
    n, k = 5, 11
    x = (torch.randn(n, 4, dtype=torch.float64) + 1).requires_grad_()
    memory, y = torch.randn(k, 4, dtype=torch.float64) * 2, torch.randn(20, 4, dtype=torch.float64)
    mmd(x, y, name, memory).backward()
    large = torch.cat((x.detach(), memory)).requires_grad_()
    mmd(large, y, name).backward()
    torch.testing.assert_close(x.grad, large.grad[:n] * (n + k) / n)


def test_memory_gives_the_moments_gradient_of_one_large_batch() -> None:
    n, k = 5, 11
    x = (torch.randn(n, 4, dtype=torch.float64) + 1).requires_grad_()
    memory = torch.randn(k, 4, dtype=torch.float64) * 2
    moment_mmd(x, memory).backward()
    large = torch.cat((x.detach(), memory)).requires_grad_()
    moment_mmd(large).backward()
    torch.testing.assert_close(x.grad, large.grad[:n] * (n + k) / n)


@pytest.mark.parametrize("moment", [False, True])
def test_memory_leaves_the_value_unbiased(moment: bool) -> None:
    values = []
    for _ in range(250):
        x, memory = torch.randn(6, 8), torch.randn(40, 8)
        values.append(
            moment_mmd(x, memory) if moment else mmd(x, torch.randn(30, 8), memory=memory)
        )
    found = torch.stack(values)
    assert abs(float(found.mean())) < 4 * float(found.std()) / math.sqrt(300)


def test_memory_has_no_gradient_of_its_own() -> None:
    x, memory = torch.randn(4, 3, requires_grad=True), torch.randn(7, 3, requires_grad=True)
    kept = memory.detach()
    (mmd(x, torch.randn(9, 3), memory=kept) + moment_mmd(x, kept)).backward()
    assert x.grad is not None
    assert memory.grad is None


@pytest.mark.parametrize("rank", [8, 4])
def test_moments_are_the_error_of_the_second_moments(rank: int) -> None:
    size = 8
    mixing = torch.zeros(size, size)
    mixing[:rank, :rank] = torch.eye(rank) * math.sqrt(size / rank)
    mixing = mixing + 0.1 * torch.randn(size, size)
    x = torch.randn(20_000, size) @ mixing.T + 0.2
    second = x.T @ x / len(x)
    expected = (second - torch.eye(size)).square().sum() / size
    values = torch.stack([moment_mmd(part) for part in x.split(2000)])
    error = float(values.std()) / math.sqrt(len(values))
    assert float(values.mean()) == pytest.approx(float(expected), abs=4 * error + 0.02)


def test_moments_are_exact_by_pairs() -> None:
    x = torch.randn(5, 3, dtype=torch.float64)
    pairs = [(x[i] @ x[j]) ** 2 for i in range(5) for j in range(5) if i != j]
    expected = (torch.stack(pairs).mean() - 2 * x.square().sum(1).mean() + 3) / 3
    torch.testing.assert_close(moment_mmd(x), expected)


def test_moments_catch_the_half_rank_code_that_distances_hardly_show() -> None:
    """All variance on half of the dimensions: distances stay as they were on average."""
    size, n = 64, 256
    half = torch.zeros(n, size)
    half[:, : size // 2] = torch.randn(n, size // 2) * math.sqrt(2)
    full = torch.randn(n, size)
    assert float(moment_mmd(half)) == pytest.approx(1.0, abs=0.15)
    assert abs(float(moment_mmd(full))) < 0.15
    assert float(mmd(half, torch.randn(n, size))) < 0.01
    wide = mmd(full * 2, torch.randn(n, size))
    assert float(wide) > 10 * float(mmd(half, torch.randn(n, size)))


@pytest.mark.parametrize("scope", ["joint", "token", "both"])
def test_scopes(scope: str) -> None:
    """Tokens that are copies of each other are normal one by one, and not so together."""
    token = torch.randn(400, 1, 4)
    copies, apart = token.expand(-1, 3, -1), torch.randn(400, 3, 4)
    found = float(latent_mmd(copies, scope)) - float(latent_mmd(apart, scope))
    assert (found < 0.004) if scope == "token" else (found > 0.01)


def test_both_scopes_are_their_sum() -> None:
    latents, memory = torch.randn(6, 3, 4), torch.randn(9, 3, 4)
    values = {}
    for scope in ("joint", "token", "both"):
        torch.manual_seed(1)
        values[scope] = latent_mmd(latents, scope, memory=memory)
    torch.testing.assert_close(values["both"], values["joint"] + values["token"])


def test_the_moment_term_is_added_with_its_weight() -> None:
    latents = torch.randn(6, 3, 4) * 2
    values = []
    for moment in (0.0, 0.3):
        torch.manual_seed(1)
        values.append(latent_mmd(latents, "joint", moment=moment))
    torch.testing.assert_close(values[1] - values[0], 0.3 * moment_mmd(latents.flatten(1)))


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_codes_give_zero_with_a_gradient(n: int) -> None:
    latents = torch.randn(n, 2, 3, requires_grad=True)
    value = latent_mmd(latents, "both", moment=1.0)
    assert float(value.detach()) == 0
    value.backward()
    assert torch.equal(latents.grad, torch.zeros(n, 2, 3))


def test_descent_turns_any_codes_normal() -> None:
    torch.manual_seed(0)
    codes = (torch.rand(100, 1, 4) * 0.3 + 2).requires_grad_()
    optimiser = torch.optim.Adam([codes], lr=0.1)
    for _ in range(250):
        optimiser.zero_grad()
        latent_mmd(codes, "joint", moment=0.2).backward()
        optimiser.step()
    flat = codes.detach().flatten(1)
    assert flat.mean(0).abs().max() < 0.35
    assert (torch.cov(flat.T) - torch.eye(4)).abs().max() < 0.35


def test_the_weight_warms_up() -> None:
    found = [weight_at(step, 10, 4.0) for step in (0, 1, 5, 10, 99)]
    assert found == pytest.approx([0.0, 0.4, 2.0, 4.0, 4.0])
    assert weight_at(0, 0, 4.0) == 4.0
