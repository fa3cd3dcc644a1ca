"""Molecules as SMILES: the domain, its chemistry, and its commands.

`SmilesDomain` is imported on first use, because it brings in transformers: the chemistry modules
(`chem`, `scores`, `funnel`, ...) and their worker processes do without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domains import needs

if TYPE_CHECKING:
    from domains.smiles.domain import SmilesDomain

__all__ = ["SmilesDomain"]

needs("molecules", ("rdkit",), "smiles")


def __getattr__(name: str) -> Any:
    if name == "SmilesDomain":
        from domains.smiles.domain import SmilesDomain

        return SmilesDomain
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
