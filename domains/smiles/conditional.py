"""`sample --target-property logp=2.5`: prior samples whose molecules have wanted scores.

Samples of the prior are decoded and scored, those near the wanted scores are drawn again with
noise, in a few rounds (`tvae_core.space.population`); what `sample` decodes is drawn in the same
way.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import Tensor

from domains.smiles.funnel_types import parse_limits
from domains.smiles.objectives import parse_objectives, score_names
from tvae_core.cli.parser import CommandParser, positive_int
from tvae_core.space import LatentSpace
from tvae_core.space.population import Population
from tvae_core.support.progress import Bar

SAMPLES, ROUNDS = 1500, 2
"""Prior samples scored first, and rounds of a quarter as many near the wanted scores."""
RADIUS = 0.7
"""Noise round a drawn code, in units of the codes' own spread."""
_STREAM = 7919
"""Added to the seed: the samples scored first are none of those asked for."""


def add_target_argument(parser: CommandParser) -> None:
    """The arguments of conditional sampling."""
    group = parser.add_argument_group("conditional sampling")
    group.add_argument(
        "--target-property",
        nargs="+",
        action="extend",
        default=[],
        metavar="SCORE=X",
        help="sample molecules with this score; several work together",
    )
    group.add_argument(
        "--target-samples",
        type=positive_int,
        default=SAMPLES,
        metavar="N",
        help="prior samples scored to find codes from",
    )


def check_targets(args: Any) -> dict[str, float]:
    """The wanted scores by name.

    Raises:
        ValueError: an unknown score, no number, or a setting that does not go with it.
    """
    wanted = parse_limits(args.target_property, score_names(with_start=False))
    if wanted and args.fidelity == "auto":
        raise ValueError("--target-property needs a number for --fidelity, not auto")
    if wanted and args.target_samples < 100:
        raise ValueError(f"--target-samples must be at least 100, not {args.target_samples}")
    return wanted


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


def steer(space: LatentSpace, wanted: dict[str, float], args: Any) -> LatentSpace:
    """The space with its samples drawn near the wanted scores; prints how well that works.

    Args:
        space: the bundle.
        wanted: scores by name; for none, the space is returned as it is.
        args: `seed`, `prior`, `fidelity`, `batch_size`, `target_samples`, `raw`.

    Raises:
        ValueError: when too few samples are valid, or a score does not vary.
    """
    if not wanted:
        return space
    objective = parse_objectives(list(wanted))
    seed, first = args.seed + _STREAM, args.target_samples
    more = max(first // 4, 64)
    bar = Bar("target", "molecule")
    seen = 0

    def measure(codes: Tensor) -> tuple[Tensor, Tensor]:
        """Codes as the encoder gives them, which noise harms least, and their scores."""
        nonlocal seen
        setting = space.defaults["sample_fidelity"] if args.fidelity is None else args.fidelity
        clean, parts = [], []
        for part in codes.split(args.batch_size):
            texts = space.decode(part, setting, beams=space.sample_beams)
            verdicts = space.domain.check(texts)
            forms = [v.canonical for v in verdicts if v.ok and v.canonical is not None]
            forms = [form for form in forms if _fits(space, form)]
            found = objective(forms).values
            parts.append(torch.stack([torch.tensor(found[name]) for name in wanted], dim=1))
            clean.append(space.encode(forms))
            seen += len(part)
            bar(seen, first + (ROUNDS + 1) * more)
        return torch.cat(clean), torch.cat(parts)

    codes = space.sample_latents(first, seed, args.prior, args.fidelity)
    population = Population(*measure(codes), list(wanted.values()), RADIUS)
    free = population.mean
    for number in range(ROUNDS):
        codes = population.draw(more, seed, number * more)
        population = population.extended(*measure(codes))
    _, last = measure(population.draw(more, seed, ROUNDS * more))
    last = last[torch.isfinite(last).all(dim=1)]
    bar.close()
    _tell(population, wanted, free, last, sys.stderr if args.raw else sys.stdout)
    return SteeredSpace(space, population)


def _fits(space: LatentSpace, text: str) -> bool:
    tokens = space.tokenizer(text, add_special_tokens=False)["input_ids"]
    return 0 < len(tokens) <= space.model.config.max_length


def _tell(
    population: Population, wanted: dict[str, float], free: Tensor, last: Tensor, where: Any
) -> None:
    calls = len(population.codes) + len(last)
    print(f"conditional sampling: {calls:,} molecules scored first", file=where)
    mean, sd = last.mean(0).tolist(), last.std(0).tolist()
    for i, (name, value) in enumerate(wanted.items()):
        print(
            f"{name}: wanted {value:g}, got {mean[i]:.3g} +- {sd[i]:.3g}"
            f" (unconditional {float(free[i]):.3g} +- {float(population.sd[i]):.3g})",
            file=where,
        )
        if abs(mean[i] - value) > float(population.sd[i]) / 2:
            print(f"{name}={value:g} is out of this bundle's easy reach", file=sys.stderr)
