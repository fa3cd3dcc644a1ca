"""Trainings that are compared to the last digits run in fp64, where those of sums do not count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch


@contextmanager
def in_fp64() -> Iterator[None]:
    """Inside, weights are made in fp64, and what is computed in fp32 elsewhere is, too."""
    before = torch.get_default_dtype()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "float", torch.Tensor.double)
        torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(before)
