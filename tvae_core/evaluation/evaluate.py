"""The evaluation suite that every domain shares, along the fidelity dial.

Names of the numbers: `reconstruction_exact`, `token_accuracy`, `cycle_r2`,
`prior_valid`, `prior_unique`, `prior_novel`, `interpolation_valid`, `interpolation_distinct`.
Validity is raw: one decoding a code at one setting, no filter and no second try, but for the
numbers that say `auto`. Held-out items and paths are decoded with the space's beams, samples with
its `sample_beams`; held-out items at the dial's end and the ends of paths that are followed are
verified (`tvae_core.decoding.verified`); `reconstruction_exact_likeliest` is without that,
`..._greedy` also without beams. All these settings are among the numbers. With `geometry`, also
`tvae_core.evaluation.walks` and `tvae_core.evaluation.geometry`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from tvae_core.decoding.dial import sigma_of
from tvae_core.domain import HasSimilarity, Known
from tvae_core.evaluation.geometry import DRAWS, SETTINGS, Geometry, neighbourhood, posterior
from tvae_core.evaluation.intervals import mean_of
from tvae_core.evaluation.likeness import (
    FEW_ITEMS,
    MOST_ITEMS,
    analogue_rate,
    joint_similarity,
    said_by_codes,
)
from tvae_core.evaluation.measures import (
    cycle_r2,
    encode_some,
    fitting,
    interpolation_metrics,
    random_metrics,
    reconstruction,
    teacher_forced_accuracy,
)
from tvae_core.evaluation.walks import read_walks, smoothness, walk_curves
from tvae_core.space.paths import How, path
from tvae_core.space.similarity import similarity_of
from tvae_core.space.space import LatentSpace

Stage = Callable[[str, int, int], None]
DIAL = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)
FINE_DIAL = tuple(round(1 - 0.05 * i, 2) for i in range(21))
PATH_STEPS = 11
NEIGHBOUR_ITEMS = 50
PATH_NOISES = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0)
"""Scales of the noise level along a path that `choose_settings` tries."""


@dataclass(frozen=True)
class Plan:
    """How much is measured, for the numbers that a domain adds (`DomainCommands.measure`).

    Attributes:
        n_samples: prior samples.
        n_paths: interpolation paths; items `i` and `n_paths + i` are the ends of path `i`.
        seed: of the samples.
        prior: of the samples.
        stage: progress callback `(what, done, total)`.
    """

    n_samples: int = 1000
    n_paths: int = 100
    seed: int = 0
    prior: str = "flow"
    stage: Stage = lambda what, done, total: None


@dataclass
class Evaluation:
    """Flat metrics, one row of metrics for each setting of the dial, and the space's geometry.

    Shares and means are `tvae_core.evaluation.intervals.Estimate`s; `with_bounds(flat())` has their
    95% confidence intervals, too.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    dial: list[dict[str, float]] = field(default_factory=list)
    geometry: Geometry | None = None

    def flat(self) -> dict[str, float]:
        """Everything as one flat object; dial rows as `dial_0.50_prior_valid`."""
        out = self.metrics | (self.geometry.flat() if self.geometry else {})
        for row in self.dial:
            setting = f"dial_{row['fidelity']:.2f}"
            out |= {f"{setting}_{k}": v for k, v in row.items() if k != "fidelity"}
        return out


def _paths(codes: Tensor, how: How = "slerp") -> Tensor:
    half = len(codes) // 2
    ends = zip(codes[:half], codes[half : 2 * half], strict=True)
    return torch.stack([path(a, b, PATH_STEPS, how) for a, b in ends])


def _decode_paths(
    space: LatentSpace, paths: Tensor, fidelity: float | str | None, how: How = "slerp"
) -> list[list[str]]:
    setting: float | str | Tensor
    if fidelity is None:
        paths, along = space.follow(paths, how)
        setting = along.repeat(len(paths))
    else:
        setting = fidelity
    read = space.rebuild if fidelity is None else space.decode
    texts = read(paths.flatten(0, 1), setting)
    return [texts[i : i + PATH_STEPS] for i in range(0, len(texts), PATH_STEPS)]


