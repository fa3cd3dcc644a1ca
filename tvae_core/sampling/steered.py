"""`sample --target-property logp=2.5`: prior samples whose items have wanted scores.

Samples of the prior are decoded and scored, those near the wanted scores are drawn again with
noise, in a few rounds (`tvae_core.space.population`); what `sample` decodes is drawn in the same
way.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from tvae_core.decoding.settings import Decoding
from tvae_core.domain_commands import DomainCommands
from tvae_core.search.objective import DomainScores, Scores
from tvae_core.space.population import Population
from tvae_core.space.space import LatentSpace
from tvae_core.support.progress import Bar
from tvae_core.support.words import counted

ROUNDS = 2
"""Rounds of a quarter as many samples near the wanted scores as were scored first."""
RADIUS = 0.7
"""Noise round a drawn code, in units of the codes' own spread."""
_STREAM = 7919
"""Added to the seed: the samples scored first are none of those asked for."""


def scores_of(commands: DomainCommands) -> Scores:
    """The scores that samples may be steered to."""
    made = commands.search.scores
    return DomainScores(commands.domain) if made is None else made()


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


class _Measure:
    """Decodes codes; gives those of the valid items as the encoder has them, and their scores."""

    def __init__(
        self,
        space: LatentSpace,
        commands: DomainCommands,
        how: Decoding,
        names: list[str],
        total: int,
    ) -> None:
        self.space, self.names, self.how = space, names, how
        self.scores = scores_of(commands)
        self.bar, self.seen, self.total = Bar("target", commands.unit), 0, total

    def __call__(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        space, clean, parts = self.space, [], []
        for part in codes.split(self.how.batch_size):
            texts = space.decode(part, self.how.fidelity, beams=self.how.beams)
            verdicts = space.domain.check(texts)
            forms = [v.canonical for v in verdicts if v.ok and v.canonical is not None]
            forms = [form for form in forms if _fits(space, form)]
            found = self.scores(forms, self.names, None)
            columns = [torch.as_tensor(found[name]) for name in self.names]
            parts.append(torch.stack(columns, dim=1))
            clean.append(space.encode(forms))
            self.seen += len(part)
            self.bar(self.seen, self.total)
        return torch.cat(clean), torch.cat(parts)


def steer(
    space: LatentSpace,
    commands: DomainCommands,
    wanted: Mapping[str, float],
    how: Decoding,
    args: argparse.Namespace,
) -> LatentSpace:
    """The space with its samples drawn near the wanted scores; prints how well that works.

    Args:
        space: the bundle.
        commands: the domain's.
        wanted: scores by name; for none, the space is returned as it is.
        how: samples are decoded.
        args: `prior`, `target_samples`, `raw`.

    Raises:
        ValueError: when too few samples are valid, or a score does not vary.
    """
    if not wanted:
        return space
    seed, first = how.seed + _STREAM, args.target_samples
    more = max(first // 4, 64)
    measure = _Measure(space, commands, how, list(wanted), first + (ROUNDS + 1) * more)
    setting = how.fidelity
    assert isinstance(setting, int | float)
    codes = space.sample_latents(first, seed, args.prior, setting)
    population = Population(*measure(codes), list(wanted.values()), RADIUS)
    free = population.mean
    for number in range(ROUNDS):
        codes = population.draw(more, seed, number * more)
        population = population.extended(*measure(codes))
    _, last = measure(population.draw(more, seed, ROUNDS * more))
    last = last[torch.isfinite(last).all(dim=1)]
    measure.bar.close()
    where = sys.stderr if args.raw else sys.stdout
    calls = len(population.codes) + len(last)
    print(f"conditional sampling: {counted(calls, commands.unit)} scored first", file=where)
    _tell(population, wanted, free, last, where)
    return SteeredSpace(space, population)


def _fits(space: LatentSpace, text: str) -> bool:
    tokens = space.tokenizer(text, add_special_tokens=False)["input_ids"]
    return 0 < len(tokens) <= space.model.config.max_length


def _tell(
    population: Population, wanted: Mapping[str, float], free: Tensor, last: Tensor, where: Any
) -> None:
    mean, sd = last.mean(0).tolist(), last.std(0).tolist()
    for i, (name, value) in enumerate(wanted.items()):
        print(
            f"{name}: wanted {value:g}, got {mean[i]:.3g} +- {sd[i]:.3g}"
            f" (unconditional {float(free[i]):.3g} +- {float(population.sd[i]):.3g})",
            file=where,
        )
        if abs(mean[i] - value) > float(population.sd[i]) / 2:
            print(f"{name}={value:g} is out of this bundle's easy reach", file=sys.stderr)
