"""Beam search: the most likely row of a code, not the likeliest token at every step.

A greedy row can begin with a token that no good row continues; with a few rows kept side by side
the decoder finds a likelier one. Scores are sums of log-probabilities without a term for length:
what is wanted is the mode, not a fluent sentence. Rows that have ended keep their place, so a code
is done as soon as its best row has ended: the others can only lose.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tvae_core.model.decoder import DecoderCache
from tvae_core.model.vae import TransformerVAE

Progress = Callable[[int, int], None]
BEAMS = 4
"""What a training writes into its bundle: eight give hardly more, at twice the cost."""
MAX_BEAMS = 64
_SHRINK = 0.75


def check_beams(beams: int) -> None:
    """Refuses impossible widths.

    Raises:
        ValueError: for fewer than one row or more than `MAX_BEAMS`.
    """
    if not 1 <= beams <= MAX_BEAMS:
        raise ValueError(f"beams must be in 1..{MAX_BEAMS} (1 is greedy), not {beams}")


def begin(model: TransformerVAE, latents: Tensor, sigma: Tensor, limit: int) -> DecoderCache:
    """The decoder's cache for rows of at most `limit` tokens from latents `(b, n_latent, size)`."""
    memory, summary = model.memory(latents.to(model.dtype), sigma)
    return model.decoder.start(memory, summary, capacity=min(limit + 1, 8))


def next_logits(model: TransformerVAE, token: Tensor, cache: DecoderCache, limit: int) -> Tensor:
    """Logits `(b, vocab)` in fp32 after one more token `(b,)`; -inf for what never follows."""
    if cache.full:
        cache.grow(min(2 * cache.filled, limit + 1))
    states = model.decoder.step(model.embed_tokens(token[:, None]), cache)
    logits = model.logits(states)[:, 0].float()
    config = model.config
    logits[:, [config.pad_token_id, config.bos_token_id, config.mask_token_id]] = float("-inf")
    return logits


def search_batch(
    model: TransformerVAE,
    latents: Tensor,
    sigma: Tensor,
    beams: int,
    limit: int,
    every: bool = False,
) -> list[list[list[int]]]:
    """The rows of each code that a beam search ends with.

    Args:
        model: in eval mode.
        latents: `(b, n_latent, latent_size)`, on the model's device.
        sigma: `(b,)` noise levels the decoder is told.
        beams: rows kept a code; 1 is greedy decoding.
        limit: longest row in tokens.
        every: all `beams` rows of a code; otherwise the best one alone, which takes fewer steps.

    Returns:
        For each code its rows, best first, as lists of tokens without special tokens.
    """
    config, device = model.config, latents.device
    batch = latents.shape[0]
    rows = torch.arange(batch, device=device).repeat_interleave(beams)
    cache = begin(model, latents, sigma, limit).select(rows)
    found: list[list[list[int]]] = [[] for _ in range(batch)]
    alive = torch.arange(batch, device=device)
    out = torch.full((batch, beams, 0), config.pad_token_id, device=device)
    scores = torch.full((batch, beams), float("-inf"), device=device)
    scores[:, 0] = 0.0
    ended = torch.zeros((batch, beams), dtype=torch.bool, device=device)
    token = torch.full((batch * beams,), config.bos_token_id, device=device)
    for step in range(limit + 1):
        gain = next_logits(model, token, cache, limit).log_softmax(-1).view(len(alive), beams, -1)
        if step == limit:
            last = torch.full_like(gain, float("-inf"))
            last[..., config.eos_token_id] = gain[..., config.eos_token_id]
            gain = last
        # a row that has ended goes on with nothing but padding, which costs nothing
        gain = gain.masked_fill(ended[..., None], float("-inf"))
        gain[..., config.pad_token_id] = torch.where(ended, 0.0, float("-inf"))
        vocabulary = gain.shape[-1]
        scores, place = (scores[..., None] + gain).flatten(1).topk(beams, -1)
        parent, token = place // vocabulary, place % vocabulary
        out = out.gather(1, parent[..., None].expand(-1, -1, out.shape[-1]))
        ended = ended.gather(1, parent) | (token == config.eos_token_id)
        out = torch.cat((out, token.masked_fill(ended, config.pad_token_id)[..., None]), -1)
        rows = (parent + beams * torch.arange(len(alive), device=device)[:, None]).flatten()
        done = ended.all(1) if every else ended[:, 0]
        if step == limit:
            done = torch.ones_like(done)
        for index in done.nonzero()[:, 0].tolist():
            best = out[index] if every else out[index, :1]
            found[int(alive[index])] = [row[row != config.pad_token_id].tolist() for row in best]
        keep = (~done).nonzero()[:, 0]
        if len(keep) == 0:
            break
        if len(keep) < _SHRINK * len(alive):
            alive, out, scores, ended = alive[keep], out[keep], scores[keep], ended[keep]
            token, rows = token[keep], rows.view(-1, beams)[keep].flatten()
            cache = cache.select(rows)
        else:
            cache.reorder(rows)
        token = token.flatten()
    return found
