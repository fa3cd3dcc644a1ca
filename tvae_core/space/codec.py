"""`Codec`: texts to latent codes and back, at any setting of the fidelity dial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tvae_core.data.batches import pad_rows
from tvae_core.decoding.beam import check_beams
from tvae_core.decoding.dial import sigma_of
from tvae_core.decoding.generate import decode_latents
from tvae_core.decoding.settings import Decoding, Fidelity
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
        fidelity: Fidelity | Decoding = 1.0,
        *,
        first_row: int = 0,
        progress: Progress | None = None,
        **settings: Any,
    ) -> list[str]:
        """Texts of codes.

        Args:
            latents: `(n, n_latent, latent_size)`.
            fidelity: setting of the dial, or all settings as a `Decoding`.
            first_row: number of the first code in the seed's draws.
            progress: called with (done, total).
            settings: others of a `Decoding`, by name: `temperature=1.0, seed=3`.

        Raises:
            ValueError: for settings out of range.
        """
        how = Decoding.of(fidelity, **settings)
        if how.auto:
            return self._decode_auto(latents, how, first_row, progress)
        numbers = range(first_row, first_row + len(latents))
        return self._decode_at(latents, how, numbers, progress)

    def _decode_at(
        self,
        latents: Tensor,
        how: Decoding,
        numbers: Sequence[int],
        progress: Progress | None = None,
    ) -> list[str]:
        assert not isinstance(how.fidelity, str)
        rows = decode_latents(
            self.model,
            latents,
            sigma_of(self.model.config, how.fidelity),
            temperature=how.temperature,
            top_p=how.top_p,
            seed=how.seed,
            row_numbers=numbers,
            batch_size=how.batch_size,
            progress=progress,
            beams=self.beams if how.beams is None else how.beams,
        )
        texts: list[str] = self.tokenizer.batch_decode(rows) if rows else []
        return texts

    def _decode_auto(
        self, latents: Tensor, how: Decoding, first_row: int, progress: Progress | None
    ) -> list[str]:
        texts = [""] * len(latents)
        left = list(range(len(latents)))
        for setting in AUTO_SETTINGS:
            if not left:
                break
            numbers = [first_row + i for i in left]
            tried = self._decode_at(latents[left], replace(how, fidelity=setting), numbers)
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
        fidelity: Fidelity | Decoding = 1.0,
        *,
        progress: Progress | None = None,
        **settings: Any,
    ) -> list[str]:
        """The likeliest texts of real items' codes: `decode`, but verified where that is possible.

        At the most faithful setting of the dial, which asks for the item itself, texts are encoded
        again, and others are tried where another code comes back (`tvae_core.decoding.verified`),
        in at most `cycles` cycles. At all other settings it is `decode`.

        Args:
            latents: `(n, n_latent, latent_size)`, as `encode` gives them.
            fidelity: setting of the dial, or all settings as a `Decoding`.
            progress: called with (done, total).
            settings: others of a `Decoding`, by name.

        Raises:
            ValueError: for settings out of range.
        """
        how = Decoding.of(fidelity, **settings)
        cycles = self.cycles if how.cycles is None else how.cycles
        if isinstance(how.fidelity, str) or not cycles:
            return self.decode(latents, how, progress=progress)
        sigma = sigma_of(self.model.config, how.fidelity).expand(len(latents))
        faithful = sigma <= self.model.config.sigma_min * (1 + 1e-4)
        setting = torch.as_tensor(how.fidelity, dtype=torch.float32).expand(len(latents))
        texts = [""] * len(latents)
        verified, others = faithful.nonzero()[:, 0], (~faithful).nonzero()[:, 0]

        def tell(done: int, total: int) -> None:
            if progress is not None:
                progress(len(latents) - total + done, len(latents))

        if len(others):
            found = self.decode(latents[others], replace(how, fidelity=setting[others]))
            for index, text in zip(others.tolist(), found, strict=True):
                texts[index] = text
        found = decode_verified(
            self,
            latents[verified],
            cycles=cycles,
            beams=self.beams if how.beams is None else how.beams,
            batch_size=how.batch_size,
            progress=tell,
        )
        for index, text in zip(verified.tolist(), found, strict=True):
            texts[index] = text
        return texts

    def reconstruct(self, texts: Sequence[str], fidelity: float | str = 1.0) -> list[str]:
        """Encodes and decodes texts, see `rebuild`."""
        return self.rebuild(self.encode(texts), fidelity)
