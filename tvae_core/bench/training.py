"""The two sides of `bench train`: each is built in its own process and runs the same rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from tvae_core.bench.ceiling import ceiling
from tvae_core.bench.loading import RealBatches
from tvae_core.bench.steps import (
    Batch,
    OriginalStep,
    OurStep,
    padded,
    parameters,
    run_all,
    seconds,
    synchronise,
)
from tvae_core.model.config import TVAEConfig
from tvae_core.support.command_line import reuse_memory
from tvae_core.training.presets import TrainSettings

UNPADDED = "no padding"


@dataclass(frozen=True)
class Plan:
    """What both processes work on.

    Attributes:
        config: architecture.
        settings: of training.
        device: `cpu` or `cuda`.
        length: tokens of a full row, its `<eos>` included.
        rows: bare tokens, batches of rows.
        data: prepared set they come from, or an empty string.
        batch_size: rows a batch.
        seed: of data and weights.
        own: the baseline as the original ran it, see `baseline`.
    """

    config: TVAEConfig
    settings: TrainSettings
    device: str
    length: int
    rows: list[list[list[int]]]
    data: str
    batch_size: int
    seed: int
    own: bool = False

    @property
    def items(self) -> int:
        """Rows of a run."""
        return sum(len(batch) for batch in self.rows)

    @property
    def tokens(self) -> int:
        """Tokens of a run that are no padding, `<eos>` included."""
        return sum(len(row) + 1 for batch in self.rows for row in batch)


class OurTraining:
    """Our side: runs the plan's batches in a variant such as `bf16, no padding`."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.waited, self.spent = plan, 0.0, 0.0
        reuse_memory()  # as the trainer does
        self.step = OurStep(plan.config, plan.settings, plan.device)
        self.batches = [padded(rows, plan.length - 1) for rows in plan.rows]
        self.real = None
        if plan.data:
            where = (plan.data, plan.config, plan.length, plan.batch_size)
            self.real = RealBatches(*where, len(plan.rows), plan.seed)

    def time(self, variant: str) -> float:
        """Seconds of a run over all batches; without padding, the loader's time included."""
        precision = variant[:4]
        if UNPADDED not in variant:
            return seconds(partial(run_all, self._step(precision), self.batches), self.plan.device)
        assert self.real is not None
        start = last = time.perf_counter()
        for batch in self.real.loader():
            self.waited += time.perf_counter() - last
            self.step(batch, precision)
            synchronise(self.plan.device)
            last = time.perf_counter()
        self.spent += last - start
        return last - start

    def _step(self, precision: str) -> Callable[[Batch], None]:
        return partial(self.step, precision=precision)

    def loader_share(self) -> float:
        """Share of the time without padding in which the step waited for its batch."""
        return self.waited / self.spent

    def flops(self, variant: str) -> int:
        """Model FLOPs of a run, see `OurStep.flops`."""
        if UNPADDED in variant and self.real is not None:
            return sum(self.step.flops(batch) for batch in self.real.loader())
        return sum(self.step.flops(batch) for batch in self.batches)

    def ceiling(self, precision: str, sizes: Sequence[int]) -> float:
        """FLOP/s of large matrix products in this process."""
        return ceiling(precision, self.plan.device, sizes)

    def size(self) -> int:
        """Parameters."""
        return parameters(self.step.model)


class OriginalTraining:
    """The baseline's side: the same rows, padded to the plan's length, in fp32."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.step = OriginalStep(plan.config, plan.settings, plan.device, plan.own)
        end = plan.config.eos_token_id
        self.batches = [padded(rows, plan.length, end) for rows in plan.rows]

    def time(self) -> float:
        """Seconds of a run over all batches."""
        return seconds(partial(run_all, self.step, self.batches), self.plan.device)

    def size(self) -> int:
        """Parameters."""
        return parameters(self.step.model)
