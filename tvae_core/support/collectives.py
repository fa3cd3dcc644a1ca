"""Training in several processes: what one step must know of the whole batch.

Every process has an equal share of the rows of one batch. Draws are made for the whole batch and
the share kept, sums and codes are gathered, and so a step gives the losses and the gradients that
one process gives on all rows. Gradients are averaged over processes afterwards, by DDP or FSDP.

Without `torch.distributed`, or with one process, everything here is the identity.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from tvae_core.support.machine import available_cores


def expected_world() -> int:
    """Number of processes that `torchrun` started, also before they have met."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def default_threads() -> int | None:
    """CPU threads of a process when nobody says: an equal part of the machine among several."""
    local = int(os.environ.get("LOCAL_WORLD_SIZE") or 1)
    return None if local == 1 else max(1, available_cores() // local)


def finish() -> bool:
    """Parts with the other processes; True in the one that goes on."""
    first = rank() == 0
    if world() > 1:
        dist.barrier()
        dist.destroy_process_group()
    return first


def world() -> int:
    """Number of processes that train together, 1 without `torch.distributed`."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if world() > 1 else 0


def share(rows: int) -> slice:
    """This process's rows of a batch of `rows`; AssertionError if they cannot be shared."""
    own, rest = divmod(rows, world())
    assert not rest, f"{rows} rows cannot be shared by {world()} processes"
    return slice(rank() * own, (rank() + 1) * own)


def draw(make: Callable[..., Tensor], shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Random numbers for this process's rows: those that one process would draw for them.

    Args:
        make: `torch.rand` or `torch.randn`; the state of the generator is the same everywhere.
        shape: `(own rows, ...)`.
        device: where they are wanted.
    """
    whole = shape[0] * world()
    return make((whole, *shape[1:]), device=device)[share(whole)]


def gather(own: Tensor) -> Tensor:
    """Rows of all processes `(world * b, ...)`, in order; a gradient flows to the own ones."""
    if world() == 1:
        return own
    parts = [torch.empty_like(own) for _ in range(world())]
    dist.all_gather(parts, own.detach().contiguous())
    parts[rank()] = own
    return torch.cat(parts)


def gather_vectors(own: Tensor) -> list[Tensor]:
    """Vectors `(n,)` on the CPU of all processes, in order; they may be of different lengths."""
    if world() == 1:
        return [own]
    cuda = dist.get_backend() == "nccl"
    device = torch.device("cuda", torch.cuda.current_device()) if cuda else torch.device("cpu")
    sizes = [torch.zeros(1, dtype=torch.long, device=device) for _ in range(world())]
    dist.all_gather(sizes, torch.tensor([len(own)], device=device))
    padded = torch.zeros(max(map(int, sizes)), dtype=own.dtype, device=device)
    padded[: len(own)] = own.to(device)
    parts = [torch.empty_like(padded) for _ in range(world())]
    dist.all_gather(parts, padded)
    return [part[: int(size)].cpu() for part, size in zip(parts, sizes, strict=True)]


def own_gradient(value: Tensor) -> Tensor:
    """A loss of gathered rows, equal in all processes, with the gradient that averaging leaves.

    Every process has the gradient by its own rows only, and the average over processes
    divides it by their number once more than it should.
    """
    return value if world() == 1 else world() * value - (world() - 1) * value.detach()


def total(own: Tensor) -> Tensor:
    """Sum over processes, with its gradient: every process's loss may depend on it."""
    return own if world() == 1 else _Total.apply(own)  # type: ignore[no-untyped-call]


def mean_over_items(mean: Tensor, items: Tensor) -> Tensor:
    """A mean over own items, weighted so that its average over processes is that over all items.

    Args:
        mean: scalar, mean over this process's items (tokens).
        items: scalar, how many there are.
    """
    if world() == 1:
        return mean
    own = items.to(mean.dtype)
    return mean * (own * world() / total(own.detach()))


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        whole = own.clone()
        dist.all_reduce(whole)
        return whole

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        whole = gradients[0].clone()
        dist.all_reduce(whole)
        return whole
