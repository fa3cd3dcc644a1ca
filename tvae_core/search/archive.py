"""`Archive`: everything a search has seen, and how it ranks under the current weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tvae_core.domain import DomainError
from tvae_core.search.ranking import ranks, tchebycheff
from tvae_core.search.types import Call, FloatArray, Generation
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
