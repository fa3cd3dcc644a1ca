"""Trains a packed set against the clock: the whole set in memory, a visible loop, saved as it goes.

The learning rate warms up and then falls along a cosine over the time limit, so that a run which is
given nine minutes is at the end of its schedule after nine. Tokens lie on the device and a batch is
gathered there, so nothing is waited for.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tvae_core.data.batches import BucketBatchSampler
from tvae_core.model.config import TVAEConfig
from tvae_core.model.mmd import weight_at
from tvae_core.model.vae import TransformerVAE
from tvae_core.support.files import KIT_FILE, json_text, replacing, write_whole
from tvae_core.train_kit.packed import Packed
from tvae_core.training.optimizers import MuonWithAdamW

STATE = "state.pt"
SAVE_EVERY = 60.0
"""Seconds between saves."""
TOLD_EVERY = 10.0
"""Seconds between lines."""
WIDTHS = 4
"""Batches are padded to a multiple of this, so that few shapes are compiled."""
TRIED = 12
"""Steps that decide whether compiled code is faster."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How a run is bounded.

    Attributes:
        seconds: in all, earlier sessions of the same run included.
        batch_size: items a step.
        learning_rate: at its peak.
        warmup_steps: from nothing to the peak.
        seed: of weights, order and noise.
        compile: `on`, `off`, or `auto`: on a GPU, if steps are faster with it.
        device: `cpu` or `cuda`.
        bf16: whether matrices are multiplied in bf16.
    """

    seconds: float
    batch_size: int
    learning_rate: float
    warmup_steps: int
    seed: int = 0
    compile: str = "auto"
    device: str = "cpu"
    bf16: bool = True


class Batches:
    """Batches of a packed set, gathered on the device, without end."""

    def __init__(self, packed: Packed, batch_size: int, seed: int, device: str) -> None:
        self.device, self.lengths = device, packed.lengths
        self.ids = torch.from_numpy(packed.ids.copy()).to(device)
        self.offsets = torch.from_numpy(packed.offsets).to(device)
        self.row_lengths = torch.from_numpy(packed.lengths.astype(np.int64)).to(device)
        self.sampler = BucketBatchSampler(packed.lengths, batch_size, seed, weights=packed.weights)
        self.features: Tensor | None = None
        if len(packed.featured):
            place = np.full(len(packed), -1, np.int64)
            place[packed.featured] = np.arange(len(packed.featured))
            self.place = torch.from_numpy(place).to(device)
            self.features = torch.from_numpy(packed.features).to(device)
            self.levels = torch.from_numpy(packed.levels).to(device)

    def __len__(self) -> int:
        return len(self.sampler)

    def from_step(self, step: int) -> Iterator[dict[str, Tensor]]:
        """The batches of a run that has taken `step` steps, in the order of its seed."""
        epoch, skip = divmod(step, max(1, len(self.sampler)))
        while True:
            self.sampler.set_epoch(epoch)
            for number, rows in enumerate(self.sampler):
                if number >= skip:
                    yield self.batch(np.asarray(rows))
            epoch, skip = epoch + 1, 0

    def batch(self, rows: Any) -> dict[str, Tensor]:
        """Rows as `input_ids` and `attention_mask` `(b, width)`, and `features` `(b, size)`."""
        width = -(-int(self.lengths[rows].max()) // WIDTHS) * WIDTHS
        chosen = torch.from_numpy(rows).to(self.device)
        reach = torch.arange(width, device=self.device)
        keep = reach < self.row_lengths[chosen, None]
        places = torch.where(keep, self.offsets[chosen, None] + reach, 0)
        found = {"input_ids": self.ids[places].long() * keep, "attention_mask": keep.long()}
        if self.features is not None:
            found["features"] = self._features(chosen)
        return found

    def _features(self, chosen: Tensor) -> Tensor:
        assert self.features is not None
        place = self.place[chosen]
        packed = self.features[place.clamp(min=0)]
        pairs = torch.stack((packed & 15, packed >> 4), -1).flatten(1).long()
        return self.levels[pairs].masked_fill((place < 0)[:, None], math.nan)


@dataclass(slots=True)
class Progress:
    """Where a run is."""

    step: int = 0
    seconds: float = 0.0


class KitRun:
    """A run in a folder: it goes on from what the folder holds, and saves there."""

    def __init__(self, packed: Packed, folder: Path, clock: Clock, packed_sha256: str) -> None:
        self.packed, self.folder, self.clock = packed, folder, clock
        self.packed_sha256 = packed_sha256
        torch.manual_seed(clock.seed)
        config = TVAEConfig(**packed.model)
        self.model = TransformerVAE(config)
        self.model.to(torch.device(clock.device))  # type: ignore[arg-type]
        self.optimizer = MuonWithAdamW(
            self.model,
            lr=clock.learning_rate,
            weight_decay=float(packed.train.get("weight_decay", 0.01)),
            beta2=float(packed.train.get("adam_beta2", 0.98)),
            kind=torch.bfloat16 if clock.bf16 else torch.float32,
        )
        self.progress = Progress()
        self.batches = Batches(packed, clock.batch_size, clock.seed, clock.device)
        self._said = 0.0
        self._sums: dict[str, Tensor] = {}
        self._counted = 0
        if (folder / STATE).is_file():
            self._take_up()

    def train(self, tell: Callable[[str], None] = lambda line: print(line, file=sys.stderr)) -> int:
        """Steps until the time is over; returns the steps taken in all.

        Raises:
            FloatingPointError: the loss is not finite; what was saved stays.
        """
        self.model.train()
        forward = self._faster(tell)
        begun, earlier = time.monotonic(), self.progress.seconds
        saved = told = begun
        first = self.progress.step
        for batch in self.batches.from_step(first):
            now = time.monotonic()
            self.progress.seconds = earlier + now - begun
            if self.progress.seconds >= self.clock.seconds:
                break
            self._step(forward, batch)
            if now - told >= TOLD_EVERY:
                rate = (self.progress.step - first) * self.clock.batch_size / (now - begun)
                tell(self._line(rate))
                told = now
            if now - saved >= SAVE_EVERY:
                self.save()
                saved = now
        self._line(0.0)
        self.save()
        return self.progress.step

    def _step(self, forward: Callable[..., Any], batch: dict[str, Tensor]) -> None:
        step, train = self.progress.step, self.packed.train
        rate = self.clock.learning_rate * self.schedule()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.model.mmd_scale = weight_at(step, int(train.get("mmd_warmup_steps", 0)), 1.0)
        late = step - int(train.get("moment_start", 0))
        moments = int(train.get("moment_warmup", 0))
        self.model.moment_scale = weight_at(late, moments, 1.0) if late >= 0 else 0.0
        loss, parts = self._loss(forward, batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), float(train.get("max_grad_norm", 1.0)))
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.progress.step += 1
        self._counted += 1
        for name, value in parts.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value

    def _loss(
        self, forward: Callable[..., Any], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        kind = torch.device(self.clock.device).type
        with torch.autocast(kind, torch.bfloat16, enabled=self.clock.bf16):
            output = forward(**batch)
        names = ("reconstruction", "mmd", "anchor", "token_accuracy", "sequence_accuracy")
        parts = {name: getattr(output, name) for name in names}
        found = {name: value.detach().float() for name, value in parts.items() if value is not None}
        return output.loss, found

    def schedule(self) -> float:
        """The learning rate of now, as a share of its peak."""
        warm = min(1.0, (self.progress.step + 1) / max(1, self.clock.warmup_steps))
        over = min(1.0, self.progress.seconds / self.clock.seconds)
        return warm * 0.5 * (1 + math.cos(math.pi * over))

    def _line(self, rate: float) -> str:
        """The means since the last line.

        Raises:
            FloatingPointError: one of them is not finite.
        """
        means = {name: float(total) / self._counted for name, total in self._sums.items()}
        self._sums, self._counted = {}, 0
        if not all(map(math.isfinite, means.values())):
            raise FloatingPointError(
                f"the loss is not finite at step {self.progress.step}: {means}; what was saved in "
                f"{self.folder} is from before; try a lower --learning-rate"
            )
        told = ", ".join(f"{name} {value:.4g}" for name, value in means.items())
        left = max(0.0, self.clock.seconds - self.progress.seconds)
        return f"step {self.progress.step}, {rate:,.0f} items a second, {left:.0f} s left: {told}"

    def _faster(self, tell: Callable[[str], None]) -> Callable[..., Any]:
        """The model, compiled where that is wanted and pays; trying takes no step."""
        wanted, cuda = self.clock.compile, self.clock.device.startswith("cuda")
        plain: Callable[..., Any] = self.model
        if wanted == "off" or (wanted == "auto" and not cuda):
            return plain
        compiled: Callable[..., Any] = torch.compile(self.model, dynamic=True)
        if wanted == "on":
            return compiled
        try:
            slow, fast = (self._seconds(forward) for forward in (plain, compiled))
        except Exception as error:  # of the compiler, which may fail in many ways
            tell(f"torch.compile fails here ({type(error).__name__}): left out")
            return plain
        tell(f"a batch takes {1e3 * slow:.1f} ms, compiled {1e3 * fast:.1f} ms")
        return compiled if fast < slow else plain

    def _seconds(self, forward: Callable[..., Any]) -> float:
        """Seconds of a forward and backward pass; the model is left as it was."""
        state = {name: value.clone() for name, value in self.model.state_dict().items()}
        codes, count = self.model.recent_codes.clone(), self.model.recent_count
        begun = 0.0
        for number, batch in enumerate(self.batches.from_step(0)):
            if number == TRIED // 2:
                torch.cuda.synchronize()
                begun = time.monotonic()
            if number == TRIED:
                break
            self._loss(forward, batch)[0].backward()
        torch.cuda.synchronize()
        taken = (time.monotonic() - begun) / (TRIED - TRIED // 2)
        self.optimizer.zero_grad()
        self.model.load_state_dict(state)
        self.model.recent_codes, self.model.recent_count = codes, count
        return taken

    def save(self) -> None:
        """Writes the model as a bundle's files, and what a run needs to go on.

        Raises:
            FloatingPointError: the weights are not finite; what was saved stays.
        """
        if not all(bool(weight.isfinite().all()) for weight in self.model.parameters()):
            raise FloatingPointError(f"the weights are not finite at step {self.progress.step}")
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder / STATE) as aside:
            torch.save(self._state(), aside)
        half = {
            name: value.detach().to(torch.bfloat16).cpu().contiguous()
            for name, value in self.model.state_dict().items()
        }
        with replacing(self.folder / "model.safetensors") as aside:
            save_file(half, aside, metadata={"format": "pt"})
        write_whole(self.folder / "config.json", self.model.config.to_json_string(use_diff=False))
        for name, text in self.packed.files.items():
            write_whole(self.folder / name, text)
        write_whole(self.folder / KIT_FILE, json_text(self.about()))

    def about(self) -> dict[str, Any]:
        """What the folder tells of its run."""
        return {
            "data": self.packed.about,
            "train": self.packed.train,
            "steps": self.progress.step,
            "items_seen": self.progress.step * self.clock.batch_size,
            "minutes": round(self.progress.seconds / 60, 2),
            "minutes_planned": round(self.clock.seconds / 60, 2),
            "batch_size": self.clock.batch_size,
            "learning_rate": self.clock.learning_rate,
            "seed": self.clock.seed,
            "packed_sha256": self.packed_sha256,
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
            "torch": torch.__version__,
        }

    def _state(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "codes": self.model.recent_codes[: self.model.recent_count].clone(),
            "step": self.progress.step,
            "seconds": self.progress.seconds,
            "batch_size": self.clock.batch_size,
            "packed": self.packed_sha256,
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }

    def _take_up(self) -> None:
        """Goes on from the folder.

        Raises:
            ValueError: it holds a run of another packed set or batch size, or is damaged.
        """
        where = self.folder / STATE
        try:
            state = torch.load(where, map_location=self.clock.device, weights_only=True)
            packed, size = state["packed"], state["batch_size"]
        except Exception as error:  # whatever a damaged file makes of torch
            raise ValueError(f"{where} cannot be read: {type(error).__name__}") from None
        if packed != self.packed_sha256 or size != self.clock.batch_size:
            raise ValueError(
                f"{self.folder} holds a run of another packed set or batch size; take a new folder"
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        codes = state["codes"]
        self.model.recent_codes[: len(codes)] = codes
        self.model.recent_count = len(codes)
        self.progress = Progress(int(state["step"]), float(state["seconds"]))
        torch.set_rng_state(state["random"].cpu())
        if torch.cuda.is_available() and state["random_cuda"]:
            torch.cuda.set_rng_state_all([each.cpu() for each in state["random_cuda"]])
