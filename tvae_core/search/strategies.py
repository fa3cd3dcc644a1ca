"""The methods of `tvae_core.search.search`: where in latent space to look next.

A `Strategy` is asked for a batch of joint codes and told how they ranked. It sees items only
through the `Archive`: their codes and ranks. All draws come from generators of (seed, generation),
so that a recorded search is replayed exactly.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tvae_core.search.types import FloatArray, generator

if TYPE_CHECKING:
    from tvae_core.search.archive import Archive

METHODS = ("evolve", "cma", "turbo", "random")
"""The methods; the first is the default."""
DECODES = 100
"""Codes decoded at most for each call of the budget."""
PATIENCE = 12
"""Generations without a better item after which `cma` starts again from the best."""

NARROW = 0.05
"""Share of new items in a generation below which `cma` has narrowed too far and starts again."""
FRESH = (0.25, 0.6)
"""Shares of new items in a generation below (above) which noise is widened (narrowed)."""


class Strategy(Protocol):
    """One search method."""

    def ask(self, archive: Archive) -> FloatArray:
        """Codes to look at next, `(batch_size, code_size)`."""
        ...

    def tell(self, codes: FloatArray, ranks: FloatArray) -> None:
        """How the codes asked for ranked: `(batch_size,)`, higher is better, ties equal."""
        ...


def _rescaled(scale: float, archive: Archive) -> float:
    """A factor of the radius that keeps the share of new items between the two of `FRESH`."""
    if archive.generation < 2:
        return scale
    step = 1.2 if archive.fresh < FRESH[0] else 1 / 1.2 if archive.fresh > FRESH[1] else 1.0
    return min(max(scale * step, 0.2), 4.0)


class RandomPerturbation:
    """The baseline: noise around the start, as wide as it takes to find new items."""

    def __init__(self, batch_size: int, radius: float, seed: int) -> None:
        self.batch_size, self.radius, self.seed = batch_size, radius, seed
        self.scale = 1.0

    def ask(self, archive: Archive) -> FloatArray:
        """Perturbed copies of the start."""
        self.scale = _rescaled(self.scale, archive)
        draws = generator(self.seed, archive.generation)
        noise = draws.standard_normal((self.batch_size, len(archive.centre)))
        return archive.centre + self.scale * self.radius * noise

    def tell(self, codes: FloatArray, ranks: FloatArray) -> None:
        """Learns nothing."""


class Evolution:
    """Noise and crossover around the best items found, each by its own encoded code.

    A (mu + lambda) evolution strategy in latent space. Every child has a parent drawn from the best
    `parents` items, better ones more often; half of them take each latent token from one of two
    parents. Noise moves some of the tokens, from one to all, as far as if it moved all: what the
    others hold of the parent stays. Its radius is drawn log-uniformly, wider while most children
    are items already seen, and narrower while nearly all are new.
    """

    def __init__(
        self, batch_size: int, radius: float, seed: int, tokens: int, parents: int = 16
    ) -> None:
        self.batch_size, self.radius, self.seed = batch_size, radius, seed
        self.tokens, self.parents = tokens, parents
        self.scale = 1.0

    def ask(self, archive: Archive) -> FloatArray:
        """Children of the best items."""
        self.scale = _rescaled(self.scale, archive)
        draws, size = generator(self.seed, archive.generation), self.batch_size
        elite = archive.elite(self.parents)
        weights = 1 / np.arange(1, len(elite) + 1)
        chosen = draws.choice(len(elite), (2, size), p=weights / weights.sum())
        from_second = draws.random((size, self.tokens)) < 0.5
        from_second &= (draws.random(size) < 0.5)[:, None]
        width = elite.shape[1] // self.tokens
        per_token = np.repeat(from_second, width, axis=1)
        children = np.where(per_token, elite[chosen[1]], elite[chosen[0]])
        radii = self.scale * self.radius * 2.0 ** draws.uniform(-0.5, 1, size)
        moved = draws.integers(1, self.tokens + 1, size)
        places = draws.random((size, self.tokens)).argsort(1).argsort(1)
        step = np.where(places < moved[:, None], np.sqrt(self.tokens / moved)[:, None], 0.0)
        noise = draws.standard_normal(children.shape) * np.repeat(step, width, axis=1)
        return np.asarray(children + radii[:, None] * noise, dtype=np.float64)

    def tell(self, codes: FloatArray, ranks: FloatArray) -> None:
        """Nothing to learn: the archive holds the population."""


class CMA:
    """Separable CMA-ES (Ros and Hansen 2008), restarted from the best item found.

    `cma` (Hansen) gives the strategy. In some hundred dimensions and thousands of calls only the
    diagonal of the covariance can be learnt. It starts again round the encoded code of the best
    item after `PATIENCE` generations without a better one, or when hardly anything it finds is new.
    """

    def __init__(self, batch_size: int, radius: float, seed: int) -> None:
        try:
            import cma
        except ImportError:
            raise ValueError(
                "method cma needs the library cma: pip install 'tvae-toolkit[optimise]'"
            ) from None
        self._cma: Any = cma
        self.batch_size, self.radius, self.seed = batch_size, radius, seed
        self._draws = generator(seed, 0)
        self._es: Any = None
        self._age, self.restarts = 0, 0

    def _start(self, centre: FloatArray) -> None:
        options = {
            "popsize": self.batch_size,
            "CMA_diagonal": True,
            "randn": lambda *shape: self._draws.standard_normal(shape),
            "seed": math.nan,
            "verbose": -9,
            "maxiter": math.inf,
        }
        radius = self.radius * (1.0, 2.0, 0.5)[self.restarts % 3]
        self._es = self._cma.CMAEvolutionStrategy(centre, radius, options)

    def ask(self, archive: Archive) -> FloatArray:
        """The next population."""
        self._draws = generator(self.seed, archive.generation)
        self._age += 1
        worn = min(archive.stale, self._age) > PATIENCE
        narrow = archive.fresh < NARROW and self._age > 3
        if self._es is None or worn or narrow or self._es.stop():
            if self._es is not None:
                self.restarts += 1
            self._start(archive.elite(1)[0])
            self._age = 0
        return np.array(self._es.ask(), dtype=np.float64)

    def tell(self, codes: FloatArray, ranks: FloatArray) -> None:
        """Updates mean, step and scales from the ranks."""
        self._es.tell(list(codes), list(-ranks))


def make_strategy(method: str, batch_size: int, radius: float, seed: int, tokens: int) -> Strategy:
    """The strategy of a name.

    Args:
        method: one of `METHODS`.
        batch_size: codes a generation.
        radius: standard deviation of the first steps, in units of the code itself.
        seed: of all draws.
        tokens: latent tokens of a code.

    Raises:
        ValueError: an unknown method, or one whose library is not installed.
    """
    if method == "cma":
        return CMA(batch_size, radius, seed)
    if method == "evolve":
        return Evolution(batch_size, radius, seed, tokens)
    if method == "random":
        return RandomPerturbation(batch_size, radius, seed)
    if method == "turbo":
        from tvae_core.search.turbo import TuRBO

        return TuRBO(batch_size, radius, seed)
    raise ValueError(f"method is one of {', '.join(METHODS)}, not {method!r}")
