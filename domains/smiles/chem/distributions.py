"""How the properties of the training molecules are distributed, small enough to ship in a bundle.

A histogram of each of `PROPERTIES` over a random part of the training set, with the source and the
number of molecules; `domains.smiles.reference` puts it into a bundle.

    reference = Distributions.load("domains/smiles/bundle/reference.json")
    reference.compare({"logp": logp_of_my_molecules})["logp"].w1
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from domains.smiles.chem.scores import FloatArray, score_all
from tvae_core.support.files import write_whole
from tvae_core.support.workers import Progress

PROPERTIES = ("qed", "sa", "logp", "weight", "tpsa", "heavy_atoms", "rings")
COUNTED = ("heavy_atoms", "rings")
"""Whole numbers: one bin each, and all of a bin lies at its middle."""

BINS = 60
FORMAT = 1
_MOST_COUNTS = 200
_TAIL = 0.0005


@dataclass(frozen=True)
class Difference:
    """How one property of some molecules differs from the reference.

    Attributes:
        n: molecules that have the property.
        mean: of the molecules.
        reference_mean: of the reference.
        std: standard deviation of the molecules.
        reference_std: of the reference.
        w1: Wasserstein-1 distance, in the property's unit.
        chance: the `w1` to expect of `n` molecules drawn from the reference itself.
        relative: `w1` in standard deviations of the reference.
    """

    n: int
    mean: float
    reference_mean: float
    std: float
    reference_std: float
    w1: float
    chance: float
    relative: float

    @property
    def clear(self) -> bool:
        """Whether the distance is more than twice what chance explains."""
        return self.w1 > 2 * self.chance


@dataclass(frozen=True)
class Histogram:
    """Counts of one property between edges, `len(edges) == len(counts) + 1`.

    The outermost edges are the least and the greatest value seen; the bins between are equally
    wide, from one 0.05% tail to the other. Inside a bin values are taken as evenly spread or, if
    `whole`, as lying at the middle.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    mean: float
    std: float
    whole: bool = False

    def __post_init__(self) -> None:
        steps = np.diff(self.edges)
        if len(steps) != len(self.counts) or not len(steps) or not np.all(steps > 0):
            raise ValueError("a histogram's edges rise, one more than there are counts")
        if min(self.counts) < 0 or not sum(self.counts):
            raise ValueError("a histogram's counts are not negative, and not all 0")
        if not np.all(np.isfinite([*self.edges, self.mean, self.std])) or self.std < 0:
            raise ValueError("a histogram's numbers are finite")

    @classmethod
    def of(cls, values: FloatArray, whole: bool = False) -> Histogram:
        """The histogram of values `(n,)`; NaN is left out.

        Raises:
            ValueError: no value is a number.
        """
        known = values[np.isfinite(values)]
        if not len(known):
            raise ValueError("no molecule has this property")
        low, high = float(known.min()), float(known.max())
        if whole and high - low < _MOST_COUNTS:
            edges = np.arange(round(low), round(high) + 2) - 0.5
        else:
            whole = False
            low, high = low - 1e-3 * max(abs(low), 1), high + 1e-3 * max(abs(high), 1)
            inner = np.quantile(known, (_TAIL, 1 - _TAIL))
            step = max(float(inner[1] - inner[0]), 1e-6) / (BINS - 2)
            inside = inner[0] + step * np.arange(BINS - 1)
            edges = np.array([low, *inside[(inside > low) & (inside < high)], high])
        edges = np.unique([float(f"{edge:.6g}") for edge in edges])
        counts, _ = np.histogram(known, edges)
        return cls(
            tuple(edges.tolist()),
            tuple(int(count) for count in counts),
            float(f"{known.mean():.6g}"),
            float(f"{known.std():.6g}"),
            whole,
        )

    def share_below(self, values: npt.ArrayLike) -> FloatArray:
        """The cumulative distribution at `values`, of their shape."""
        edges = np.array(self.edges)
        sums = np.concatenate(([0.0], np.cumsum(self.counts))) / sum(self.counts)
        wanted = np.asarray(values, dtype=np.float64)
        if self.whole:
            return np.asarray(sums[np.searchsorted(edges[:-1] + 0.5, wanted, side="right")])
        return np.asarray(np.interp(wanted, edges, sums))

    def w1(self, values: FloatArray) -> float:
        """The Wasserstein-1 distance of values `(n,)` from the histogram; NaN without a value.

        The integral over u of |Q(u) - R(u)|, for the quantile functions Q of the values (steps)
        and R of the histogram (straight inside a bin); Vallender, Theory Probab. Appl. 18 (1974).
        """
        known = np.sort(values[np.isfinite(values)])
        if not len(known):
            return math.nan
        counts, edges = np.array(self.counts), np.array(self.edges)
        filled = counts > 0
        sums = np.cumsum(counts[filled]) / counts.sum()
        sums[-1] = 1.0
        low, high = edges[:-1][filled], edges[1:][filled]
        if self.whole:
            low = high = (low + high) / 2
        marks = np.union1d(np.arange(len(known) + 1) / len(known), np.concatenate(([0.0], sums)))
        wide, middle = np.diff(marks), (marks[:-1] + marks[1:]) / 2
        bins = np.minimum(np.searchsorted(sums, middle), len(sums) - 1)
        own = known[np.minimum((middle * len(known)).astype(int), len(known) - 1)]
        first = np.concatenate(([0.0], sums[:-1]))[bins]
        slope = (high - low)[bins] / (sums[bins] - first)
        one = np.abs(low[bins] + slope * (marks[:-1] - first) - own)
        crossing = (low[bins] + slope * (marks[:-1] - first) - own) * (
            low[bins] + slope * (marks[1:] - first) - own
        ) < 0
        other = np.abs(low[bins] + slope * (marks[1:] - first) - own)
        total = np.maximum(one + other, 1e-300)
        return float((wide * np.where(crossing, (one**2 + other**2) / total, total) / 2).sum())

    def chance(self, n: int) -> float:
        """The `w1` to expect of `n` values drawn from the histogram itself.

        sqrt(2 / (pi n)) times the integral of sqrt(F (1 - F)), the limit of large n: del Barrio,
        Giné and Matrán, Ann. Probab. 27 (1999).
        """
        if n < 1:
            return math.nan
        grid = np.linspace(self.edges[0], self.edges[-1], 64 * len(self.counts) + 1)
        below = self.share_below(grid)
        spread = np.sqrt(np.clip(below * (1 - below), 0, None))
        return float(np.trapezoid(spread, grid) * math.sqrt(2 / (math.pi * n)))

    def compare(self, values: FloatArray) -> Difference:
        """How values `(n,)` differ from the histogram; NaN is left out."""
        known = values[np.isfinite(values)]
        distance = self.w1(known)
        return Difference(
            n=len(known),
            mean=float(known.mean()) if len(known) else math.nan,
            reference_mean=self.mean,
            std=float(known.std()) if len(known) else math.nan,
            reference_std=self.std,
            w1=distance,
            chance=self.chance(len(known)),
            relative=distance / self.std if self.std else math.nan,
        )


