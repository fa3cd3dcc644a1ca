"""Held-out and labelled rows of a prepared set, and the probe that reads labels from codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from tvae_core.data.prepared import PreparedSet, TokenRows
from tvae_core.domain import Domain, HasLabels
from tvae_core.evaluation.classify import MOST_TEST, can_classify, classify
from tvae_core.evaluation.latent_map import LatentMap, make_map
from tvae_core.space.space import LatentSpace
from tvae_core.support.command_line import Bar

_CHUNK = 4000


def has_labels(rows: TokenRows, domain: Domain) -> bool:
    """Whether the rows have a column of labels, or the domain gives them."""
    return "label" in rows.split.column_names or isinstance(domain, HasLabels)


def labels_of(rows: TokenRows, indices: Sequence[int], domain: Domain) -> list[str] | None:
    """The labels of rows, empty where there is none: those of the set, else the domain's.

    Returns:
        None where neither knows of labels.
    """
    if "label" in rows.split.column_names:
        return rows.labels(indices)
    if isinstance(domain, HasLabels):
        return domain.label(rows.texts(indices))
    return None


def pick(
    space: LatentSpace,
    rows: TokenRows,
    n: int,
    seed: int,
    most: int | None = None,
    labelled: bool = False,
) -> list[int]:
    """A random choice of rows, the same at every call with a seed.

    Args:
        space: its tokenizer counts, and its domain labels where the rows have no labels.
        rows: of one split.
        n: rows wanted.
        seed: of the choice.
        most: tokens that a row has at most.
        labelled: whether only rows with a label will do.

    Returns:
        Numbers of at most `n` rows.
    """
    order: list[int] = np.random.default_rng(seed).permutation(len(rows)).tolist()
    if most is None and not labelled:
        return order[:n]
    found: list[int] = []
    for start in range(0, len(order), _CHUNK):
        part = order[start : start + _CHUNK]
        if labelled:
            labels = labels_of(rows, part, space.domain) or [""] * len(part)
            part = [i for i, label in zip(part, labels, strict=True) if label]
        if most is not None and part:
            tokens = space.tokenizer(rows.texts(part), add_special_tokens=False)["input_ids"]
            part = [i for i, row in zip(part, tokens, strict=True) if 0 < len(row) <= most]
        found += part
        if len(found) >= n:
            break
    return found[:n]


class HeldOut:
    """Held-out items with their codes and labels, for the probe and the map.

    Args:
        space: encodes.
        rows: of one split; those with a label, where there are some.
        seed: of the choice of at most `MOST_TEST`.
        most: tokens that an item has at most; by default what the model takes.
    """

    def __init__(
        self, space: LatentSpace, rows: TokenRows, seed: int = 0, most: int | None = None
    ) -> None:
        limit = space.model.config.max_length
        most = min(most or limit, limit)
        chosen = pick(space, rows, MOST_TEST, seed, most, has_labels(rows, space.domain))
        if len(chosen) < 3:
            chosen = pick(space, rows, MOST_TEST, seed, most)
        self.texts, self.labels = rows.texts(chosen), labels_of(rows, chosen, space.domain)
        self.codes: Tensor = space.encode(self.texts, progress=Bar("held-out codes", "item"))

    def map(self, seed: int) -> LatentMap | None:
        """Their map, see `make_map`; None for fewer than three."""
        if len(self.codes) < 3:
            return None
        bar = Bar("map", "stage")
        bar(0, 1)
        found = make_map(self.codes, self.labels, seed)
        bar(1, 1)
        return found


def why_no_probe(prepared: PreparedSet, split: str) -> str:
    """Why a labelled set cannot be probed on a split; empty if it can."""
    if "train" not in prepared.splits or split == "train":
        return "it learns from the train split and is judged on another one"
    return "" if can_classify() else "it needs scikit-learn (pip install scikit-learn)"


def probe(
    space: LatentSpace, train: TokenRows, seen: HeldOut, n: int, seed: int = 0
) -> dict[str, float]:
    """Reads the labels of held-out codes by what codes of training rows tell, see `classify`.

    Args:
        space: encodes.
        train: rows to learn from.
        seen: what is judged.
        n: most training rows.
        seed: of the choice and the fits.

    Raises:
        ValueError: too few labels.
    """
    limit = space.model.config.max_length
    chosen = pick(space, train, n, seed, limit, labelled=True)
    texts, labels = train.texts(chosen), labels_of(train, chosen, space.domain) or []
    codes = space.encode(texts, progress=Bar("training codes", "item"))
    bar = Bar("probe", "stage")
    try:
        return classify(
            codes,
            labels,
            seen.codes,
            seen.labels or [],
            texts,
            seen.texts,
            seed,
            most_train=n,
            stage=lambda what, done, total: bar(done, total),
        )
    finally:
        bar.close()
