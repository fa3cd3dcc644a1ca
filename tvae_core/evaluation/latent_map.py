"""A 2-D map of codes, as coordinates and as a picture coloured by label.

    found = make_map(codes, labels)
    found.places                       # (n, 2)
    draw_map(found, Path("map.png"))

The map is t-SNE (van der Maaten and Hinton 2008, JMLR 9, 2579), which keeps neighbours together and
says nothing about distances between groups. Without scikit-learn (the extra `evaluate`), or for few
codes, it is the plane of the first two principal components.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tvae_core.evaluation.plots import figure_bytes, plot_format
from tvae_core.space.paths import Projection
from tvae_core.support.files import write_whole
from tvae_core.support.machine import has_scikit_learn
from tvae_core.support.words import one_line

LEAST_TSNE = 30
"""Codes below which the map is that of the principal components."""

MOST_CODES = 2000
"""Most codes on a map, which is what fits on a page; t-SNE takes about ten seconds for them."""

MOST_LABELS = 12
_AXES = 50
_COLOURS = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b",
    "#e377c2", "#17becf", "#bcbd22", "#1b1b6f", "#e6ab02", "#66102f",
)  # fmt: skip
_OTHER = "#b0b0b0"
_LONGEST_LABEL = 28


@dataclass(frozen=True)
class LatentMap:
    """Codes as places on a map.

    Attributes:
        places: `(n, 2)`.
        chosen: `(n,)` numbers of the codes that were mapped, in order; not all, if there were more
            than `MOST_CODES`.
        labels: the label of each, empty where there is none.
        method: `t-SNE` or `PCA`.
        seed: of the choice and the map.
    """

    places: npt.NDArray[np.float64]
    chosen: npt.NDArray[np.int64]
    labels: list[str]
    method: str
    seed: int


def make_map(
    codes: Tensor,
    labels: Sequence[str] | None = None,
    seed: int = 0,
    *,
    most: int = MOST_CODES,
    least_tsne: int = LEAST_TSNE,
) -> LatentMap:
    """Maps codes to the plane; the same codes and seed give the same map.

    Args:
        codes: `(n, n_latent, latent_size)`, `n` at least 3.
        labels: n labels, empty where there is none.
        seed: of the choice among many codes, and of t-SNE.
        most: codes on the map; a random choice of more.
        least_tsne: codes below which it is a map of principal components.

    Raises:
        ValueError: fewer than three codes, or another number of labels.
    """
    if labels is not None and len(labels) != len(codes):
        raise ValueError(f"{len(codes)} codes have {len(labels)} labels")
    order = np.random.default_rng(seed).permutation(len(codes))[:most]
    chosen = np.sort(order).astype(np.int64)
    some = codes[torch.from_numpy(chosen)]
    if len(some) < least_tsne or not has_scikit_learn():
        method, places = "PCA", Projection.fit(some).to_2d(some).double().numpy()
    else:
        method, places = "t-SNE", _tsne(some.flatten(1).double().numpy(), seed)
    shown = [""] * len(chosen) if labels is None else [labels[i] for i in chosen.tolist()]
    return LatentMap(places, chosen, shown, method, seed)


def _tsne(rows: npt.NDArray[np.float64], seed: int) -> npt.NDArray[np.float64]:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):  # sums over threads would come in any order
        if rows.shape[1] > _AXES and len(rows) > _AXES:
            rows = PCA(_AXES, svd_solver="full").fit_transform(rows)
        perplexity = min(30.0, (len(rows) - 1) / 3)
        # From random places, because identical codes have no principal components.
        start = np.random.default_rng(seed).normal(0, 1e-4, (len(rows), 2))
        spread = rows.std(0).max()
        if spread > 0:
            leading = PCA(2, svd_solver="full").fit_transform(rows) if rows.shape[1] > 1 else start
            start = start + leading / max(float(leading[:, 0].std()), 1e-12) * 1e-4
        places = TSNE(
            init=start.astype(np.float32), perplexity=perplexity, random_state=seed, n_jobs=1
        ).fit_transform(rows)
    return np.asarray(places, dtype=np.float64)


def groups(labels: Sequence[str], most: int = MOST_LABELS) -> tuple[list[str], list[int]]:
    """The commonest labels, and the number of each row's among them (-1: another one or none)."""
    counted = sorted(Counter(filter(None, labels)).items(), key=lambda item: (-item[1], item[0]))
    common = [label for label, _ in counted[:most]]
    number = {label: i for i, label in enumerate(common)}
    return common, [number.get(label, -1) for label in labels]


def map_bytes(found: LatentMap, kind: str = "svg", caption: str = "") -> bytes:
    """The map as a picture, coloured by the `MOST_LABELS` commonest labels; the rest is grey.

    Args:
        found: made by `make_map`.
        kind: `svg`, `png` or `pdf`.
        caption: a line below, such as the bundle and the seed.
    """
    from matplotlib.figure import Figure

    common, group = groups(found.labels)
    numbers = np.array(group, dtype=np.int64)
    figure = Figure(figsize=(8.4 if common else 6.4, 6.0), layout="constrained")
    axes = figure.subplots()
    size = 14.0 if len(found.places) <= 500 else 7.0
    handles: list[Any] = []
    names: list[str] = []
    for number in (-1, *range(len(common))):
        places = found.places[numbers == number]
        if not len(places):
            continue
        colour = _OTHER if number < 0 and common else _COLOURS[max(number, 0)]
        marker = "o" if number < len(_COLOURS) // 2 else "^"
        handles.append(
            axes.scatter(
                places[:, 0], places[:, 1], s=size, c=colour, marker=marker, alpha=0.8, linewidths=0
            )
        )
        names.append(_plain(common[number]) if number >= 0 else _rest(found.labels, common))
    if common:
        if numbers.min() < 0:  # the grey ones last
            handles, names = [*handles[1:], handles[0]], [*names[1:], names[0]]
        figure.legend(handles, names, loc="outside right upper", fontsize=8, markerscale=2)
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"{found.method} of {len(found.places):,} codes", fontsize=10)
    if caption:
        figure.supxlabel(_plain(caption, 160), fontsize=8, color="dimgray")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        return figure_bytes(figure, kind)


def draw_map(found: LatentMap, path: Path, caption: str = "") -> None:
    """Writes the map as a .svg, .png or .pdf file, whole; raises `ValueError` for another one."""
    write_whole(path, map_bytes(found, plot_format(path), caption))


def _rest(labels: Sequence[str], common: Sequence[str]) -> str:
    others = len(set(filter(None, labels)) - set(common))
    return f"{others} other label{'s' * (others > 1)}" if others else "no label"


def _plain(text: str, most: int = _LONGEST_LABEL) -> str:
    """A text as matplotlib shows it: no formulas, none hidden for a leading underscore."""
    text = one_line(text)
    text = text if len(text) <= most else text[: most - 1] + "…"
    return (" " + text if text.startswith("_") else text).replace("$", r"\$")
