"""`Codec`: texts to latent codes and back, at any setting of the fidelity dial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from tvae_core.data.batches import pad_rows
from tvae_core.decoding.beam import check_beams
from tvae_core.decoding.dial import sigma_of
from tvae_core.decoding.generate import BATCH, decode_latents
from tvae_core.decoding.verified import check_cycles, decode_verified
from tvae_core.domain import Domain, DomainError
from tvae_core.model.vae import TransformerVAE

Progress = Callable[[int, int], None]
AUTO_SETTINGS = (1.0, 0.85, 0.7, 0.55, 0.4, 0.25, 0.1, 0.0)
"""Settings of the dial that `fidelity="auto"` tries, most faithful first."""


class Codec:
    """Encodes and decodes texts with a model and a tokenizer.

    Args:
        model: in eval mode.
        tokenizer: of the model's vocabulary.
        domain: gives `check` for `fidelity="auto"`.

    Attributes:
        beams: rows searched side by side for the likeliest text of a code; 1 is greedy.
        sample_beams: the same for random samples, where temperature 0 is asked for.
        cycles: most cycles in which `rebuild` looks for the text that a real item's code has.
    """

    def __init__(self, model: TransformerVAE, tokenizer: Any, domain: Domain) -> None:
        self.model, self.tokenizer, self.domain = model, tokenizer, domain
        self.beams, self.sample_beams, self.cycles = 1, 1, 0

    def search(self, beams: int | None = None, cycles: int | None = None) -> None:
        """Takes these for every verb from now on; raises `ValueError` for impossible numbers."""
        if beams is not None:
            check_beams(beams)
            self.beams = self.sample_beams = beams
        if cycles is not None:
            check_cycles(cycles)
            self.cycles = cycles

    @torch.inference_mode()
    def encode(
        self, texts: Sequence[str], batch_size: int = 256, progress: Progress | None = None
    ) -> Tensor:
        """Codes of texts, `(n, n_latent, latent_size)` on the CPU, without noise.

        Raises:
            DomainError: for an empty text, or one longer than the model takes.
        """
        rows = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"] if texts else []
        limit = self.model.config.max_length
        for text, row in zip(texts, rows, strict=True):
            if not row:
                raise DomainError("the text is empty")
            if len(row) > limit:
                short = text if len(text) <= 60 else text[:57] + "..."
                raise DomainError(f"{short!r} has {len(row)} tokens; this bundle takes {limit}")
        shape = (self.model.config.n_latent, self.model.config.latent_size)
        out = torch.zeros(len(rows), *shape)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        for start in range(0, len(order), batch_size):
            part = order[start : start + batch_size]
            ids = pad_rows([torch.tensor(rows[i]) for i in part]).to(self.model.device)
            out[part] = self.model.encode(ids).float().cpu()
            if progress is not None:
                progress(start + len(part), len(rows))
        return out

    def decode(
        self,
        latents: Tensor,
        fidelity: float | Tensor | str = 1.0,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
        first_row: int = 0,
        batch_size: int = BATCH,
        progress: Progress | None = None,
        beams: int | None = None,
    ) -> list[str]:
        """Texts of codes.

        Args:
            latents: `(n, n_latent, latent_size)`.
            fidelity: setting of the dial in 0..1, one or `(n,)`, or `auto`: each code at the most
                faithful setting whose text passes the domain's check (the smoothest, if none).
            temperature: 0 is the likeliest text, by beam search if `beams` is above 1.
            top_p: nucleus of the sampling.
            seed: of the sampling.
            first_row: number of the first code in the seed's draws.
            batch_size: codes decoded at once.
            progress: called with (done, total).
            beams: rows searched side by side at temperature 0; by default the space's own. At
                another temperature rows are drawn, and there is no search.

        Raises:
            ValueError: for settings out of range.
        """
        width = self.beams if beams is None else beams
        check_beams(width)
        if isinstance(fidelity, str):
            if fidelity != "auto":
                raise ValueError(f"fidelity is a number in 0..1 or auto, not {fidelity!r}")
            return self._decode_auto(
                latents, temperature, top_p, seed, first_row, batch_size, progress, width
            )
        numbers = range(first_row, first_row + len(latents))
        return self._decode_at(
            latents, fidelity, temperature, top_p, seed, numbers, batch_size, width, progress
        )

    def _decode_at(
        self,
        latents: Tensor,
        fidelity: float | Tensor,
        temperature: float,
        top_p: float,
        seed: int,
        numbers: Sequence[int],
        batch_size: int,
        beams: int,
        progress: Progress | None = None,
    ) -> list[str]:
        rows = decode_latents(
            self.model,
            latents,
            sigma_of(self.model.config, fidelity),
            temperature=temperature,
            top_p=top_p,
            seed=seed,
            row_numbers=numbers,
            batch_size=batch_size,
            progress=progress,
            beams=beams,
        )
        texts: list[str] = self.tokenizer.batch_decode(rows) if rows else []
        return texts

    def _decode_auto(
        self,
        latents: Tensor,
        temperature: float,
        top_p: float,
        seed: int,
        first_row: int,
        batch_size: int,
        progress: Progress | None,
        beams: int,
    ) -> list[str]:
        texts = [""] * len(latents)
        left = list(range(len(latents)))
        for setting in AUTO_SETTINGS:
            if not left:
                break
            numbers = [first_row + i for i in left]
            tried = self._decode_at(
                latents[left], setting, temperature, top_p, seed, numbers, batch_size, beams
            )
            verdicts = self.domain.check(tried)
            for i, text in zip(left, tried, strict=True):
                texts[i] = text
            left = [i for i, verdict in zip(left, verdicts, strict=True) if not verdict.ok]
            if progress is not None:
                progress(len(latents) - len(left), len(latents))
        return texts

    def rebuild(
        self,
        latents: Tensor,
        fidelity: float | Tensor | str = 1.0,
        batch_size: int = BATCH,
        progress: Progress | None = None,
    ) -> list[str]:
        """The likeliest texts of real items' codes: `decode`, but verified where that is possible.

        At the most faithful setting of the dial, which asks for the item itself, texts are encoded
        again, and others are tried where another code comes back (`tvae_core.decoding.verified`),
        in at most `cycles` cycles. At all other settings it is `decode`.

        Args:
            latents: `(n, n_latent, latent_size)`, as `encode` gives them.
            fidelity: setting of the dial in 0..1, one or `(n,)`, or `auto`.
            batch_size: rows decoded at once.
            progress: called with (done, total).

        Raises:
            ValueError: for settings out of range.
        """
        if isinstance(fidelity, str) or not self.cycles:
            return self.decode(latents, fidelity, batch_size=batch_size, progress=progress)
        sigma = sigma_of(self.model.config, fidelity).expand(len(latents))
        faithful = sigma <= self.model.config.sigma_min * (1 + 1e-4)
        setting = torch.as_tensor(fidelity, dtype=torch.float32).expand(len(latents))
        texts = [""] * len(latents)
        verified, others = faithful.nonzero()[:, 0], (~faithful).nonzero()[:, 0]

        def tell(done: int, total: int) -> None:
            if progress is not None:
                progress(len(latents) - total + done, len(latents))

        if len(others):
            found = self.decode(latents[others], setting[others], batch_size=batch_size)
            for index, text in zip(others.tolist(), found, strict=True):
                texts[index] = text
        found = decode_verified(
            self,
            latents[verified],
            cycles=self.cycles,
            beams=self.beams,
            batch_size=batch_size,
            progress=tell,
        )
        for index, text in zip(verified.tolist(), found, strict=True):
            texts[index] = text
        return texts

    def reconstruct(self, texts: Sequence[str], fidelity: float | str = 1.0) -> list[str]:
        """Encodes and decodes texts, see `rebuild`."""
        return self.rebuild(self.encode(texts), fidelity)
