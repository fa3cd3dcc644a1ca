"""News headlines: the domain, its checks and scores, and its commands.

`HeadlinesDomain` is imported on first use, because it brings in transformers: the text checks,
which data preparation reads, do without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from domains.headlines.domain import HeadlinesDomain

__all__ = ["HeadlinesDomain"]


def __getattr__(name: str) -> Any:
    if name == "HeadlinesDomain":
        from domains.headlines.domain import HeadlinesDomain

        return HeadlinesDomain
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
