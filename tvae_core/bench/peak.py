"""The peak memory of any call: what it allocates on top of what it is given."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tvae_core.bench.live_bytes import LiveBytes


def tracked_peak(work: Callable[[], object], device: str, *given: nn.Module | Tensor) -> int:
    """Peak bytes held during a call.

    On CUDA the allocator's own peak; on a CPU the tensors that come and go, see `LiveBytes` (no
    memory inside one operation).

    Args:
        work: the call.
        device: `cpu` or `cuda`.
        *given: modules and tensors that exist before it, and count.
    """
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        work()
        torch.cuda.synchronize()
        return int(torch.cuda.max_memory_allocated())
    tracker = LiveBytes()
    for thing in given:
        held = [thing] if isinstance(thing, Tensor) else [*thing.parameters(), *thing.buffers()]
        for tensor in held:
            tracker.see(tensor)
    with tracker:
        work()
    return tracker.peak
