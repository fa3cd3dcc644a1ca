"""Trust-region Bayesian optimisation of latent codes, on BoTorch and GPyTorch.

TuRBO (Eriksson et al. 2019, arXiv 1910.01739) in its one-region form: a Gaussian process on the
codes seen, a box around the best one whose sides follow the fitted length scales, Thompson sampling
of the next batch in it; the box doubles after successes and halves after failures, and starts anew
when it has become too small.
"""

from __future__ import annotations

import threading
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tvae_core.search.archive import Archive
from tvae_core.search.types import FloatArray, generator

LONGEST, SHORTEST = 1.6, 0.5**7
"""Largest and smallest side of the box, as shares of the first."""
SUCCESSES, FAILURES = 3, 4
"""Generations in a row with (without) a better item that double (halve) the box."""
MAX_TOLD = 400
"""Codes that the process is fitted to, the best and the latest."""
CANDIDATES = 512
_seeding = threading.Lock()
"""Held while torch's global generator is seeded: BoTorch draws from no other."""


class TuRBO:
    """One trust region; codes that are no items count as the worst.

    Raises:
        ValueError: BoTorch is not installed.
    """

    def __init__(self, batch_size: int, radius: float, seed: int) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what it imports: deprecations
                import botorch  # noqa: F401
        except ImportError:
            raise ValueError("method turbo needs BoTorch: pip install 'tvae-toolkit[bo]'") from None
        self.batch_size, self.radius, self.seed = batch_size, radius, seed
        self.length, self._wins, self._losses = 1.0, 0, 0

    def ask(self, archive: Archive) -> FloatArray:
        """The next batch: Thompson samples in the trust region."""
        draws = generator(self.seed, archive.generation)
        self._resize(archive.stale == 1)
        codes, ranks = archive.told()
        centre = archive.elite(1)[0]
        if len(codes) < 2 * self.batch_size:  # too little to learn from
            noise = draws.standard_normal((self.batch_size, len(centre)))
            return np.asarray(centre + self.radius * noise, dtype=np.float64)
        best, latest = np.argsort(-ranks, kind="stable"), np.arange(len(codes))[::-1]
        chosen = np.unique(np.concatenate((best[: MAX_TOLD // 2], latest[: MAX_TOLD // 2])))
        # a box of this side has the corners' mean distance of the first batch's noise
        side = 2 * self.radius * np.sqrt(3) * self.length
        return self._sample(codes[chosen], ranks[chosen], centre, side, draws)

    def _sample(
        self,
        codes: FloatArray,
        ranks: FloatArray,
        centre: FloatArray,
        side: float,
        draws: np.random.Generator,
    ) -> FloatArray:
        unit = 2 * self.radius * np.sqrt(3) * LONGEST
        with _seeding, warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")  # of the libraries: jitter, scaling, deprecations
            torch.manual_seed(int(draws.integers(2**31)))
            inputs = torch.tensor((codes - centre) / unit)
            model = _fit(inputs, torch.tensor(_normal_scores(ranks)))
            scales = model.covar_module.lengthscale.detach().flatten().numpy()
            weights = scales / scales.mean()
            weights = weights / np.exp(np.log(weights).mean())
            reach = np.clip(weights * side / unit, None, 2.0) / 2
            moved = draws.random((CANDIDATES, len(centre))) < min(1.0, 40 / len(centre))
            moved[np.arange(CANDIDATES), draws.integers(len(centre), size=CANDIDATES)] = True
            shift = np.where(moved, draws.uniform(-1, 1, moved.shape) * reach, 0.0)
            found = _thompson(model, torch.tensor(shift), self.batch_size)
        return np.asarray(centre + found * unit, dtype=np.float64)

    def tell(self, codes: FloatArray, ranks: FloatArray) -> None:
        """Nothing to learn: the archive holds what the process is fitted to."""

    def _resize(self, better: bool) -> None:
        """Grows or shrinks the trust region."""
        self._wins, self._losses = (self._wins + 1, 0) if better else (0, self._losses + 1)
        if self._wins >= SUCCESSES:
            self.length, self._wins = min(2 * self.length, LONGEST), 0
        elif self._losses >= FAILURES:
            self.length, self._losses = self.length / 2, 0
        if self.length < SHORTEST:
            self.length = 1.0


def _normal_scores(ranks: FloatArray) -> FloatArray:
    """Ranks as the quantiles of a normal distribution, which a Gaussian process fits well."""
    order = np.argsort(np.argsort(ranks, kind="stable"), kind="stable")
    tied = np.array([order[ranks == rank].mean() for rank in ranks])
    quantiles = torch.tensor((tied + 0.5) / len(ranks), dtype=torch.float64)
    return np.asarray(torch.special.ndtri(quantiles).numpy(), dtype=np.float64)


def _fit(inputs: Tensor, values: Tensor) -> Any:
    """A Gaussian process with a Matern kernel that has a length scale a dimension."""
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from gpytorch.constraints import Interval
    from gpytorch.kernels import MaternKernel
    from gpytorch.likelihoods import GaussianLikelihood
    from gpytorch.mlls import ExactMarginalLogLikelihood

    spread = values.std().clamp(min=1e-6)
    dimensions = inputs.shape[1]
    # distances grow with the root of the dimension, and with them the length scales
    typical = float(np.sqrt(dimensions))
    kernel = MaternKernel(
        nu=2.5,
        ard_num_dims=dimensions,
        lengthscale_constraint=Interval(0.02 * typical, 4.0 * typical, initial_value=0.3 * typical),
    )
    likelihood = GaussianLikelihood(noise_constraint=Interval(1e-4, 0.5, initial_value=0.05))
    targets = ((values - values.mean()) / spread)[:, None]
    model = SingleTaskGP(
        inputs, targets, covar_module=kernel, likelihood=likelihood, outcome_transform=None
    )
    mll = ExactMarginalLogLikelihood(model.likelihood, model)
    fit_gpytorch_mll(mll, optimizer_kwargs={"options": {"maxiter": 25}})
    model.eval()
    return model


def _thompson(model: Any, candidates: Tensor, count: int) -> FloatArray:
    """The best candidates of `count` draws of the posterior, none twice."""
    from botorch.generation.sampling import MaxPosteriorSampling

    with torch.no_grad():
        chosen = MaxPosteriorSampling(model=model, replacement=False)(candidates, count)
    return np.asarray(chosen.numpy(), dtype=np.float64)
