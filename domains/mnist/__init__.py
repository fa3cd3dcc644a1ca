"""Handwritten digits written as text: the domain, its classifier, and its commands.

`MnistDomain` is imported on first use, because it brings in transformers: the text format (`text`)
does without, and data preparation needs no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from domains.mnist.domain import MnistDomain

__all__ = ["MnistDomain"]


def __getattr__(name: str) -> Any:
    if name == "MnistDomain":
        from domains.mnist.domain import MnistDomain

        return MnistDomain
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
