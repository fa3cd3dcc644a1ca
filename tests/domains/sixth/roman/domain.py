"""Roman numerals, 1 to 3,999, behind the `Domain` protocol."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tvae_core.bundle_domain import BundleDomain
from tvae_core.domain import DomainError, FloatArray, Rendered, Verdict

BUNDLE = Path(__file__).parent / "bundle"
LARGEST = 3999
_PARTS = (
    *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC")),
    *((50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
)
_LETTERS = re.compile("[MDCLXVI]*")


class RomanDomain(BundleDomain):
    """An item is an `int`. Implements `tvae_core.domain.Domain`."""

    name = "roman"
    shipped, items = BUNDLE, "Roman numerals"

    def to_text(self, item: int) -> str:
        if not 1 <= item <= LARGEST:
            raise DomainError(f"a Roman numeral is 1 to {LARGEST:,}, not {item:,}")
        text = ""
        for value, letters in _PARTS:
            count, item = divmod(item, value)
            text += letters * count
        return text

    def from_text(self, text: str) -> int:
        good = len(_LETTERS.match(text)[0])
        if good < len(text) or not text:
            raise DomainError("a Roman numeral has the letters M, D, C, L, X, V and I", good)
        if len(text) > 15:
            raise DomainError("no Roman numeral is longer than MMMDCCCLXXXVIII", 15)
        rest, total = text, 0
        for value, letters in _PARTS:
            while rest.startswith(letters):
                rest, total = rest[len(letters) :], total + value
        if rest or total > LARGEST or self.to_text(total) != text:
            raise DomainError("letters in an order that no number has", len(text) - len(rest))
        return total

    def check(self, texts: Sequence[str]) -> list[Verdict]:
        return [self._verdict(text) for text in texts]

    def score(self, texts: Sequence[str]) -> dict[str, FloatArray]:
        verdicts = zip(texts, self.check(texts), strict=True)
        values = [self.from_text(text) if verdict.ok else np.nan for text, verdict in verdicts]
        value = np.array(values, dtype=np.float64)
        lengths = np.array([len(text) for text in texts], dtype=np.float64)
        return {"value": value, "letters": np.where(np.isnan(value), np.nan, lengths)}

    def render(self, text: str) -> Rendered:
        return Rendered("text", f"{text} = {self.from_text(text):,}")

    def examples(self) -> list[str]:
        return [self.to_text(number) for number in (1, 49, 1066, 1789, 1994, 3888)]

    def _verdict(self, text: str) -> Verdict:
        try:
            self.from_text(text)
        except DomainError as error:
            return Verdict(False, reason=error.reason, position=error.position)
        return Verdict(True, canonical=text)
