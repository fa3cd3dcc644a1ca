"""Verified decoding of real items' codes: the text that has the code which was asked for.

The decoder says which texts are likely for a code, the encoder which code a text has. For the code
of a real item the right text can therefore be told from the others: its own code is the same. The
likeliest text is encoded again, and where its code is another one, more texts are looked at, the
rows of a beam search and those of codes moved by what was missed, and the one whose code comes
nearest is taken. Explaining what is given by making it anew is analysis by synthesis (Yuille and
Kersten 2006, doi 10.1016/j.tics.2006.05.002); rating a decoder's texts by a model of the other
direction is the noisy channel of Yee et al. 2019 (arXiv 1908.05731).

A code that no item has (a sample, a point between two items) can be verified by no text: it is
decoded plainly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from tvae_core.decoding.generate import BATCH, MAX_BEAMS, decode_candidates, decode_latents
from tvae_core.model.vae import TransformerVAE

Progress = Callable[[int, int], None]
ROUNDS = ((0.0, 1), (1.0, 1), (0.5, 1), (0.0, 4))
"""What each cycle tries: the share of what was missed that the code is moved by, and how many times
the beams are searched."""
MAX_CYCLES = len(ROUNDS)
BEAMS = 4
"""Fewest rows searched in a cycle."""
TOLERANCE = 0.5
"""Largest root mean square of the difference between two codes of one text, in units of
`sigma_min`: far above rounding, far below the difference between two texts."""


class Reader(Protocol):
    """What texts are encoded with: a `tvae_core.space.space.Codec`."""

    model: TransformerVAE
    tokenizer: Any

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Codes `(n, n_latent, latent_size)`."""
        ...


def check_cycles(cycles: int) -> None:
    """Refuses impossible numbers of cycles.

    Raises:
        ValueError: below 0 or above `MAX_CYCLES`.
    """
    if not 0 <= cycles <= MAX_CYCLES:
        raise ValueError(f"cycles must be in 0..{MAX_CYCLES} (0 verifies nothing), not {cycles}")


def decode_verified(
    reader: Reader,
    latents: Tensor,
    *,
    cycles: int,
    beams: int = BEAMS,
    batch_size: int = BATCH,
    progress: Progress | None = None,
) -> list[str]:
    """Texts of real items' codes at the most faithful setting, each verified by encoding it again.

    Args:
        reader: encodes what is decoded.
        latents: `(n, n_latent, latent_size)`.
        cycles: most cycles after the first look, at most `MAX_CYCLES`.
        beams: rows searched in a cycle, at least `BEAMS`.
        batch_size: rows decoded at once.
        progress: called with (codes that are done, all).

    Returns:
        One text a code: the first whose code is the same, or of all that were looked at the one
        whose code is nearest.
    """
    check_cycles(cycles)
    model, n, latents = reader.model, len(latents), latents.float().cpu()
    sigma = model.config.sigma_min
    rows = decode_latents(model, latents, sigma, batch_size=batch_size)
    texts: list[str] = reader.tokenizer.batch_decode(rows) if rows else []
    codes = codes_of(reader, texts, latents)
    missed = (codes - latents).flatten(1).square().mean(1)
    enough = (TOLERANCE * sigma) ** 2
    for share, times in ROUNDS[:cycles]:
        left = (missed > enough).nonzero()[:, 0]
        if progress is not None:
            progress(n - len(left), n)
        if not len(left):
            break
        wanted = latents[left]
        known = codes[left].isfinite().flatten(1).all(1)[:, None, None]
        aim = wanted + share * torch.where(known, wanted - codes[left], 0.0)
        found = decode_candidates(
            model, aim, sigma, min(max(beams, BEAMS) * times, MAX_BEAMS), batch_size
        )
        tried = reader.tokenizer.batch_decode([row for rows in found for row in rows])
        own = codes_of(reader, tried, latents)
        place = 0
        for index, rows in zip(left.tolist(), found, strict=True):
            part = slice(place, place + len(rows))
            apart = (own[part] - latents[index]).flatten(1).square().mean(1)
            best = int(apart.argmin())
            if apart[best] < missed[index]:
                texts[index], codes[index] = tried[place + best], own[place + best]
                missed[index] = apart[best]
            place += len(rows)
    if progress is not None:
        progress(n, n)
    return texts


def codes_of(reader: Reader, texts: Sequence[str], like: Tensor) -> Tensor:
    """Codes of texts, `(n, n_latent, latent_size)`; infinite for one that the model does not take.

    Args:
        reader: encodes them.
        texts: any texts.
        like: codes of the shape that is wanted.
    """
    codes = torch.full((len(texts), *like.shape[1:]), float("inf"))
    rows = reader.tokenizer(list(texts), add_special_tokens=False)["input_ids"] if texts else []
    fit = [i for i, row in enumerate(rows) if 0 < len(row) <= reader.model.config.max_length]
    if fit:
        codes[fit] = reader.encode([texts[i] for i in fit])
    return codes
