"""Tracked peaks of calls."""

from __future__ import annotations

import torch

from tvae_core.bench.memory import tracked_peak

MEGABYTE = 2**20


def work() -> None:
    first = torch.ones(MEGABYTE, dtype=torch.uint8)
    del first
    second, third = (torch.ones(3 * MEGABYTE, dtype=torch.uint8) for _ in range(2))
    del second, third


def test_what_is_held_at_once() -> None:
    assert tracked_peak(work, "cpu") == 6 * MEGABYTE


def test_what_is_given_counts() -> None:
    given = torch.ones(2 * MEGABYTE, dtype=torch.uint8)
    assert tracked_peak(work, "cpu", given) == 8 * MEGABYTE


def test_backward_counts() -> None:
    x = torch.ones(MEGABYTE // 4, requires_grad=True)

    def both_ways() -> None:
        (x * x).sum().backward()

    assert tracked_peak(both_ways, "cpu", x) >= 3 * MEGABYTE