@dataclass(frozen=True)
class Distributions:
    """Histograms of a set of molecules by property, and which set it is."""

    source: str
    n: int
    seed: int
    histograms: Mapping[str, Histogram]

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        source: str,
        seed: int = 0,
        jobs: int = 1,
        progress: Progress | None = None,
    ) -> Distributions:
        """Scores molecules and counts; a property that none of them has is left out.

        Args:
            texts: SMILES.
            source: what they are, in words.
            seed: they were drawn with.
            jobs: processes.
            progress: called as `progress(done, total)`.
        """
        scores = score_all(texts, PROPERTIES, jobs=jobs, progress=progress)
        found = {
            name: Histogram.of(values, name in COUNTED)
            for name, values in scores.items()
            if np.isfinite(values).any()
        }
        return cls(source, len(texts), seed, found)

    def compare(self, scores: Mapping[str, FloatArray]) -> dict[str, Difference]:
        """Differences by property, of those that both have."""
        return {
            name: histogram.compare(np.asarray(scores[name], dtype=np.float64))
            for name, histogram in self.histograms.items()
            if name in scores
        }

    def save(self, path: str | Path) -> None:
        """Writes the histograms as JSON."""
        rows = {name: asdict(histogram) for name, histogram in self.histograms.items()}
        head = {"format_version": FORMAT, "source": self.source, "n": self.n, "seed": self.seed}
        lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
        inner = [f"  {json.dumps(k)}: {json.dumps(v, allow_nan=False)}" for k, v in rows.items()]
        lines.append(' "properties": {\n' + ",\n".join(inner) + "\n }")
        write_whole(Path(path), "{\n" + ",\n".join(lines) + "\n}\n")

    @classmethod
    def load(cls, path: str | Path) -> Distributions:
        """Reads what `save` wrote.

        Raises:
            ValueError: the file is missing, damaged or something else.
        """
        try:
            found = json.loads(Path(path).read_text(encoding="utf-8"))
            if found["format_version"] != FORMAT:
                raise ValueError(f"it has format version {found['format_version']}, not {FORMAT}")
            histograms = {
                str(name): Histogram(
                    tuple(float(edge) for edge in row["edges"]),
                    tuple(int(count) for count in row["counts"]),
                    float(row["mean"]),
                    float(row["std"]),
                    bool(row["whole"]),
                )
                for name, row in found["properties"].items()
            }
            return cls(str(found["source"]), int(found["n"]), int(found["seed"]), histograms)
        except OSError as error:
            reason = error.strerror or type(error).__name__
        except (KeyError, TypeError, AttributeError) as error:
            reason = f"not a reference of distributions ({type(error).__name__})"
        except ValueError as error:
            reason = str(error).splitlines()[0]
        raise ValueError(f"{path} cannot be read: {reason}")
