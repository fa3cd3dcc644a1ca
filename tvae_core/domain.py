"""The `Domain` protocol: what a domain owes the core, and the types it answers with.

A domain knows items (a molecule, a tune, a digit) and their text; the core owns tokens and
latents. Every batch method returns as many results as it was given texts, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerFast

FloatArray = npt.NDArray[np.float64]
Known = Callable[[Sequence[str]], Sequence[bool]]
"""Tells of each text whether it is among the items trained on."""


class DomainError(ValueError):
    """An item that its domain refuses, with the reason and, where known, the place.

    Args:
        reason: what is wrong, in words a user understands.
        position: 0-based index of the offending character in the text, or None.
    """

    def __init__(self, reason: str, position: int | None = None) -> None:
        self.reason = reason
        self.position = position
        where = "" if position is None else f" (at character {position + 1})"
        super().__init__(f"{reason}{where}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a domain says of one text: valid with its canonical form, or invalid with a reason."""

    ok: bool
    canonical: str | None = None
    reason: str | None = None
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """One item as a person looks at (or listens to) it.

    `data` is `str` for svg and text, `bytes` for the others.
    """

    kind: Literal["svg", "png", "wav", "midi", "text"]
    data: str | bytes


@runtime_checkable
class Domain(Protocol):
    """What `domains/<name>` implements; see the module docstring."""

    name: str

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The tokenizer of the domain's shipped bundle or prepared set."""
        ...

    def to_text(self, item: Any) -> str:
        """The text of an item."""
        ...

    def from_text(self, text: str) -> Any:
        """The item of a text; raises `DomainError` with reason and position."""
        ...

    def check(self, texts: Sequence[str]) -> list[Verdict]:
        """One verdict a text; never raises for a bad text."""
        ...

    def score(self, texts: Sequence[str]) -> dict[str, FloatArray]:
        """Named scores, each of shape `(len(texts),)`; NaN where a text cannot be scored."""
        ...

    def render(self, text: str) -> Rendered:
        """A picture, sound or text of one item; raises `DomainError` for an invalid one."""
        ...

    def examples(self) -> list[str]:
        """A few well-known valid texts, for pages, help and tests."""
        ...


@runtime_checkable
class HasSimilarity(Protocol):
    """What a domain may add to `Domain`; without it, the core compares tokens (`similarity`)."""

    def similarity(self, a: Sequence[str], b: Sequence[str]) -> FloatArray:
        """How alike `a[i]` and `b[i]` are, `(n,)`, 0 to 1; NaN where either is invalid."""
        ...


@runtime_checkable
class HasFeatures(Protocol):
    """What a domain may add to `Domain`, so that codes can say what items are like."""

    def features(self, texts: Sequence[str]) -> FloatArray:
        """What makes items alike, `(n, k)`: near vectors are like items; NaN rows where invalid."""
        ...


@runtime_checkable
class HasLabels(Protocol):
    """What a domain may add to `Domain`, where prepared sets have no column of labels."""

    def label(self, texts: Sequence[str]) -> list[str]:
        """The label of each text, empty where it is not known."""
        ...


@runtime_checkable
class HasReasons(Protocol):
    """What a domain may add to `Domain`; without it, what came back is told without a reason."""

    def why_lost(
        self, given: Sequence[str], back: Sequence[str], bundle: Path | None
    ) -> list[str | None]:
        """Why each `given[i]` does not come back from its own code, `back[i]` does.

        Args:
            given: valid texts, in canonical form.
            back: what their codes decode to, valid or not; none is the same as `given[i]`.
            bundle: folder of the bundle that decoded, which may tell of its training items.

        Returns:
            One a text: the reason in words, empty where it is not known, or None where what is
            lost is too little to speak of.
        """
        ...
