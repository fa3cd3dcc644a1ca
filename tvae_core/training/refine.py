"""Refinement: more training of a decoder on the valid part of what it decodes itself.

A decoder is trained on noisy codes of real items and then asked to read codes that no item has:
draws from a prior, points between two items. Here such codes are decoded, what fails the domain's
check is drawn again, and the decoder goes on training on the pairs of code and valid text, half
of each step, beside real items. Sampling from a model, keeping what passes and training on it is
the rejection-sampling fine-tuning of Yuan et al. 2023 (arXiv 2308.01825) and RAFT (arXiv
2304.06767), here with a code as the prompt. The encoder and the embedding stay as they are, so
codes, maps and priors of the bundle stay valid.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from tvae_core.data.batches import pad_rows
from tvae_core.decoding.dial import fidelity_of
from tvae_core.model.vae import TransformerVAE
from tvae_core.space.space import LatentSpace
from tvae_core.training.loop import TVAETrainer

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Pairs:
    """Codes off the data with texts that decode from them and are valid.

    Attributes:
        latents: `(n, n_latent, latent_size)`, of unit variance.
        sigma: `(n,)` noise levels that the decoder is told.
        rows: token rows, without special tokens.
        first_valid: share of codes whose first draw was valid.
    """

    latents: Tensor
    sigma: Tensor
    rows: list[list[int]]
    first_valid: float

    def __len__(self) -> int:
        return len(self.rows)


def between(codes: Tensor, n: int, space: LatentSpace, generator: torch.Generator) -> Any:
    """Points between random pairs of codes, as `LatentSpace.follow` reads a path.

    Args:
        codes: `(m, n_latent, latent_size)` of real items.
        n: points.
        space: gives the spread and the highest noise level.
        generator: of the draws.

    Returns:
        `(n, n_latent, latent_size)` codes to decode and their noise levels `(n,)`.
    """
    first, second = torch.randint(len(codes), (2, n), generator=generator)
    angle = (0.05 + 0.45 * torch.rand(n, generator=generator)) * math.pi / 2
    scale = 4.0 ** torch.rand(n, generator=generator)
    sigma = (angle.tan() * scale * space.spread).clamp(
        space.model.config.sigma_min, space.model.config.sigma_max
    )
    points = codes[first] + angle.tan()[:, None, None] * codes[second]
    return points / (1 + sigma.square()).sqrt()[:, None, None], sigma


def off_data_codes(
    space: LatentSpace, codes: Tensor, n: int, generator: torch.Generator, lowest: float
) -> tuple[Tensor, Tensor]:
    """Codes that no item has: half prior draws, half points between items.

    Args:
        space: gives the priors.
        codes: `(m, n_latent, latent_size)` of real items.
        n: codes.
        generator: of the draws.
        lowest: lowest noise level of the prior draws; they are log-uniform from there up.

    Returns:
        `(n, n_latent, latent_size)` and the noise levels `(n,)`.
    """
    config = space.model.config
    half, levels = n // 2, 8
    parts, sigmas = [], []
    for index in range(levels):
        count = half // levels + (index < half % levels)
        place = (index + float(torch.rand((), generator=generator))) / levels
        sigma = lowest * (config.sigma_max / lowest) ** place
        seed = int(torch.randint(2**31, (), generator=generator))
        prior = ("flow", "normal")[index % 2]
        setting = float(fidelity_of(config, sigma))
        parts.append(space.sample_latents(count, seed, prior, setting))
        sigmas.append(torch.full((count,), sigma))
    points, along = between(codes, n - half, space, generator)
    return torch.cat([*parts, points]), torch.cat([*sigmas, along])


def valid_pairs(
    space: LatentSpace,
    latents: Tensor,
    sigma: Tensor,
    *,
    temperature: float = 1.0,
    tries: int = 6,
    seed: int = 0,
    progress: Progress | None = None,
) -> Pairs:
    """Decodes codes by sampling until the text is valid, at most `tries` times.

    Rejection keeps what the decoder would have drawn, given that it is valid: the distribution
    over valid texts is not sharpened.

    Args:
        space: decodes and checks.
        latents: `(n, n_latent, latent_size)`.
        sigma: `(n,)`.
        temperature: of the draws.
        tries: draws a code.
        seed: of the draws.
        progress: called with (codes done, all).

    Returns:
        The pairs of the codes for which a valid text was found.
    """
    settings = fidelity_of(space.model.config, sigma)
    limit = space.model.config.max_length
    found: list[list[int] | None] = [None] * len(latents)
    left, first_valid = list(range(len(latents))), 0.0
    for attempt in range(tries):
        if not left:
            break
        texts = space.decode(
            latents[left],
            settings[left],
            temperature=temperature,
            seed=seed + attempt,
            beams=1,
        )
        rows = space.tokenizer(texts, add_special_tokens=False)["input_ids"]
        verdicts = space.domain.check(texts)
        for i, verdict, row in zip(left, verdicts, rows, strict=True):
            if verdict.ok and 0 < len(row) <= limit:
                found[i] = row
        left = [i for i in left if found[i] is None]
        if attempt == 0:
            first_valid = 1 - len(left) / len(latents)
        if progress is not None:
            progress(attempt + 1, tries)
    if progress is not None:
        progress(tries, tries)
    kept = [i for i, row in enumerate(found) if row is not None]
    texts_of = [row for row in found if row is not None]
    return Pairs(latents[kept], sigma[kept], texts_of, first_valid)


def pair_loss(model: TransformerVAE, pairs: Pairs, chosen: Tensor) -> Tensor:
    """Mean cross-entropy of the chosen pairs' texts, given their codes and noise levels."""
    config = model.config
    ids = pad_rows([torch.tensor(pairs.rows[i]) for i in chosen.tolist()]).to(model.device)
    keep = ids != config.pad_token_id
    inputs = F.pad(ids, (1, 0), value=config.bos_token_id)
    targets = F.pad(ids.masked_fill(~keep, -100), (0, 1), value=-100)
    targets.scatter_(1, keep.sum(1, keepdim=True), config.eos_token_id)
    latents = pairs.latents[chosen].to(model.device)
    logits = model.decode(inputs, latents, pairs.sigma[chosen].to(model.device))
    return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


