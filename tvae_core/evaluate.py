"""The evaluation suite that every domain shares, along the fidelity dial.

Names of the numbers (DESIGN's): `reconstruction_exact`, `token_accuracy`, `cycle_r2`,
`prior_valid`, `prior_unique`, `prior_novel`, `interpolation_valid`, `interpolation_distinct`.
Validity is raw: one decoding a code at one setting, no filter and no second try, but for the
numbers that say `auto`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tvae_core import latent_ops
from tvae_core.data import pad_rows
from tvae_core.noise import sigma_of
from tvae_core.space import LatentSpace

Known = Callable[[Sequence[str]], Sequence[bool]]
Stage = Callable[[str, int, int], None]
DIAL = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)
FINE_DIAL = tuple(round(1 - 0.05 * i, 2) for i in range(21))
PATH_STEPS = 11
PATH_NOISES = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0)
"""Scales of the noise level along a path that `choose_settings` tries."""


@dataclass
class Evaluation:
    """Flat metrics, and one row of metrics for each setting of the dial."""

    metrics: dict[str, float] = field(default_factory=dict)
    dial: list[dict[str, float]] = field(default_factory=list)

    def flat(self) -> dict[str, float]:
        """Everything as one flat object; dial rows as `dial_0.50_prior_valid`."""
        out = dict(self.metrics)
        for row in self.dial:
            setting = f"dial_{row['fidelity']:.2f}"
            out |= {f"{setting}_{k}": v for k, v in row.items() if k != "fidelity"}
        return out


def cycle_r2(codes: Tensor, returned: Tensor) -> float:
    """Share of the codes' variance that survives decode -> encode, 0..1.

    Squared correlation of each dimension of `codes` with itself after the round trip, weighted by
    the dimension's variance: what a linear reader could recover of the code.

    Args:
        codes: `(n, n_latent, latent_size)`.
        returned: the same shape.
    """
    a, b = codes.flatten(1).double(), returned.flatten(1).double()
    if len(a) < 2:
        return math.nan
    a, b = a - a.mean(0), b - b.mean(0)
    shared = (a * b).mean(0).square() / b.square().mean(0).clamp(min=1e-12)
    total = a.square().mean(0).sum().clamp(min=1e-12)
    return float(shared.sum() / total)


@torch.inference_mode()
def teacher_forced_accuracy(
    space: LatentSpace, texts: Sequence[str], batch_size: int = 256
) -> float:
    """Share of tokens predicted right from the code and the true tokens before them."""
    rows = space.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    rows.sort(key=len)
    right = total = 0.0
    for start in range(0, len(rows), batch_size):
        part = rows[start : start + batch_size]
        ids = pad_rows([torch.tensor(r) for r in part]).to(space.model.device)
        tokens = float(sum(len(r) + 1 for r in part))
        accuracy = space.model(input_ids=ids).token_accuracy
        right, total = right + float(accuracy) * tokens, total + tokens
    return right / total if total else math.nan


def _reconstruction(
    space: LatentSpace, wanted: Sequence[str | None], decoded: Sequence[str]
) -> float:
    found = [v.canonical for v in space.domain.check(decoded)]
    hits = [a is not None and a == b for a, b in zip(wanted, found, strict=True)]
    return sum(hits) / len(hits) if hits else math.nan


def _random(texts: Sequence[str], space: LatentSpace, known: Known | None) -> dict[str, float]:
    good = [v.canonical for v in space.domain.check(texts) if v.ok and v.canonical is not None]
    out = {
        "prior_valid": len(good) / len(texts),
        "prior_unique": len(set(good)) / len(good) if good else math.nan,
    }
    if known is not None and good:
        distinct = sorted(set(good))
        out["prior_novel"] = 1 - sum(map(bool, known(distinct))) / len(distinct)
    return out


def interpolation_metrics(space: LatentSpace, paths: Sequence[Sequence[str]]) -> dict[str, float]:
    """Validity of the points between, copies of the two ends excluded, and distinct items a path.

    Args:
        space: gives the domain's check.
        paths: decoded texts of each path, both ends included.
    """
    flat = [text for path in paths for text in path]
    verdicts = iter(space.domain.check(flat))
    valid = counted = 0
    distinct = []
    for path in paths:
        found = [next(verdicts) for _ in path]
        ends = {found[0].canonical, found[-1].canonical}
        for verdict in found[1:-1]:
            if verdict.ok and verdict.canonical in ends:
                continue
            counted += 1
            valid += verdict.ok
        distinct.append(len({v.canonical for v in found if v.ok}))
    return {
        "interpolation_valid": valid / counted if counted else math.nan,
        "interpolation_distinct": sum(distinct) / len(distinct) if distinct else math.nan,
    }


def _paths(codes: Tensor, how: latent_ops.How = "slerp") -> Tensor:
    half = len(codes) // 2
    ends = zip(codes[:half], codes[half : 2 * half], strict=True)
    return torch.stack([latent_ops.path(a, b, PATH_STEPS, how) for a, b in ends])


def _decode_paths(
    space: LatentSpace, paths: Tensor, fidelity: float | str | None, how: latent_ops.How = "slerp"
) -> list[list[str]]:
    setting: float | str | Tensor
    if fidelity is None:
        paths, along = space.follow(paths, how)
        setting = along.repeat(len(paths))
    else:
        setting = fidelity
    texts = space.decode(paths.flatten(0, 1), setting)
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
        stage: progress callback `(what, done, total)`.

    Raises:
        ValueError: for too few texts.
    """
    texts = [texts[i] for i in _fitting(space, texts)]
    if len(texts) < 4:
        raise ValueError(f"an evaluation needs at least 4 held-out items, not {len(texts)}")
    tell = stage or (lambda what, done, total: None)
    total = len(dial) + 3
    wanted = [v.canonical for v in space.domain.check(texts)]
    codes = space.encode(texts)
    paths = _paths(codes[: 2 * n_paths])
    out = Evaluation()
    for index, setting in enumerate(dial):
        tell(f"dial {setting:.2f}", index, total)
        decoded = space.decode(codes, setting)
        back = _encode_some(space, decoded)
        sampled = space.sample(n_samples, seed, prior, setting, 0.0).texts
        row = {
            "fidelity": setting,
            "sigma": float(sigma_of(space.model.config, setting)),
            "reconstruction_exact": _reconstruction(space, wanted, decoded),
            "cycle_r2": cycle_r2(codes[back[0]], back[1]),
            **_random(sampled, space, known),
            **interpolation_metrics(space, _decode_paths(space, paths, setting)),
        }
        out.dial.append(row)
    tell("shipped settings", len(dial), total)
    chosen = space.defaults["sample_fidelity"]
    decoded = space.decode(codes, chosen)
    back = _encode_some(space, decoded)
    out.metrics = {
        "reconstruction_exact": _reconstruction(space, wanted, space.decode(codes, 1.0)),
        "token_accuracy": teacher_forced_accuracy(space, texts),
        "fidelity": chosen,
        "cycle_r2": cycle_r2(codes[back[0]], back[1]),
        **_random(space.sample(n_samples, seed, prior).texts, space, known),
        **interpolation_metrics(space, _decode_paths(space, paths, None)),
    }
    tell("other priors", len(dial) + 1, total)
    for other in ("gaussian", "normal"):
        found = _random(space.sample(n_samples, seed, other).texts, space, None)
        out.metrics[f"prior_valid_{other}"] = found["prior_valid"]
    straight = _decode_paths(space, _paths(codes[: 2 * n_paths], "lerp"), None, "lerp")
    out.metrics["interpolation_valid_lerp"] = interpolation_metrics(space, straight)[
        "interpolation_valid"
    ]
    tell("auto", len(dial) + 2, total)
    auto = space.decode(space.sample_latents(n_samples, seed, prior, chosen), "auto")
    out.metrics["prior_valid_auto"] = _random(auto, space, None)["prior_valid"]
    auto_paths = interpolation_metrics(space, _decode_paths(space, paths, "auto"))
    out.metrics |= {f"{k}_auto": v for k, v in auto_paths.items()}
    out.metrics |= {
        "n": float(len(texts)),
        "n_samples": float(n_samples),
        "n_paths": float(len(paths)),
    }
    tell("done", total, total)
    return out


