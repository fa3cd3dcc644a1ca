"""What this machine has and does fast: cores, threads, memory, bf16, scikit-learn."""

from __future__ import annotations

import functools
import importlib.util
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


PROBE_SIZE = 256
"""Rows of the square matrices whose product is timed; a width that small models have."""
PROBE_TRIES = 7
MARGIN = 1.25
"""How much faster than fp32 a product in bf16 has to be, so that a probe always says the same."""


def multiplies_bf16_fast(device: str = "cpu") -> bool:
    """Whether bf16 is the faster type for matrix products here, measured once a process.

    Processors with bf16 instructions are two to eight times as fast in it; without them (AVX2, most
    laptops) a product in bf16 takes thirty times as long as in fp32.

    Args:
        device: `cpu` or `cuda`, whose driver is asked instead.
    """
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return _probe(torch.get_num_threads())


@functools.cache
def _probe(threads: int) -> bool:
    import torch

    taken = {kind: seconds_of_product(kind) for kind in (torch.float32, torch.bfloat16)}
    return taken[torch.float32] > MARGIN * taken[torch.bfloat16]


def seconds_of_product(
    kind: torch.dtype, size: int = PROBE_SIZE, tries: int = PROBE_TRIES
) -> float:
    """Seconds of the fastest of some products of two square matrices of a type, on the CPU."""
    import torch

    # not random: a training's random numbers must not depend on when it is asked
    matrix = torch.full((size, size), 0.5, dtype=kind)
    matrix @ matrix
    best = float("inf")
    for _ in range(tries):
        start = time.perf_counter()
        matrix @ matrix
        best = min(best, time.perf_counter() - start)
    return best


def available_cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_threads(threads: int | None) -> int:
    """Sets torch's CPU threads: the given number, or what `OMP_NUM_THREADS` or the machine has."""
    import torch

    count = threads or int(os.environ.get("OMP_NUM_THREADS") or 0)
    count = count or available_cores()
    torch.set_num_threads(count)
    return count


def reuse_memory() -> bool:
    """Keeps freed memory for the next step instead of giving it back (glibc; else does nothing).

    A training step on a CPU frees and asks for the same hundreds of megabytes each time; glibc
    would return large blocks to the system and have them zeroed again, which took 13% of a
    step (105M parameters, 32 rows of 30 tokens, bf16).

    Returns:
        Whether it was done.
    """
    import ctypes

    mmap_max, trim_threshold, top_pad = -4, -1, -2
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    wanted = ((mmap_max, 0), (trim_threshold, 2**31 - 1), (top_pad, 64 << 20))
    done = [mallopt(option, value) == 1 for option, value in wanted]
    return all(done)


def has_scikit_learn() -> bool:
    """Whether scikit-learn is installed."""
    return importlib.util.find_spec("sklearn") is not None