class RefineTrainer(TVAETrainer):
    """`TVAETrainer` that adds the loss of self-made pairs, made anew at every round.

    Args:
        make_pairs: called with the number of the round, gives its pairs.
        round_steps: steps a round.
        share: weight of the pairs' loss beside that of real items.
        **kwargs: as for `TVAETrainer`.
    """

    def __init__(
        self, *, make_pairs: Callable[[int], Pairs], round_steps: int, share: float, **kwargs: Any
    ) -> None:
        self.make_pairs, self.round_steps, self.share = make_pairs, round_steps, share
        self._round = -1
        self._pairs: Pairs | None = None
        super().__init__(**kwargs)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """The loss of real items plus `share` times that of as many pairs."""
        if not model.training:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        step = self.state.global_step
        pairs = self._pairs_of(step // self.round_steps, model)
        loss, output = super().compute_loss(model, inputs, True, num_items_in_batch)
        core: TransformerVAE = self.accelerator.unwrap_model(model)
        generator = torch.Generator().manual_seed(self.seed_data * 1_000_003 + step)
        chosen = torch.randint(len(pairs), (len(inputs["input_ids"]),), generator=generator)
        with torch.autocast(core.device.type, torch.bfloat16, enabled=self.args.bf16):
            own = pair_loss(core, pairs, chosen)
        self.note("pairs", own.detach().float())
        loss = loss + self.share * own
        return (loss, output) if return_outputs else loss

    def _pairs_of(self, number: int, model: Any) -> Pairs:
        if self._pairs is None or number != self._round:
            model.eval()
            fresh = self.make_pairs(number)
            model.train()
            self._pairs, self._round = fresh, number
            return fresh
        return self._pairs


def freeze_encoder(model: TransformerVAE) -> None:
    """Leaves only the decoder and its memory trainable: codes and priors stay what they are."""
    for module in (model.embed, model.encoder, model.readout):
        module.requires_grad_(False)
