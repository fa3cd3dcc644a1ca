"""`LatentSpace`: a bundle and its domain, with the verbs that people use.

space = LatentSpace.load("domains/smiles/bundle", SmilesDomain())
space.sample(10).texts
[point.text for point in space.interpolate("CCO", "c1ccccc1O", steps=9)]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tvae_core.bundle import Bundle, load_bundle
from tvae_core.decoding.dial import fidelity_of, sigma_of
from tvae_core.decoding.generate import BATCH, check_sampling
from tvae_core.domain import Domain
from tvae_core.model.prior import PriorSet
from tvae_core.model.vae import TransformerVAE
from tvae_core.space import paths as latent_ops
from tvae_core.space.codec import Codec, Progress
from tvae_core.space.paths import How, Projection
from tvae_core.support.random_rows import normal_rows


@dataclass(frozen=True)
class Samples:
    """Decoded texts with the codes they came from, `(n, n_latent, latent_size)`."""

    texts: list[str]
    latents: Tensor
    fidelity: float


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

    def drawing(
        self, temperature: float | None = None, top_p: float | None = None
    ) -> tuple[float, float]:
        """Temperature and nucleus of sampled texts: as given, or by default the bundle's own.

        Raises:
            ValueError: for settings out of range.
        """
        heat = self.defaults["sample_temperature"] if temperature is None else temperature
        nucleus = self.defaults["sample_top_p"] if top_p is None else top_p
        check_sampling(heat, nucleus)
        return heat, nucleus

    def sample_batches(
        self,
        n: int,
        seed: int = 0,
        prior: str = "flow",
        fidelity: float | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        batch_size: int = 64,
    ) -> Iterator[Samples]:
        """Random samples in batches; the whole depends on the seed, not on `batch_size`.

        Args:
            n: samples, at least 1.
            seed: of codes and decoding.
            prior: `flow`, `gaussian` or `normal`.
            fidelity: setting of the dial; by default the bundle's own.
            temperature: of the decoding; by default the bundle's own (0 is greedy).
            top_p: nucleus of the decoding; by default the bundle's own (1 is all).
            batch_size: samples a batch.

        Raises:
            ValueError: for settings out of range.
        """
        if n < 1:
            raise ValueError(f"the number of samples must be at least 1, not {n}")
        heat, nucleus = self.drawing(temperature, top_p)
        setting = self._setting(fidelity)
        for start in range(0, n, batch_size):
            count = min(batch_size, n - start)
            latents = self.sample_latents(count, seed, prior, setting, start)
            texts = self.decode(
                latents, setting, heat, nucleus, seed, start, batch_size, beams=self.sample_beams
            )
            yield Samples(texts, latents, setting)

    def sample(
        self,
        n: int,
        seed: int = 0,
        prior: str = "flow",
        fidelity: float | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        batch_size: int = BATCH,
        progress: Progress | None = None,
    ) -> Samples:
        """Random samples, see `sample_batches`; nothing is filtered."""
        texts: list[str] = []
        latents: list[Tensor] = []
        setting = self._setting(fidelity)
        for part in self.sample_batches(n, seed, prior, setting, temperature, top_p, batch_size):
            texts += part.texts
            latents.append(part.latents)
            if progress is not None:
                progress(len(texts), n)
        return Samples(texts, torch.cat(latents), setting)

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
        path = latent_ops.path(codes[0], codes[1], steps, how, per_token)
        if fidelity is None:
            read, settings = self.follow(path[None], how)
            texts, shown = self.rebuild(read[0], settings), settings.tolist()
        else:
            first, last = self.rebuild(path[[0, -1]], fidelity)
            texts = [first, *self.decode(path[1:-1], fidelity), last]
            shown = [float("nan") if isinstance(fidelity, str) else float(fidelity)] * steps
        shares = torch.linspace(0, 1, steps).tolist()
        return [
            PathPoint(t, code, setting, text)
            for t, code, setting, text in zip(shares, path, shown, texts, strict=True)
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
            paths: `(n, steps, n_latent, latent_size)`, made by `latent_ops.path`.
            how: how they were made.

        Returns:
            Codes to decode, of the same shape, and the settings of the dial `(steps,)`.
        """
        steps, config = paths.shape[1], self.model.config
        near, _ = latent_ops.path_weights(steps, how)
        scale = self.defaults["path_noise"] * self.spread
        sigma = (latent_ops.path_sigma(steps, how) * scale).clamp(max=config.sigma_max)
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
        latent_ops.check_radius(radius)
        code = self.encode([text])[0]
        noise = normal_rows(0, n, tuple(code.shape), seed, stream=2)
        level = radius * self.spread
        codes = latent_ops.neighbours(code, noise, level)
        setting = fidelity
        if setting is None:
            setting = float(fidelity_of(self.model.config, max(level, 1e-6)))
        return Samples(self.decode(codes, setting, progress=progress), codes, setting)

    def project(self, codes: Tensor) -> Projection:
        """A 2-D map fitted to codes (principal components)."""
        return Projection.fit(codes)
