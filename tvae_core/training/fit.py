"""What is fitted after training: the priors, to the codes of the training set."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from tvae_core.data.batches import pad_rows
from tvae_core.data.prepared import TokenRows
from tvae_core.domain import Domain
from tvae_core.model.prior import PriorSet
from tvae_core.model.vae import TransformerVAE
from tvae_core.space.space import LatentSpace
from tvae_core.support.command_line import Bar
from tvae_core.training.presets import TrainSettings


def fit_priors(
    model: TransformerVAE,
    tokenizer: Any,
    domain: Domain,
    rows: TokenRows,
    settings: TrainSettings,
    seen: int,
) -> tuple[LatentSpace, float]:
    """Encodes part of the training set and fits both priors to it.

    Args:
        model: in eval mode.
        tokenizer: of its vocabulary.
        domain: for the space.
        rows: the training set.
        settings: sizes and steps of the priors.
        seen: items that the model was trained on; no more are encoded (but 256).

    Returns:
        The latent space and the flow's last loss.
    """
    rng = np.random.default_rng(settings.seed)
    chosen = rng.permutation(len(rows))[: min(settings.prior_codes, max(seen, 256))]
    codes = encode_rows(model, rows, chosen, settings.eval_batch_size)
    torch.manual_seed(settings.seed)
    priors = PriorSet(model.config.code_size, settings.prior_width, settings.prior_depth)
    flat = codes.flatten(1)
    priors.gaussian.fit(flat)
    bar = Bar("flow prior", "step")
    loss = priors.flow.fit(
        flat,
        steps=settings.prior_steps,
        sigma_min=model.config.sigma_min,
        seed=settings.seed,
        progress=lambda done, total, _: bar(done, total),
    )
    return LatentSpace(model, tokenizer, priors.to(model.device).eval(), domain), loss


def encode_rows(model: TransformerVAE, rows: TokenRows, chosen: Any, batch_size: int) -> Tensor:
    """Codes `(len(chosen), n_latent, latent_size)` of the chosen rows, in length order."""
    order = chosen[np.argsort(rows.lengths[chosen], kind="stable")]
    parts, bar = [], Bar("encode", "item")
    with torch.no_grad():
        for start in range(0, len(order), batch_size):
            part = order[start : start + batch_size]
            ids = pad_rows([torch.from_numpy(rows.row(int(i))) for i in part])
            parts.append(model.encode(ids.to(model.device)).float().cpu())
            bar(start + len(part), len(order))
    return torch.cat(parts)
