"""What a search in latent space is given and what it keeps; see `tvae_core.search.search`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """What an objective says of a batch of texts; all arrays are `(n,)`.

    Attributes:
        values: the named parts of the score.
        score: higher is better, NaN where a text cannot be scored.
        feasible: whether all constraints hold.
        texts: canonical forms, in the order of the texts.
        violation: how far constraints are missed, 0 where feasible; None if not known.
    """

    values: dict[str, FloatArray]
    score: FloatArray
    feasible: npt.NDArray[np.bool_]
    texts: list[str]
    violation: FloatArray | None = None


class Objective(Protocol):
    """What is searched for.

    It may also have `screen(texts) -> (n,)`, how far each text misses the constraints that can be
    told without the score, 0 where it meets them: what misses one is neither scored nor charged.
    """

    @property
    def name(self) -> str:
        """How it is shown and told from another when a search is resumed."""
        ...

    def __call__(self, texts: list[str]) -> Scored:
        """Scores a batch; never raises for a bad text."""
        ...


@dataclass(frozen=True)
class Call:
    """One call of the score.

    Attributes:
        number: counted from 1; 0 for what a cheap constraint excluded, which has no score.
        text: canonical form.
        score: higher is better, NaN where it could not be scored.
        feasible: whether all constraints hold.
        values: named parts of the score.
        latent: the code it was decoded from, `(n_latent, latent_size)`.
        violation: how far constraints are missed, 0 where feasible.
        generation: which generation found it, counted from 0 (the start).
    """

    number: int
    text: str
    score: float
    feasible: bool
    values: dict[str, float]
    latent: Tensor
    violation: float = 0.0
    generation: int = 0


@dataclass(frozen=True)
class Generation:
    """Codes decoded together, `(n, n_latent, latent_size)`, and what they read as.

    `texts` has the canonical form of each, None for one that its domain refuses.
    """

    codes: Tensor
    texts: list[str | None]


def calls_of(
    scored: Scored, numbers: range, texts: list[str], latents: list[Tensor], generation: int
) -> list[Call]:
    """The calls of a batch that was scored.

    Raises:
        ValueError: the objective answered with another number of items than it was given.
    """
    n = len(texts)
    violation = scored.violation
    if violation is None:
        violation = np.where(scored.feasible, 0.0, 1.0)
    for name, part in (
        ("score", scored.score),
        ("feasible", scored.feasible),
        ("violation", violation),
        *scored.values.items(),
    ):
        if np.shape(part) != (n,):
            raise ValueError(f"the objective gave {np.shape(part)} for {name}, not ({n},)")
    return [
        Call(
            number,
            texts[i],
            float(scored.score[i]) if np.isfinite(scored.score[i]) else float("nan"),
            bool(scored.feasible[i]),
            {name: float(part[i]) for name, part in scored.values.items()},
            latents[i],
            float(violation[i]),
            generation,
        )
        for i, number in enumerate(numbers)
    ]


def generator(seed: int, generation: int) -> np.random.Generator:
    """The random numbers of one generation of a search."""
    return np.random.default_rng([seed % 2**63, generation])
