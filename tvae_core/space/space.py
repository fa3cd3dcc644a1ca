"""The latent space of a bundle: texts to codes and back (`Codec`), and the verbs that people use.

`Codec` decodes at any setting of the fidelity dial; `LatentSpace` is a bundle and its domain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tvae_core.bundle import Bundle, load_bundle
from tvae_core.data.batches import pad_rows
from tvae_core.decoding.dial import fidelity_of, sigma_of
from tvae_core.decoding.generate import decode_latents
from tvae_core.decoding.ranges import BATCH, check_beams, check_cycles, check_radius
from tvae_core.decoding.settings import Decoding, Fidelity
from tvae_core.decoding.verified import decode_verified
from tvae_core.domain import Domain, DomainError
from tvae_core.model.prior import PriorSet
from tvae_core.model.vae import TransformerVAE
from tvae_core.space.paths import (
    How,
    Projection,
    neighbours,
    path,
    path_sigma,
    path_weights,
)
from tvae_core.support.random_rows import normal_rows

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


@dataclass(frozen=True)
class Samples:
    """Decoded texts with the codes they came from, `(n, n_latent, latent_size)`."""

    texts: list[str]
    latents: Tensor
    fidelity: Fidelity


@dataclass(frozen=True)
class PathPoint:
    """One step of an interpolation: share of the way, code, setting of the dial, text."""

    t: float
    latent: Tensor
    fidelity: float
    text: str


class LatentSpace(Codec):
    """The verbs of a trained model: encode, decode, sample, interpolate, neighbours, map.

    Args:
        model: in eval mode.
        tokenizer: of the model's vocabulary.
        priors: fitted priors.
        domain: gives `check` for `fidelity="auto"`.
        defaults: settings that verbs use when asked for none.
        bundle: where all this came from, if from a bundle.
    """

    def __init__(
        self,
        model: TransformerVAE,
        tokenizer: Any,
        priors: PriorSet,
        domain: Domain,
        defaults: dict[str, float] | None = None,
        bundle: Bundle | None = None,
    ) -> None:
        super().__init__(model, tokenizer, domain)
        self.priors = priors
        self.defaults = {
            "sample_fidelity": 0.5,
            "sample_temperature": 0.0,
            "sample_top_p": 1.0,
            "path_noise": 2.0,
            "beams": 1.0,
            "sample_beams": 1.0,
            "cycles": 0.0,
        } | (defaults or {})
        self.beams = int(self.defaults["beams"])
        self.sample_beams = int(self.defaults["sample_beams"])
        self.cycles = int(self.defaults["cycles"])
        self._bundle = bundle

    @classmethod
    def load(
        cls, path: str | Path, domain: Domain, device: str | torch.device | None = None
    ) -> LatentSpace:
        """Opens a bundle; raises `BundleError` for one that cannot be used."""
        bundle = load_bundle(path, domain.name, device)
        defaults = {k: float(v) for k, v in bundle.manifest.get("defaults", {}).items()}
        return cls(bundle.model, bundle.tokenizer, bundle.priors, domain, defaults, bundle)

    @property
    def bundle(self) -> Bundle:
        """The bundle this space was loaded from.

        Raises:
            ValueError: for a space that was built from parts.
        """
        if self._bundle is None:
            raise ValueError("this latent space was not loaded from a bundle")
        return self._bundle

    def _setting(self, fidelity: float | None) -> float:
        value = self.defaults["sample_fidelity"] if fidelity is None else float(fidelity)
        sigma_of(self.model.config, value)
        return value

    def sample_latents(
        self,
        n: int,
        seed: int = 0,
        prior: str = "flow",
        fidelity: float | None = None,
        first_row: int = 0,
    ) -> Tensor:
        """Codes drawn from a prior at a setting of the dial, `(n, n_latent, latent_size)`."""
        sigma = float(sigma_of(self.model.config, self._setting(fidelity)))
        flat = self.priors.sample(n, sigma, prior, seed, first_row)
        shape = (self.model.config.n_latent, self.model.config.latent_size)
        codes: Tensor = flat.unflatten(1, shape).cpu()
        return codes

    def sampling(
        self,
        fidelity: float | str | None = None,
        *,
        temperature: float | None = None,
        top_p: float | None = None,
        seed: int = 0,
        batch_size: int = BATCH,
    ) -> Decoding:
        """How random samples are decoded: as given, or by default as the bundle recommends.

        With `auto`, which looks for valid texts by the dial, texts are the likeliest by default.

        Raises:
            ValueError: for settings out of range.
        """
        auto = isinstance(fidelity, str)
        if temperature is None:
            temperature = 0.0 if auto else self.defaults["sample_temperature"]
        if top_p is None:
            top_p = 1.0 if auto else self.defaults["sample_top_p"]
        return Decoding(
            fidelity if isinstance(fidelity, str) else self._setting(fidelity),
            temperature,
            top_p,
            beams=self.sample_beams,
            seed=seed,
            batch_size=batch_size,
        )

    def sample_batches(
        self, stop: int, how: Decoding | None = None, prior: str = "flow", first: int = 0
    ) -> Iterator[Samples]:
        """Random samples in batches; the whole depends on the seed, not on `batch_size`.

        Args:
            stop: one more than the number of the last sample, at least 1.
            how: how they are decoded; by default as `sampling` gives it.
            prior: `flow`, `gaussian` or `normal`.
            first: number of the first sample.

        Raises:
            ValueError: for settings out of range.
        """
        if stop < 1:
            raise ValueError(f"the number of samples must be at least 1, not {stop}")
        how = self.sampling() if how is None else how
        setting = how.fidelity if isinstance(how.fidelity, int | float) else None
        for start in range(first, stop, how.batch_size):
            count = min(how.batch_size, stop - start)
            latents = self.sample_latents(count, how.seed, prior, setting, start)
            yield Samples(self.decode(latents, how, first_row=start), latents, how.fidelity)

    def sample(
        self,
        n: int,
        seed: int = 0,
        prior: str = "flow",
        fidelity: float | str | None = None,
        *,
        progress: Progress | None = None,
        **settings: Any,
    ) -> Samples:
        """Random samples; nothing is filtered.

        Args:
            n: samples, at least 1.
            seed: of codes and decoding.
            prior: `flow`, `gaussian` or `normal`.
            fidelity: setting of the dial; by default the bundle's own.
            progress: called with (done, total).
            settings: `temperature`, `top_p` and `batch_size` of `sampling`.

        Raises:
            ValueError: for settings out of range.
        """
        how = self.sampling(fidelity, seed=seed, **settings)
        texts: list[str] = []
        latents: list[Tensor] = []
        for part in self.sample_batches(n, how, prior):
            texts += part.texts
            latents.append(part.latents)
            if progress is not None:
                progress(len(texts), n)
        return Samples(texts, torch.cat(latents), how.fidelity)

    def interpolate(
        self,
        a: str,
        b: str,
        steps: int = 9,
        how: How = "slerp",
        per_token: bool = False,
        fidelity: float | str | None = None,
    ) -> list[PathPoint]:
        """The way from one text to another, both ends included.

        Args:
            a: first text.
            b: last text.
            steps: points, at least 2.
            how: `slerp` or `lerp`.
            per_token: an arc for each latent token.
            fidelity: setting of the dial for all points, `auto`, or None to follow the path: the
                ends most faithfully, points between at the noise level that the other end makes
                (see `follow`).
        """
        codes = self.encode([a, b])
        way = path(codes[0], codes[1], steps, how, per_token)
        if fidelity is None:
            read, settings = self.follow(way[None], how)
            texts, shown = self.rebuild(read[0], settings), settings.tolist()
        else:
            first, last = self.rebuild(way[[0, -1]], fidelity)
            texts = [first, *self.decode(way[1:-1], fidelity), last]
            shown = [float("nan") if isinstance(fidelity, str) else float(fidelity)] * steps
        shares = torch.linspace(0, 1, steps).tolist()
        return [
            PathPoint(t, code, setting, text)
            for t, code, setting, text in zip(shares, way, shown, texts, strict=True)
        ]

    @property
    def spread(self) -> float:
        """Standard deviation of the codes of the training set, over all dimensions."""
        covariance = self.priors.gaussian.covariance
        return float(covariance.diagonal().mean().sqrt())

    def follow(self, paths: Tensor, how: How = "slerp") -> tuple[Tensor, Tensor]:
        """Reads each point of a path as its nearer end under noise made by the farther one.

        With weights `near` and `far` of the ends, the point is `near * (end + sigma * noise)` for
        `sigma = far / near * spread`; what the decoder was trained on at that level is
        `(end + sigma * noise) / sqrt(1 + sigma^2)`. The bundle's `path_noise` scales the level.

        Args:
            paths: `(n, steps, n_latent, latent_size)`, made by `path`.
            how: how they were made.

        Returns:
            Codes to decode, of the same shape, and the settings of the dial `(steps,)`.
        """
        steps, config = paths.shape[1], self.model.config
        near, _ = path_weights(steps, how)
        scale = self.defaults["path_noise"] * self.spread
        sigma = (path_sigma(steps, how) * scale).clamp(max=config.sigma_max)
        factor = 1 / (near * (1 + sigma.square()).sqrt())
        return paths * factor[None, :, None, None], fidelity_of(config, sigma)

    def neighbours(
        self,
        text: str,
        n: int = 50,
        radius: float = 0.5,
        seed: int = 0,
        fidelity: float | None = None,
        progress: Progress | None = None,
    ) -> Samples:
        """Texts decoded from around a text's code.

        Args:
            text: centre.
            n: codes to decode, at least 1.
            radius: noise level, in units of the code's own spread.
            seed: of the noise.
            fidelity: setting of the dial; by default that of the radius.
            progress: called with (done, total).
        """
        if n < 1:
            raise ValueError(f"the number of neighbours must be at least 1, not {n}")
        check_radius(radius)
        code = self.encode([text])[0]
        noise = normal_rows(0, n, tuple(code.shape), seed, stream=2)
        level = radius * self.spread
        codes = neighbours(code, noise, level)
        setting = fidelity
        if setting is None:
            setting = float(fidelity_of(self.model.config, max(level, 1e-6)))
        return Samples(self.decode(codes, setting, progress=progress), codes, setting)

    def project(self, codes: Tensor) -> Projection:
        """A 2-D map fitted to codes (principal components)."""
        return Projection.fit(codes)