def _encode_some(space: LatentSpace, texts: Sequence[str]) -> tuple[list[int], Tensor]:
    fit = _fitting(space, texts)
    return fit, space.encode([texts[i] for i in fit])


def _fitting(space: LatentSpace, texts: Sequence[str]) -> list[int]:
    limit = space.model.config.max_length
    rows = space.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return [i for i, row in enumerate(rows) if 0 < len(row) <= limit]


def choose_settings(
    space: LatentSpace,
    texts: Sequence[str],
    target_valid: float,
    n_samples: int = 500,
    seed: int = 1,
    stage: Stage | None = None,
) -> dict[str, float]:
    """Defaults for a bundle: the most faithful settings that are valid enough.

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
        sampled = space.sample(n_samples, seed, "flow", setting, 0.0).texts
        valid[setting] = _random(sampled, space, None)["prior_valid"]
        if valid[setting] >= target_valid:
            best = setting
            break
    chosen = max(valid, key=lambda setting: valid[setting]) if best is None else best
    paths, found = _paths(space.encode(texts)), {}
    for index, scale in enumerate(PATH_NOISES):
        tell(f"path noise {scale:g}", len(FINE_DIAL) + index, total)
        trial = LatentSpace(
            space.model, space.tokenizer, space.priors, space.domain, {"path_noise": scale}
        )
        metrics = interpolation_metrics(trial, _decode_paths(trial, paths, None))
        found[scale] = metrics["interpolation_valid"]
        if found[scale] >= target_valid:
            break
    tell("done", total, total)
    noise = max(found, key=lambda scale: found[scale])
    return {"sample_fidelity": chosen, "path_noise": noise}
