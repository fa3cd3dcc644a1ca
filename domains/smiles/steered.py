"""A latent space whose samples of the prior come from near the codes of wanted scores."""

from __future__ import annotations

from torch import Tensor

from tvae_core.space import LatentSpace
from tvae_core.space.population import Population


class SteeredSpace(LatentSpace):
    """A latent space whose samples of the prior come from near the codes of wanted scores."""

    def __init__(self, space: LatentSpace, population: Population) -> None:
        super().__init__(
            space.model, space.tokenizer, space.priors, space.domain, space.defaults, space.bundle
        )
        self.population = population

    def sample_latents(
        self,
        n: int,
        seed: int = 0,
        prior: str = "flow",
        fidelity: float | None = None,
        first_row: int = 0,
    ) -> Tensor:
        """As that of `LatentSpace`, from the population."""
        return self.population.draw(n, seed, first_row)
