"""Batched decoding from latents with a static key/value cache.

Rows that finish leave the batch; any number of latents decodes in bounded memory; random draws
belong to the row, so the batch size does not change what a seed gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from tvae_core.model.decoder import DecoderCache
from tvae_core.model.vae import TransformerVAE
from tvae_core.support.random_rows import uniform_rows

Progress = Callable[[int, int], None]
BATCH = 512
"""Codes decoded at once: half of it is slower on two cores, twice as many hardly faster."""
_SHRINK = 0.75
_CACHE_BYTES = 1 << 30
"""Most memory that the keys and values of rows decoded together may take."""
_GREEDY = 1e-6
_FIRST, _NEXT = 16, 128
"""Likeliest tokens among which a draw is looked for, before all of them are sorted."""


def check_sampling(temperature: float, top_p: float) -> None:
    """Refuses sampling settings that mean nothing.

    Raises:
        ValueError: for a negative (or not finite) temperature or a `top_p` outside (0, 1].
    """
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"temperature must be 0 (greedy) or more, not {temperature}")
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, not {top_p}")


@torch.inference_mode()
def decode_latents(
    model: TransformerVAE,
    latents: Tensor,
    sigma: Tensor | float,
    *,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
    first_row: int = 0,
    row_numbers: Sequence[int] | None = None,
    batch_size: int = BATCH,
    max_length: int | None = None,
    lengths: Sequence[int] | None = None,
    progress: Progress | None = None,
    beams: int = 1,
) -> list[list[int]]:
    """Decodes latents to token rows.

    Args:
        model: in eval mode.
        latents: `(n, n_latent, latent_size)`.
        sigma: noise level the decoder is told: one number, `(n,)` or, a token each,
            `(n, n_latent)`.
        temperature: 0 is greedy.
        top_p: nucleus of the sampling (Holtzman et al. 2020, arXiv 1904.09751).
        seed: of the sampling.
        first_row: number of the first latent in the seed's table of draws, for streams.
        row_numbers: number of every latent in that table, ascending, instead of `first_row`.
        batch_size: latents decoded at once, fewer where their cache would pass 1 GiB; it does not
            change the rows.
        max_length: longest row in tokens; by default the model's `max_length`.
        lengths: tokens of every row, which then ends there and not before.
        progress: called with (done, total) after each batch.
        beams: rows searched side by side (`tvae_core.decoding.generate`) where none is drawn and no
            length is given; 1 is greedy.

    Returns:
        One list of tokens a latent, without special tokens. A row that never ends is cut (greedy)
        or made to end (beams).

    Raises:
        ValueError: for impossible settings.
    """
    check_sampling(temperature, top_p)
    check_beams(beams)
    n = latents.shape[0]
    levels = levels_of(sigma, n)
    limit = max(lengths, default=1) if lengths is not None else max_length
    limit = limit or model.config.max_length
    searched = beams > 1 and temperature < _GREEDY and lengths is None
    batch_size = _together(model, batch_size, beams if searched else 1, limit)
    rows: list[list[int]] = []
    for start in range(0, n, batch_size):
        stop = min(start + batch_size, n)
        part = latents[start:stop].to(model.device)
        level = levels[start:stop].to(model.device)
        if searched:
            rows += [best[0] for best in search_batch(model, part, level, beams, limit)]
            if progress is not None:
                progress(stop, n)
            continue
        draws = None
        if temperature > 0:
            numbers = torch.arange(first_row + start, first_row + stop)
            if row_numbers is not None:
                numbers = torch.tensor(row_numbers[start:stop])
            low, high = int(numbers[0]), int(numbers[-1]) + 1
            draws = uniform_rows(low, high, (limit + 1,), seed, stream=1)[numbers - low]
        tokens = _decode_batch(
            model,
            part,
            level,
            temperature,
            top_p,
            draws,
            limit,
            None if lengths is None else torch.tensor(lengths[start:stop], device=part.device),
        )
        rows += tokens
        if progress is not None:
            progress(stop, n)
    return rows


def levels_of(sigma: Tensor | float, n: int) -> Tensor:
    """Noise levels of `n` codes: `(n,)`, or `(n, n_latent)` where each token has one."""
    levels = torch.as_tensor(sigma, dtype=torch.float32)
    return levels if levels.ndim == 2 else levels.expand(n)


def _together(model: TransformerVAE, batch_size: int, beams: int, limit: int) -> int:
    """Codes whose rows are decoded at once."""
    held = model.decoder.cache_bytes(limit + 1) * beams
    return max(1, min(batch_size // beams, _CACHE_BYTES // held))


@torch.inference_mode()
def decode_candidates(
    model: TransformerVAE,
    latents: Tensor,
    sigma: Tensor | float,
    beams: int,
    batch_size: int = BATCH,
) -> list[list[list[int]]]:
    """All rows that a beam search of each latent ends with.

    Args:
        model: in eval mode.
        latents: `(n, n_latent, latent_size)`.
        sigma: noise level the decoder is told, `(n,)` or one number.
        beams: rows searched side by side.
        batch_size: rows decoded at once.

    Returns:
        For each latent `beams` lists of tokens, likeliest first; fewer where there are no more.

    Raises:
        ValueError: for an impossible number of beams.
    """
    check_beams(beams)
    limit = model.config.max_length
    levels = levels_of(sigma, len(latents))
    size = _together(model, batch_size, beams, limit)
    rows: list[list[list[int]]] = []
    for start in range(0, len(latents), size):
        part = latents[start : start + size].to(model.device)
        level = levels[start : start + size].to(model.device)
        rows += search_batch(model, part, level, beams, limit, every=True)
    return rows


def _decode_batch(
    model: TransformerVAE,
    latents: Tensor,
    sigma: Tensor,
    temperature: float,
    top_p: float,
    draws: Tensor | None,
    limit: int,
    ends: Tensor | None,
) -> list[list[int]]:
    config, device = model.config, latents.device
    batch = latents.shape[0]
    cache = begin(model, latents, sigma, limit)
    out = torch.full((batch, limit), config.pad_token_id, device=device)
    alive = torch.arange(batch, device=device)
    token = torch.full((batch,), config.bos_token_id, device=device)
    done = torch.zeros(batch, dtype=torch.bool, device=device)
    for step in range(limit + 1):
        logits = next_logits(model, token, cache, limit)
        if ends is not None:
            over = ends <= step
            if over.any():
                logits = logits.masked_fill(over[:, None], float("-inf"))
            logits[:, config.eos_token_id] = torch.where(over, 0.0, float("-inf"))
        chosen = draws[alive.cpu(), step].to(device) if draws is not None else None
        token = choose(logits, chosen, temperature, top_p)
        done = done | (token == config.eos_token_id)
        if step < limit:
            kept = token.masked_fill(done, config.pad_token_id)
            out[alive, step] = kept
        left = int((~done).sum())
        if left == 0:
            break
        if left < _SHRINK * len(alive):
            rows = (~done).nonzero()[:, 0]
            alive, token, done = alive[rows], token[rows], done[rows]
            ends = None if ends is None else ends[rows]
            cache = cache.select(rows)
    sizes = (out != config.pad_token_id).sum(1).tolist()
    return [row[:size] for row, size in zip(out.tolist(), sizes, strict=True)]


def choose(logits: Tensor, draws: Tensor | None, temperature: float, top_p: float) -> Tensor:
    """Next tokens `(b,)` from logits `(b, vocab)`: greedy, or by inverse transform sampling.

    A draw runs through the tokens from the likeliest down, so only rows whose draw may fall
    beyond the first few are sorted further.

    Args:
        logits: finite or -inf.
        draws: uniform numbers `(b,)`, one a row; needed when `temperature` is above 0.
        temperature: 0 is greedy.
        top_p: share of the probability mass that may be drawn from.
    """
    if temperature < _GREEDY or draws is None:
        return likeliest(logits)
    probabilities = F.softmax(logits / temperature, -1)
    token, sure = _draw(probabilities, draws, top_p, _FIRST)
    for width in (_NEXT, logits.shape[-1]):
        rest = (~sure).nonzero()[:, 0]
        if len(rest) == 0:
            break
        token[rest], sure[rest] = _draw(probabilities[rest], draws[rest], top_p, width)
    return token


def likeliest(logits: Tensor) -> Tensor:
    """The first of the largest of each row `(b, n)`: `(b,)`.

    NumPy's search takes a tenth of the time of PyTorch's on a CPU (torch 2.13, 64 x 32,128).
    """
    if logits.device.type != "cpu" or logits.dtype == torch.bfloat16:
        return logits.argmax(-1)
    return torch.from_numpy(logits.detach().numpy().argmax(-1))


def _draw(probabilities: Tensor, draws: Tensor, top_p: float, width: int) -> tuple[Tensor, Tensor]:
    """Tokens drawn from the `width` likeliest, and where that is what all would have given."""
    width = min(width, probabilities.shape[-1])
    part, order = probabilities.topk(width, -1)
    total = part.cumsum(-1)
    mass = total[:, -1]
    if top_p < 1:
        inside = mass >= top_p
        part = part.masked_fill(total - part >= top_p, 0.0)
        total = part.cumsum(-1)
        wanted = draws * total[:, -1]
    else:
        wanted = draws * probabilities.sum(-1)
        inside = wanted < mass
    place = torch.searchsorted(total, wanted[:, None], right=True)
    last = (part > 0).sum(-1, keepdim=True) - 1
    token = order.gather(-1, place.minimum(last))[:, 0]
    return token, inside | (width == probabilities.shape[-1])


BEAMS = 4
"""What a training writes into its bundle: eight give hardly more, at twice the cost."""
MAX_BEAMS = 64


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
