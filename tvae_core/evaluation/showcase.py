"""What a model makes of a few items, to look at: reconstructions, samples, walks, and their shares.

The original system logged such tables to W&B while it trained; here they also go to TensorBoard, to
`showcase/` in the run's folder, and into its report (`tvae_core.evaluation.report`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from tvae_core.domain import Verdict
from tvae_core.evaluation.measures import (
    fitting,
    interpolation_metrics,
    random_metrics,
    reconstruction,
)
from tvae_core.space.paths import path
from tvae_core.space.space import LatentSpace

PATHS = 8
STEPS = 11


@dataclass(frozen=True)
class Shown:
    """One decoded text: what it came from, and the domain's verdict.

    Attributes:
        origin: the item for a reconstruction, the share of the way for a step, empty for a sample.
        text: as it was decoded.
        ok: whether it is valid.
        note: for a reconstruction `same` or `other`, else the reason if it is invalid.
    """

    origin: str
    text: str
    ok: bool
    note: str


@dataclass
class Showcase:
    """Tables of decoded texts, with the shares that they give.

    Attributes:
        metrics: `reconstruction_exact`, `prior_valid`, ...: those of `evaluate`, of few items.
        tables: `reconstructions`, `samples` and `interpolations`, the paths one after another.
        settings: what it was made with.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    tables: dict[str, list[Shown]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        tables = {name: [asdict(row) for row in rows] for name, rows in self.tables.items()}
        return {"settings": self.settings, "metrics": self.metrics, "tables": tables}


def make_showcase(
    space: LatentSpace,
    texts: Sequence[str],
    *,
    n_samples: int,
    n_paths: int = PATHS,
    prior: str = "gaussian",
    fidelity: float | None = None,
    seed: int = 0,
) -> Showcase:
    """Decodes held-out items, prior samples and walks between items, each once.

    Args:
        space: what is shown.
        texts: held-out items; those that the model does not take are left out.
        n_samples: prior samples.
        n_paths: walks between the first items, of `STEPS` points.
        prior: prior of the samples.
        fidelity: setting of samples and walks; by default the space's own, and the path's.
        seed: of the samples.

    Raises:
        ValueError: fewer than two items that the model takes.
    """
    texts = [texts[i] for i in fitting(space, texts)]
    if len(texts) < 2:
        raise ValueError(f"a showcase needs at least 2 held-out items, not {len(texts)}")
    codes = space.encode(texts)
    wanted = [verdict.canonical for verdict in space.domain.check(texts)]
    decoded = space.rebuild(codes, 1.0)
    sampled = space.sample(n_samples, seed, prior, fidelity, temperature=0.0)
    pairs = min(n_paths, len(texts) // 2)
    paths = torch.stack([path(codes[2 * i], codes[2 * i + 1], STEPS) for i in range(pairs)])
    if fidelity is None:
        read, along = space.follow(paths)
        walked = space.rebuild(read.flatten(0, 1), along.repeat(pairs))
    else:
        walked = space.decode(paths.flatten(0, 1), fidelity)
    walks = [walked[i : i + STEPS] for i in range(0, len(walked), STEPS)]
    check = space.domain.check
    shares = [f"{i / (STEPS - 1):.1f}" for i in range(STEPS)] * pairs
    return Showcase(
        metrics={
            "reconstruction_exact": reconstruction(space, wanted, decoded),
            **random_metrics(sampled.texts, space, None),
            **interpolation_metrics(space, walks),
            "n": float(len(texts)),
        },
        tables={
            "reconstructions": [
                Shown(text, out, verdict.ok, "same" if verdict.canonical == form else "other")
                for text, form, out, verdict in zip(
                    texts, wanted, decoded, check(decoded), strict=True
                )
            ],
            "samples": _rows([""] * len(sampled.texts), sampled.texts, check(sampled.texts)),
            "interpolations": _rows(shares, walked, check(walked)),
        },
        settings={
            "prior": prior,
            "fidelity": sampled.fidelity,
            "path": "followed" if fidelity is None else fidelity,
            "seed": seed,
        },
    )


def _rows(origins: Sequence[str], texts: Sequence[str], verdicts: Sequence[Verdict]) -> list[Shown]:
    return [
        Shown(origin, text, verdict.ok, verdict.reason or "")
        for origin, text, verdict in zip(origins, texts, verdicts, strict=True)
    ]