def evaluate(
    space: LatentSpace,
    texts: Sequence[str],
    *,
    n_samples: int = 1000,
    n_paths: int = 100,
    seed: int = 0,
    dial: Sequence[float] = DIAL,
    prior: str = "flow",
    known: Known | None = None,
    geometry: bool = False,
    stage: Stage | None = None,
) -> Evaluation:
    """Measures a latent space.

    Args:
        space: what is measured.
        texts: held-out items, at least 4 that the model takes (longer ones are left out); the
            first `2 * n_paths` are also the ends of paths.
        n_samples: prior samples at each setting.
        n_paths: interpolation paths of 11 points.
        seed: of the samples.
        dial: settings of the dial to measure.
        prior: prior of the random samples.
        known: tells which texts are in the training set, for novelty.
        geometry: also measure the smoothness of the walks (at every setting, and following the
            path by `slerp` and, as `..._lerp`, straight), the neighbourhoods of the first
            `NEIGHBOUR_ITEMS` items, the spectrum of the codes and what they say
            (`tvae_core.evaluation.likeness`).
        stage: progress callback `(what, done, total)`.

    Raises:
        ValueError: for too few texts.
    """
    texts = [texts[i] for i in fitting(space, texts)]
    if len(texts) < 4:
        raise ValueError(f"an evaluation needs at least 4 held-out items, not {len(texts)}")
    tell = stage or (lambda what, done, total: None)
    total = len(dial) + 3 + geometry * (1 + len(SETTINGS))
    wanted = [v.canonical for v in space.domain.check(texts)]
    codes = space.encode(texts)
    paths = _paths(codes[: 2 * n_paths])
    forms = [form or "" for form in wanted[: 2 * len(paths)]]
    ends = list(zip(forms[: len(paths)], forms[len(paths) :], strict=True))
    alike = similarity_of(space)

    def walked(decoded: list[list[str]]) -> dict[str, float]:
        found = interpolation_metrics(space, decoded)
        if geometry:
            found |= smoothness(read_walks(space.domain.check, alike, decoded, ends))
        return found

    rebuilt = space.rebuild(codes, 1.0)
    out = Evaluation()
    for index, setting in enumerate(dial):
        tell(f"dial {setting:.2f}", index, total)
        decoded = rebuilt if setting == 1 else space.decode(codes, setting)
        back = encode_some(space, decoded)
        sampled = space.sample(n_samples, seed, prior, setting, temperature=0.0).texts
        row = {
            "fidelity": setting,
            "sigma": float(sigma_of(space.model.config, setting)),
            "reconstruction_exact": reconstruction(space, wanted, decoded),
            "cycle_r2": cycle_r2(codes[back[0]], back[1]),
            **random_metrics(sampled, space, known),
            **walked(_decode_paths(space, paths, setting)),
        }
        out.dial.append(row)
    tell("shipped settings", len(dial), total)
    chosen = space.defaults["sample_fidelity"]
    decoded = space.decode(codes, chosen)
    back = encode_some(space, decoded)
    following = _decode_paths(space, paths, None)
    exact = likeliest = greedy = reconstruction(space, wanted, rebuilt)
    if space.cycles:
        likeliest = greedy = reconstruction(space, wanted, space.decode(codes, 1.0))
    if space.beams > 1:
        greedy = reconstruction(space, wanted, space.decode(codes, 1.0, beams=1))
    out.metrics = {
        "reconstruction_exact": exact,
        "reconstruction_exact_likeliest": likeliest,
        "reconstruction_exact_greedy": greedy,
        "cycles": float(space.cycles),
        "beams": float(space.beams),
        "sample_beams": float(space.sample_beams),
        "token_accuracy": teacher_forced_accuracy(space, texts),
        "fidelity": chosen,
        "cycle_r2": cycle_r2(codes[back[0]], back[1]),
        **random_metrics(space.sample(n_samples, seed, prior).texts, space, known),
        **walked(following),
    }
    tell("other priors", len(dial) + 1, total)
    for other in ("gaussian", "normal"):
        found = random_metrics(space.sample(n_samples, seed, other).texts, space, None)
        out.metrics[f"prior_valid_{other}"] = found["prior_valid"]
    straight = _decode_paths(space, _paths(codes[: 2 * n_paths], "lerp"), None, "lerp")
    out.metrics |= {f"{k}_lerp": v for k, v in walked(straight).items()}
    tell("auto", len(dial) + 2, total)
    drawn = space.sample_latents(n_samples, seed, prior, chosen)
    auto = space.decode(drawn, "auto", beams=space.sample_beams)
    out.metrics["prior_valid_auto"] = random_metrics(auto, space, None)["prior_valid"]
    auto_paths = interpolation_metrics(space, _decode_paths(space, paths, "auto"))
    out.metrics |= {f"{k}_auto": v for k, v in auto_paths.items()}
    out.metrics |= {
        "n": float(len(texts)),
        "n_samples": float(n_samples),
        "n_paths": float(len(paths)),
    }
    if geometry:
        tell("spectrum", len(dial) + 3, total)
        metrics, curves = posterior(codes, seed)
        own = isinstance(space.domain, HasSimilarity)
        metrics |= said_by_codes(
            codes,
            wanted,
            space.model.config.n_coarse,
            alike,
            space.domain.score,
            MOST_ITEMS if own else FEW_ITEMS,
        )
        pairs = alike([a for a, _ in ends], [b for _, b in ends])
        metrics["interpolation_pair_similarity"] = mean_of(pairs[~np.isnan(pairs)], most=1)
        for suffix, decoded_paths in (("", following), ("_lerp", straight)):
            walks = read_walks(space.domain.check, alike, decoded_paths, ends)
            curves |= {name + suffix: values for name, values in walk_curves(walks).items()}
            metrics |= {name + suffix: value for name, value in joint_similarity(walks).items()}
        valid = [i for i, form in enumerate(wanted) if form is not None][:NEIGHBOUR_ITEMS]
        starts = [wanted[i] or "" for i in valid]
        metrics |= analogue_rate(space, starts, codes[valid], alike, seed=seed)
        for index, around in enumerate(SETTINGS):
            tell("neighbours", len(dial) + 4 + index, total)
            near = neighbourhood(space, starts, codes[valid], alike, fidelity=around, seed=seed)
            prefix = "" if around is None else f"dial_{around:.2f}_"
            metrics |= {prefix + name: value for name, value in near.items()}
        metrics["neighbour_items"] = float(len(valid))
        metrics["neighbour_draws"] = float(DRAWS)
        out.geometry = Geometry(metrics, curves)
    tell("done", total, total)
    return out


