"""The tiled form of MMD is the same number."""

from __future__ import annotations

import pytest
import torch

from tvae_core.bench.baseline import tiled_bytes, tiled_distances, tiled_mmd
from tvae_core.model.mmd import mmd, squared_distances


@pytest.mark.parametrize("chunk", [None, 1, 3, 100])
def test_distances(chunk: int | None) -> None:
    x, y = torch.randn(7, 5, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    torch.testing.assert_close(tiled_distances(x, y, chunk), squared_distances(x, y))


@pytest.mark.parametrize("name", ["original", "multiscale"])
def test_value_and_gradient(name: str) -> None:
    x = (1.3 * torch.randn(20, 9, dtype=torch.float64)).requires_grad_()
    y = torch.randn(15, 9, dtype=torch.float64)
    ours, tiled = mmd(x, y, name), tiled_mmd(x, y, name, chunk=4)
    torch.testing.assert_close(ours, tiled)
    grads = [torch.autograd.grad(value, x)[0] for value in (ours, tiled)]
    torch.testing.assert_close(*grads)


def test_bytes() -> None:
    assert tiled_bytes(4096, 385) == 4096**2 * 385 * 4
