"""The architectures that the bench measures: those that arguments name, with precision and machine,
and the original system's table of the largest batches on a 12 GB card, as presets of this core.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tvae_core.cli.parser import CommandParser, positive_int
from tvae_core.support.errors import CommandError
from tvae_core.training.presets import (
    CORE_PRESETS,
    MODEL_FIELDS,
    TRAIN_FIELDS,
    Merged,
    TrainSettings,
    find_presets,
    merge,
)

if TYPE_CHECKING:
    from tvae_core.model.config import TVAEConfig

SIZES = (1024, 1536, 2048, 3072, 4096)
"""Rows of the square products of `ceiling`."""
PRECISIONS = ("bf16", "fp32")
T5_VOCABULARY = 32_128
DEFAULT_PRESET = "base"


def add_architecture_arguments(parser: CommandParser, precision: str | None = None) -> None:
    """Adds PRESET..., `--set`, `--vocab-size`, `--precision`, `--threads`, `--device`, `--seed`.

    Args:
        parser: of the command.
        precision: its default; None leaves the choice to the command.
    """
    names = ", ".join(find_presets([CORE_PRESETS]))
    parser.add_argument(
        "presets", nargs="*", metavar="PRESET", help=f"merged left to right (base): {names}"
    )
    parser.add_argument(
        "--set",
        action="append",
        type=setting,
        default=[],
        metavar="KEY=VALUE",
        help="any setting of the model or of training, such as d_model=256; repeatable",
    )
    parser.add_argument(
        "--vocab-size", type=positive_int, default=T5_VOCABULARY, help="entries (default 32128)"
    )
    chosen = "fp32 and bf16" if precision is None else precision
    parser.add_argument(
        "--precision", choices=PRECISIONS, default=precision, help=f"default: {chosen}"
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: all)")
    parser.add_argument("--device", default=None, help="cpu or cuda (default: cuda if there)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and data (default 0)")


def setting(text: str) -> tuple[str, Any]:
    """An `argparse` type: `key=value` for a field of the model or of training.

    Lists are written `2,2,2` or `2_2_2`.
    """
    key, equals, value = text.partition("=")
    key = key.strip().replace("-", "_")
    known = (MODEL_FIELDS | TRAIN_FIELDS).get(key)
    if not equals or known is None:
        raise argparse.ArgumentTypeError(f"must be KEY=VALUE with a known setting, not {text!r}")
    try:
        return key, known.read(value)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{key} {error}") from None


def merged_of(args: argparse.Namespace) -> Merged:
    """The presets and settings that the arguments name.

    Raises:
        ValueError: for unknown presets.
    """
    return merge(args.presets or [DEFAULT_PRESET], [CORE_PRESETS], dict(args.set))


def config_of(args: argparse.Namespace, **changes: Any) -> TVAEConfig:
    """The architecture that the arguments name.

    Args:
        args: of a parser with `add_architecture_arguments`.
        **changes: fields that the command decides, such as `max_length`.

    Raises:
        ValueError: for unknown presets or impossible values.
    """
    from tvae_core.model.config import TVAEConfig

    return TVAEConfig(**(merged_of(args).model | {"vocab_size": args.vocab_size} | changes))


def train_settings_of(args: argparse.Namespace) -> TrainSettings:
    """The training settings (checkpointing, optimiser, accumulation) that the arguments name."""
    settings = merged_of(args).train | {"seed": args.seed, "threads": args.threads}
    if args.precision is not None:
        settings["precision"] = args.precision
    return TrainSettings(**settings)


def use_machine(args: argparse.Namespace) -> str:
    """Sets the threads that the arguments name, and gives their device: `cpu` or `cuda`.

    Raises:
        CommandError: a device that is not there, or an impossible number of threads.
    """
    from tvae_core.cli import options

    return options.use_machine(args)


def architecture_name(args: argparse.Namespace) -> str:
    """The architecture in words, for tables: `base, d_model=64`."""
    parts = ["+".join(args.presets or [DEFAULT_PRESET])]
    return ", ".join(parts + [f"{key}={_short(value)}" for key, value in args.set])


def _short(value: Any) -> str:
    return "_".join(map(str, value)) if isinstance(value, tuple) else str(value)


def int_list(text: str) -> tuple[int, ...]:
    """An `argparse` type: whole numbers of at least 1, `512,1024`."""
    return tuple(positive_int(part.strip()) for part in text.split(","))


def check_settings(args: argparse.Namespace, **changes: Any) -> TVAEConfig:
    """`config_of`, with impossible values told as bad usage in one line."""
    try:
        return config_of(args, **changes)
    except ValueError as error:
        raise CommandError(" ".join(str(error).split()), 2) from error


def add_original_argument(parser: CommandParser) -> None:
    """`--original`: which reading of the original's architecture is the baseline."""
    parser.add_argument(
        "--original",
        choices=("equal", "own"),
        default="equal",
        help="baseline on equal terms, or with the original's dropout and upsampling",
    )


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
        from tvae_core.model.config import TVAEConfig

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
