"""`Scoring`: which of a generation's items are scored, within a budget, and which are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from tvae_core.search.archive import Archive
from tvae_core.search.types import Call, Objective, calls_of


class Scoring:
    """Calls of an objective, no item twice.

    An objective with a method `screen(texts)` says beforehand, without the score, how far each text
    misses the constraints that cost little, `(n,)`. What misses one is not scored and not charged:
    the search keeps it as a call of number 0, and its violation ranks it.

    Args:
        objective: scores.
        archive: what was seen already.
    """

    def __init__(self, objective: Objective, archive: Archive) -> None:
        self._objective, self._archive = objective, archive
        self.answers: dict[str, Call] = {}
        """What is known beforehand, by text: a resumed search repeats itself with these."""

    def __call__(
        self, codes: Tensor, texts: Sequence[str | None], left: int, screened: bool = True
    ) -> list[Call]:
        """The new items of a generation: calls as far as the budget goes, and what was excluded.

        Args:
            codes: `(n, n_latent, latent_size)`.
            texts: what they read as, None for what is not valid.
            left: most calls.
            screened: whether items may be excluded.

        Raises:
            ValueError: the objective miscounts.
        """
        rows = {text: row for row, text in reversed(list(enumerate(texts))) if text is not None}
        seen = self._archive.index
        fresh = [text for text in dict.fromkeys(texts) if text and text not in seen]
        if screened:
            self._screen([text for text in fresh if text not in self.answers])
        charged = [text for text in fresh if self._number(text)][: max(left, 0)]
        new = [text for text in charged if text not in self.answers]
        if new:
            scored = self._objective(list(new))
            made = calls_of(scored, range(1, len(new) + 1), new, [codes[rows[t]] for t in new], 0)
            self.answers |= {call.text: call for call in made}
        number, found = len(self._archive.calls), []
        kept = set(charged)
        for text in fresh:
            counts = self._number(text)
            if counts and text not in kept:
                continue
            number += counts
            call = self.answers.pop(text)
            found.append(
                replace(
                    call,
                    number=number if counts else 0,
                    latent=codes[rows[text]],
                    generation=self._archive.generation,
                )
            )
        return found

    def _number(self, text: str) -> bool:
        """Whether a text is charged."""
        return text not in self.answers or self.answers[text].number > 0

    def _screen(self, texts: list[str]) -> None:
        screen = getattr(self._objective, "screen", None)
        if screen is None or not texts:
            return
        missed = np.asarray(screen(list(texts)), dtype=np.float64)
        if missed.shape != (len(texts),):
            raise ValueError(f"the objective screened {missed.shape}, not ({len(texts)},)")
        none = self._archive.no_code
        for text, violation in zip(texts, missed.tolist(), strict=True):
            if violation != 0:
                far = violation if violation == violation else float("inf")
                self.answers[text] = Call(0, text, float("nan"), False, {}, none, far)
