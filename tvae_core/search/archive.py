"""What a search has seen, how it ranks under the current weights, what is scored of the new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from tvae_core.domain import DomainError
from tvae_core.search.ranking import ranks, tchebycheff
from tvae_core.search.types import Call, FloatArray, Generation, Objective, calls_of
from tvae_core.space.space import LatentSpace


class Archive:
    """What a search has seen: `items`, those that were scored (`calls`), and generations.

    Args:
        space: encodes the best items.
        targets: parts of the score that `weights` weigh; none for the score itself.
    """

    def __init__(self, space: LatentSpace, targets: Sequence[str] = ()) -> None:
        self._space, self.targets = space, tuple(targets)
        config = space.model.config
        self.centre: FloatArray = np.zeros(config.n_latent * config.latent_size)
        self.weights: FloatArray | None = None
        self.fresh = 1.0
        self.items: list[Call] = []
        self.calls: list[Call] = []
        self.no_code = torch.zeros(config.n_latent, config.latent_size)
        self.generations: list[Generation] = []
        self.index: dict[str, int] = {}
        self._codes: dict[str, Tensor] = {}
        self._ranks: FloatArray | None = None
        self._nearest = float("inf")

    @property
    def generation(self) -> int:
        """Number of the next generation."""
        return len(self.generations)

    @property
    def stale(self) -> int:
        """Generations since the best item was found: 1 where it was in the last."""
        if not self.items:
            return self.generation
        return self.generation - self.items[int(np.argmax(self.ranks()))].generation

    def add(self, generation: Generation, found: Sequence[Call]) -> bool:
        """Adds a generation and its new items, excluded ones among them.

        Returns:
            whether it came nearer to meeting the constraints, while nothing meets them.
        """
        before = self._nearest
        self.generations.append(generation)
        self.fresh = len(found) / max(len(generation.texts), 1)
        for call in found:
            self.index[call.text] = len(self.items)
            self.items.append(call)
            if call.number:
                self.calls.append(call)
            self._nearest = min(self._nearest, 0.0 if call.feasible else call.violation)
        self._ranks = None
        return self._nearest < before

    def reweigh(self, weights: FloatArray | None) -> None:
        """Ranks by these weights of the targets from now on."""
        self.weights, self._ranks = weights, None

    def ranks(self) -> FloatArray:
        """Ranks of all items, `(n,)`, above 0 to 1 for the best."""
        if self._ranks is None:
            score = np.array([call.score for call in self.items])
            if self.weights is not None:
                nan, names = float("nan"), self.targets
                parts = [[call.values.get(name, nan) for name in names] for call in self.items]
                score = tchebycheff(np.array(parts).reshape(-1, len(names)), self.weights)
            feasible = np.array([call.feasible for call in self.items], dtype=bool)
            violation = np.array([call.violation for call in self.items])
            self._ranks = 0.1 + 0.9 * ranks(score, feasible, violation)
        return self._ranks

    def ranks_of(self, texts: Sequence[str | None]) -> FloatArray:
        """Ranks of texts, `(n,)`; 0 for one that is not valid or came after the budget."""
        table = self.ranks()
        found = [None if text is None else self.index.get(text) for text in texts]
        return np.array([0.0 if i is None else table[i] for i in found])

    def elite(self, count: int) -> FloatArray:
        """Codes of the best items, best first, each as the encoder gives it.

        Returns:
            `(at most count, code_size)`; the centre while there is no item.
        """
        if not self.items:
            return self.centre[None]
        order = np.argsort(-self.ranks(), kind="stable")[:count]
        best = [self.items[i] for i in order]
        new = [call for call in best if call.text not in self._codes]
        for call in new:
            try:
                self._codes[call.text] = self._space.encode([call.text])[0]
            except DomainError:  # longer than the model takes
                self._codes[call.text] = call.latent
        codes = [self._codes[call.text].flatten().double().numpy() for call in best]
        return np.stack(codes)

    def told(self) -> tuple[FloatArray, FloatArray]:
        """All codes decoded so far `(n, code_size)` and their ranks `(n,)`."""
        codes = [part.codes.flatten(1).double().numpy() for part in self.generations]
        texts = [text for part in self.generations for text in part.texts]
        return np.concatenate(codes), self.ranks_of(texts)


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
