"""Memory: the bytes of all tensors alive, their peak, and those of a real training step.

A step is the forward pass (bf16 autocast, as `Trainer` does it), the backward pass, gradient
clipping, the optimiser, and gradients set to None. The second step is measured, when the
optimiser's state exists. Three ways:

- `fake`: tensors without data (`FakeTensorMode`). Every operation of the step runs on shapes
  alone, so a 12 GiB card is measured on a laptop. Attention takes the fused kernel, as on a GPU;
  windows take the CPU's blocked product, which holds more than a GPU's FlexAttention.
- `cpu`: real tensors on the CPU, tracked in the same way.
- `cuda`: the allocator's own peak; where the card has too little, the step raises
  `torch.OutOfMemoryError`.

The first two count storages as they come and go (`LiveBytes`). They do not count the
CUDA context, workspaces of cuBLAS and of fused kernels, memory inside one operation, or what the
allocator loses by rounding and fragmentation: leave a reserve for those.

torch's own `MemTracker` (torch.distributed._tools) counts the same bytes (the tests compare the
two), but attributes every operation to every module and takes four times as long.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from tvae_core.model.config import TVAEConfig
from tvae_core.model.layers import fused_attention
from tvae_core.model.vae import TransformerVAE
from tvae_core.training.optimizers import MuonWithAdamW
from tvae_core.training.presets import TrainSettings

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


WAYS = ("fake", "cpu", "cuda")
GIB = 2**30
FIRST_TOKEN = 4
"""Entries of the vocabulary below it are special."""


@dataclass(frozen=True)
class StepMemory:
    """Peak of a training step in bytes, and what was held at that moment.

    `activations` are all that is neither weights, nor their gradients, nor the optimiser's: what
    the backward pass waits for, gradients of activations, temporaries and inputs.
    """

    peak: int
    parameters: int
    gradients: int
    optimiser: int
    activations: int

    def describe(self) -> str:
        """The parts in GiB, largest first."""
        parts = {
            "parameters": self.parameters,
            "gradients": self.gradients,
            "optimiser state": self.optimiser,
            "activations": self.activations,
        }
        ordered = sorted(parts.items(), key=lambda part: -part[1])
        return ", ".join(f"{name} {size / GIB:.2f}" for name, size in ordered) + " GiB"


class StepMeter:
    """A model and its optimiser, ready to be measured at any batch size.

    Args:
        config: architecture.
        settings: checkpointing, optimiser, accumulation, precision (`auto` is bf16 here).
        length: tokens of every sequence, `<eos>` among them, none of them padding.
        way: one of `WAYS`.
    """

    def __init__(
        self, config: TVAEConfig, settings: TrainSettings, length: int, way: str = "fake"
    ) -> None:
        if way not in WAYS:
            raise ValueError(f"memory is measured in the way {', '.join(WAYS)}, not {way!r}")
        if length > config.max_length + 1:
            raise ValueError(f"length {length} is above max_length {config.max_length}")
        self.settings, self.length, self.way = settings, length, way
        self.device = "cuda" if way == "cuda" else "cpu"
        self._fake = FakeTensorMode() if way == "fake" else None
        with self._mode():
            with torch.device(self.device):
                model = TransformerVAE(config)
            self.model: TransformerVAE = model.train()
            model.set_checkpointing(
                settings.gradient_checkpoint_encoder, settings.decoder_grad_chk_pnt_rate
            )
            # bf16 as on the card; a fake product cannot be timed
            self.optimiser = make_optimiser(model, settings, torch.bfloat16)
            self._step(2)
        model.recent_count = config.mmd_memory

    def measure(self, batch: int) -> StepMemory:
        """The peak of a step on `batch` sequences.

        Raises:
            torch.OutOfMemoryError: on a card with too little memory.
        """
        tracker = LiveBytes()
        with self._mode():
            hooks = tracker.follow(self.model, self.optimiser)
            try:
                if self.device == "cuda":
                    torch.cuda.empty_cache()
                    torch.cuda.reset_peak_memory_stats()
                with tracker:
                    self._step(batch)
            finally:
                for hook in hooks:
                    hook.remove()
        known = {kind: size for kind, size in tracker.at_peak.items() if kind != "activations"}
        peak = torch.cuda.max_memory_allocated() if self.device == "cuda" else tracker.peak
        return StepMemory(peak, **known, activations=peak - sum(known.values()))

    def discard(self) -> None:
        """Frees what a step that ran out of memory has left behind."""
        self.optimiser.zero_grad(set_to_none=True)
        if self.device == "cuda":
            torch.cuda.empty_cache()

    @contextmanager
    def _mode(self) -> Iterator[None]:
        if self._fake is None:
            yield
            return
        with self._fake, _NothingIsZero(), fused_attention():
            yield

    def _step(self, batch: int) -> None:
        half = self.settings.precision != "fp32"
        # with accumulation the earlier batches' gradients are there while the next is worked on
        for _ in range(min(2, self.settings.gradient_accumulation_steps)):
            shape = (batch, max(1, self.length - 1))
            ids = torch.randint(
                FIRST_TOKEN, self.model.config.vocab_size, shape, device=self.device
            )
            keep = torch.ones(shape, dtype=torch.long, device=self.device)
            with torch.autocast(self.device, torch.bfloat16, enabled=half):
                loss: Tensor = self.model(ids, keep).loss
            loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.max_grad_norm)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)


class _NothingIsZero(TorchDispatchMode):
    """Answers `nonzero`, whose shape depends on data, with every position: nothing is padding."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is torch.ops.aten.nonzero.default:
            return args[0].new_empty((args[0].numel(), args[0].dim()), dtype=torch.long)
        return func(*args, **(kwargs or {}))


def make_optimiser(
    model: TransformerVAE, settings: TrainSettings, kind: torch.dtype | None = None
) -> torch.optim.Optimizer:
    """The optimiser that training with these settings uses; `kind` is the type of Muon."""
    if settings.optimizer == "adafactor":
        from transformers.optimization import Adafactor

        return Adafactor(
            model.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            scale_parameter=False,
            relative_step=False,
        )
    if settings.optimizer == "muon":
        return MuonWithAdamW(
            model,
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            beta2=settings.adam_beta2,
            kind=kind,
        )
    return torch.optim.AdamW(
        model.parameters(),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        betas=(0.9, settings.adam_beta2),
        fused=True,
    )
