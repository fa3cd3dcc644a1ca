"""Cycle losses: the encoder is to find the code that a text was decoded from.

`cycle_weight` asks it of the batch's own codes, `interpolate_every` of points between them, where
no item of the data lies. Decoding is greedy and free-running and has no gradient: the loss moves
the encoder towards the decoder's inverse. (In the original system the decoder's hidden states went
back into the encoder; here whole texts do, as they do for a user.)
"""

from __future__ import annotations

import torch
from torch import Tensor

from tvae_core.data.batches import pad_rows
from tvae_core.decoding.generate import decode_latents
from tvae_core.model.vae import TransformerVAE
from tvae_core.space import paths

ROWS = 32
"""Codes of a batch that are decoded; decoding is the larger part of the cost."""


def between_items(latents: Tensor) -> Tensor:
    """Points on the arcs between every code and the next, at drawn shares of the way.

    Args:
        latents: `(b, n_latent, latent_size)`.

    Returns:
        `(b, n_latent, latent_size)`.
    """
    others = latents.roll(1, dims=0)
    shares = torch.rand(len(latents)).tolist()
    return torch.stack(
        [paths.slerp(a, b, t) for a, b, t in zip(latents, others, shares, strict=True)]
    )


def cycle_loss(model: TransformerVAE, latents: Tensor) -> Tensor:
    """Mean squared difference between codes and the codes of what is decoded from them.

    Args:
        model: in training mode; it is left so.
        latents: `(b, n_latent, latent_size)`; the first `ROWS` are used.

    Returns:
        The loss, 0 where nothing was decoded from any code.
    """
    codes = latents[:ROWS].detach()
    training = model.training
    model.eval()  # type: ignore[no-untyped-call]
    rows = decode_latents(model, codes, model.config.sigma_min)
    model.train(training)
    kept = [i for i, row in enumerate(rows) if row]
    if not kept:
        return codes.new_zeros(())
    ids = pad_rows([torch.tensor(rows[i]) for i in kept]).to(codes.device)
    found = model.encode(ids)
    return (found.float() - codes[kept].float()).square().mean()
