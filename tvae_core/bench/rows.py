"""The original system's table of the largest batches on a 12 GB card, as presets of this core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tvae_core.bench.architecture import T5_VOCABULARY
from tvae_core.model.config import TVAEConfig
from tvae_core.training.presets import CORE_PRESETS, TrainSettings, merge

CHECKPOINTED: Mapping[str, Any] = {
    "gradient_checkpoint_encoder": True,
    "decoder_grad_chk_pnt_rate": 1,
}
"""Settings that keep only the inputs of layers: the least memory."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: the architecture as the original called it.
        presets: core presets that make it, merged left to right.
        length: tokens of a sequence, `<eos>` among them.
        original: the largest batch of the original system.
        target: the batch that this core is to reach.
        extra: settings on top of the presets.
        vocab_size: entries of the vocabulary, by default T5's.
    """

    name: str
    presets: tuple[str, ...]
    length: int
    original: int
    target: int
    extra: Mapping[str, Any] = field(default_factory=dict)
    vocab_size: int = T5_VOCABULARY

    def settings(self, more: Mapping[str, Any] | None = None) -> tuple[TVAEConfig, TrainSettings]:
        """The architecture and how it is trained, with `more` settings on top."""
        merged = merge(self.presets, [CORE_PRESETS], {**self.extra, **(more or {})})
        sizes = {"vocab_size": self.vocab_size, "max_length": self.length}
        return TVAEConfig(**(merged.model | sizes)), TrainSettings(**merged.train)

    @property
    def checkpointed(self) -> bool:
        """Whether the row has checkpointing of the decoder on."""
        return "grad_check_pnt" in self.presets


_TINY = ("base", "funnel_tiny")
_SMALL = ("base", "funnel_small")
_WINDOWED = ("grad_check_pnt", "window60")

ROWS = (
    Row("base", ("base",), 237, 1, 10),
    Row("base", ("base",), 99, 7, 40),
    Row("base", ("base",), 30, 125, 500),
    Row("base, 3_3_3", ("base", "funnel_medium"), 99, 30, 120),
    Row("base, 1_1_1", _TINY, 237, 15, 60),
    Row("base, 1_1_1", _TINY, 99, 40, 160),
    Row("1_1_1, checkpoint every 3", (*_TINY, "grad_check_pnt"), 237, 30, 300),
    Row("1_1_1, checkpoint every 3, window 60", (*_TINY, *_WINDOWED), 237, 50, 500),
    Row(
        "2_2_2, checkpoint every 3, window 200",
        (*_SMALL, "grad_check_pnt", "window200"),
        840,
        10,
        100,
    ),
    Row("1_1_1, checkpoint every layer", (*_TINY, "grad_check_pnt"), 237, 40, 400, CHECKPOINTED),
    Row("large", ("large_model",), 30, 5, 50),
)
