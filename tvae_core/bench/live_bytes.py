"""`LiveBytes`: the bytes of all tensors alive, their peak, and what they were for.

torch's own `MemTracker` (torch.distributed._tools) counts the same bytes (the tests compare the
two), but attributes every operation to every module and takes four times as long.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

KINDS = ("parameters", "gradients", "optimiser", "activations")


class LiveBytes(TorchDispatchMode):
    """Counts storages, each once however many tensors view it, from first sight until freed.

    Works for real and for fake tensors. Storages that are resized in place are not followed.

    Attributes:
        now: bytes alive by kind, one of `KINDS`.
        peak: the most bytes that were alive at once.
        at_peak: `now` at that moment.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = dict.fromkeys(KINDS, 0)
        self.peak = 0
        self.at_peak = dict(self.now)
        self._total = 0
        self._alive: dict[int, tuple[int, str, weakref.ref[torch.UntypedStorage]]] = {}

    def see(self, tensor: Tensor, kind: str = "activations", again: bool = False) -> None:
        """Counts the tensor's storage as of that kind, unless it is counted already.

        Args:
            again: give a storage that is counted already the new kind.
        """
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._alive:
            if again:
                size, before, reference = self._alive[key]
                self._alive[key] = size, kind, reference
                self.now[before] -= size
                self.now[kind] += size
            return
        size = storage.nbytes()
        self._alive[key] = size, kind, weakref.ref(storage, lambda _: self._freed(key))
        self.now[kind] += size
        self._total += size
        if self._total > self.peak:
            self.peak, self.at_peak = self._total, dict(self.now)

    def follow(self, model: torch.nn.Module, optimiser: torch.optim.Optimizer) -> list[Any]:
        """Counts weights, buffers, gradients and the optimiser's state.

        Returns:
            Handles of the hooks that mark new gradients, to be removed after the step.
        """
        for weight in model.parameters():
            self.see(weight, "parameters")
            if weight.grad is not None:
                self.see(weight.grad, "gradients")
        for buffer in model.buffers():
            self.see(buffer)
        for state in optimiser.state.values():
            for value in state.values():
                if isinstance(value, Tensor):
                    self.see(value, "optimiser")
        return [
            weight.register_post_accumulate_grad_hook(self._mark) for weight in model.parameters()
        ]

    def _mark(self, weight: Tensor) -> None:
        if weight.grad is not None:
            self.see(weight.grad, "gradients", again=True)

    def _freed(self, key: int) -> None:
        size, kind, _ = self._alive.pop(key)
        self.now[kind] -= size
        self._total -= size

    def __torch_dispatch__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in (result,) if isinstance(result, Tensor) else tree_iter(result):
            if isinstance(value, Tensor):
                self.see(value)
        return result