def choose_settings(
    space: LatentSpace,
    texts: Sequence[str],
    target_valid: float,
    n_samples: int = 500,
    seed: int = 1,
    stage: Stage | None = None,
) -> dict[str, float]:
    """Defaults for a bundle: the space's own search, and the most faithful settings valid enough.

    Args:
        space: what is measured.
        texts: items whose pairs are the ends of paths; not those of a later report.
        target_valid: validity to reach, of flow samples by the highest setting of the dial and of
            paths by the lowest `path_noise`; where none does, the most valid one is taken.
        n_samples: samples at each setting.
        seed: of the samples; not that of a later report.
        stage: progress callback `(what, done, total)`.
    """
    tell = stage or (lambda what, done, total: None)
    total, valid, best = len(FINE_DIAL) + len(PATH_NOISES), {}, None
    for index, setting in enumerate(FINE_DIAL):
        tell(f"dial {setting:.2f}", index, total)
        sampled = space.sample(n_samples, seed, "flow", setting, temperature=0.0).texts
        valid[setting] = random_metrics(sampled, space, None)["prior_valid"]
        if valid[setting] >= target_valid:
            best = setting
            break
    chosen = max(valid, key=lambda setting: valid[setting]) if best is None else best
    paths, found = _paths(space.encode(texts)), {}
    for index, scale in enumerate(PATH_NOISES):
        tell(f"path noise {scale:g}", len(FINE_DIAL) + index, total)
        trial = LatentSpace(
            space.model,
            space.tokenizer,
            space.priors,
            space.domain,
            {"path_noise": scale, "beams": space.beams, "cycles": space.cycles},
        )
        metrics = interpolation_metrics(trial, _decode_paths(trial, paths, None))
        found[scale] = metrics["interpolation_valid"]
        if found[scale] >= target_valid:
            break
    tell("done", total, total)
    noise = max(found, key=lambda scale: found[scale])
    return {
        "sample_fidelity": chosen,
        "path_noise": noise,
        "beams": float(space.beams),
        "cycles": float(space.cycles),
    }
