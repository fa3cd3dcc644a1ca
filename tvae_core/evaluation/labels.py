"""Labels: the rows that have them, and how much of a label can be read off the code.

The probes see nothing but the code, which was learned without labels: logistic regression (the
"linear probe") and support vector machines. Beside them stand the commonest label, labels drawn at
random with their shares in the training rows, and a linear SVM on TF-IDF of words and pairs of
words, which sees the text itself.

scikit-learn (the extra `evaluate`) does the fitting; it is imported only when something is
classified, so ask `has_scikit_learn` first.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from tvae_core.data.prepared import PreparedSet, TokenRows
from tvae_core.domain import Domain, HasLabels
from tvae_core.evaluation.intervals import Estimate, share_of
from tvae_core.evaluation.latent_map import LatentMap, make_map
from tvae_core.space.space import LatentSpace
from tvae_core.support.machine import has_scikit_learn
from tvae_core.support.progress import Bar

Stage = Callable[[str, int, int], None]

MOST_TRAIN, MOST_TEST, MOST_RBF = 7000, 2000, 5000
"""Most rows fitted, judged, and fitted by the RBF SVM, whose cost grows as their square."""

PROBES = (
    ("probe_accuracy", "code, linear probe (logistic regression)"),
    ("probe_svm_accuracy", "code, linear SVM"),
    ("probe_rbf_accuracy", "code, RBF SVM"),
    ("probe_tfidf_accuracy", "baseline: text, TF-IDF and linear SVM"),
    ("probe_majority", "baseline: the commonest label"),
    ("probe_random", "baseline: labels at random, by their shares"),
)
"""The accuracies of `classify`, with what they are called in tables."""

_PER_MEAN = (1.0, 10.0, 100.0, 1000.0)
_SVM_PER_MEAN = (1.0, 10.0, 100.0)
"""C times the rows: the weight of their mean loss, which is comparable over numbers of rows."""
_C_RBF = (1.0, 10.0)
_C_TFIDF = (0.1, 0.3, 1.0)
_MOST_CHOICE = 2000
_MOST_TERMS = 200_000
_TERM = r"\w+|[^\w\s]+"
"""A term of TF-IDF: a word, or a run of signs, so that the text of every domain has some."""

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Make = Callable[[float, int], Any]
"""Makes a model of a setting and the number of rows that it will be fitted to."""


def classify(
    train_codes: Any,
    train_labels: Sequence[str],
    test_codes: Any,
    test_labels: Sequence[str],
    train_texts: Sequence[str] | None = None,
    test_texts: Sequence[str] | None = None,
    seed: int = 0,
    *,
    most_train: int = MOST_TRAIN,
    most_test: int = MOST_TEST,
    stage: Stage | None = None,
) -> dict[str, float]:
    """Fits the probes and baselines to some rows, and judges them by others.

    Codes are standardised by the training rows. Every regularisation constant is chosen by the
    accuracy on a fifth of the training rows (of the first 2,000 for the SVMs of the code), then all
    are fitted. Rows without a label (an empty one) are left out; so are, in training, labels that
    only one row has. Held-out rows of a label that was not learned count as wrong, for every probe
    and baseline.

    Args:
        train_codes: `(n, ...)`, flattened to `(n, code_size)`.
        train_labels: n labels.
        test_codes: `(m, ...)`, of the same size a row.
        test_labels: m labels.
        train_texts: n texts, for the TF-IDF baseline.
        test_texts: m texts.
        seed: of the rows taken, the parts and the random labels; the same one gives the same
            numbers.
        most_train: most training rows; a random choice of more.
        most_test: most held-out rows.
        stage: progress callback `(what, done, total)`.

    Returns:
        The accuracies of `PROBES` (no TF-IDF without texts, or where they have no terms), each with
        its 95% interval; `probe_classes`, `probe_train` and `probe_test`: labels learned, rows
        fitted, rows judged; `probe_dropped_labels` and `probe_dropped_train`: labels of a single
        row, and their rows; `probe_unseen_test`: held-out rows of labels that were not learned.

    Raises:
        ValueError: fewer than two labels to learn, or no labelled held-out row.
    """
    rng = np.random.default_rng(seed)
    train, test = _some(train_labels, most_train, rng), _some(test_labels, most_test, rng)
    found, counts = np.unique([train_labels[i] for i in train], return_counts=True)
    names = {str(name): i for i, name in enumerate(found[counts >= 2])}
    kept = _every_label_first([i for i in train if train_labels[i] in names], train_labels)
    if len(names) < 2 or not test:
        raise ValueError(
            "a probe needs two labels of at least 2 training rows each, and a held-out row; there "
            f"are {len(names)} such labels and {len(test)} held-out rows"
        )
    y = np.array([names[train_labels[i]] for i in kept], dtype=np.int64)
    wanted = np.array([names.get(test_labels[i], -1) for i in test], dtype=np.int64)
    tell = stage or (lambda what, done, total: None)
    random = rng.choice(y, size=len(wanted))
    out: dict[str, float] = {}
    with warnings.catch_warnings():
        from sklearn.exceptions import ConvergenceWarning

        # A fit that is stopped early is judged as it is: its cost is bounded.
        warnings.simplefilter("ignore", ConvergenceWarning)
        x, seen = _standardised(_flat(train_codes)[kept], _flat(test_codes)[test])
        for index, (name, fit) in enumerate(_probes(seed)):
            tell(name, index, 4)
            out[name] = _accuracy(fit(x, y), seen, wanted)
        tell("probe_tfidf_accuracy", 3, 4)
        if train_texts is not None and test_texts is not None:
            tfidf = _tfidf([train_texts[i] for i in kept], [test_texts[i] for i in test])
            if tfidf is not None:
                fitted = _chosen(_linear_svm(seed), _C_TFIDF, tfidf[0], y, seed)
                out["probe_tfidf_accuracy"] = _accuracy(fitted, tfidf[1], wanted)
    out["probe_majority"] = share_of(wanted == np.bincount(y).argmax())
    out["probe_random"] = share_of(wanted == random)
    tell("done", 4, 4)
    return out | {
        "probe_classes": float(len(names)),
        "probe_train": float(len(kept)),
        "probe_test": float(len(test)),
        "probe_dropped_labels": float(len(found) - len(names)),
        "probe_dropped_train": float(len(train) - len(kept)),
        "probe_unseen_test": float((wanted < 0).sum()),
    }


def _some(labels: Sequence[str], most: int, rng: np.random.Generator) -> list[int]:
    """Positions of at most `most` labelled rows, in random order."""
    labelled = [i for i, label in enumerate(labels) if label]
    order = rng.permutation(len(labelled))[:most]
    return [labelled[i] for i in order.tolist()]


def _every_label_first(rows: Sequence[int], labels: Sequence[str]) -> list[int]:
    """The rows with two of each label in front, so that the first thousands have them all."""
    met: Counter[str] = Counter()
    front: list[int] = []
    rest: list[int] = []
    for i in rows:
        met[labels[i]] += 1
        (front if met[labels[i]] <= 2 else rest).append(i)
    return front + rest


def _flat(codes: Any) -> npt.NDArray[np.float64]:
    rows = np.asarray(codes, dtype=np.float64)
    return rows.reshape(len(rows), -1)


def _standardised(x: Any, other: Any) -> tuple[Any, Any]:
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(x)
    return scaler.transform(x), scaler.transform(other)


def _probes(seed: int) -> list[tuple[str, Callable[[Any, IntArray], Any]]]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    def linear(weight: float, n: int) -> Any:
        return LogisticRegression(C=weight / n, max_iter=300)

    def svm(weight: float, n: int) -> Any:
        return _linear_svm(seed, tol=1e-2)(weight / n, n)

    def rbf(c: float, n: int) -> Any:
        return SVC(C=c, kernel="rbf", gamma="scale")

    few = slice(_MOST_CHOICE)

    def fit_svm(x: Any, y: IntArray) -> Any:
        return svm(_best(svm, _SVM_PER_MEAN, x[few], y[few], seed), len(y)).fit(x, y)

    def fit_rbf(x: Any, y: IntArray) -> Any:
        x, y = x[:MOST_RBF], y[:MOST_RBF]
        return rbf(_best(rbf, _C_RBF, x[few], y[few], seed), len(y)).fit(x, y)

    return [
        ("probe_accuracy", lambda x, y: _chosen(linear, _PER_MEAN, x, y, seed)),
        ("probe_svm_accuracy", fit_svm),
        ("probe_rbf_accuracy", fit_rbf),
    ]


def _linear_svm(seed: int, tol: float = 1e-4) -> Make:
    from sklearn.svm import LinearSVC

    return lambda c, n: LinearSVC(C=c, dual="auto", tol=tol, random_state=seed, max_iter=1000)


def _chosen(make: Make, settings: Sequence[float], x: Any, y: IntArray, seed: int) -> Any:
    """A model with the best of the settings, fitted to all rows."""
    return make(_best(make, settings, x, y, seed), len(y)).fit(x, y)


def _best(make: Make, settings: Sequence[float], x: Any, y: IntArray, seed: int) -> float:
    """The setting that is right most often on a part of the rows; the smallest of equals."""
    part = _held_part(y, seed)
    fitted, judged = np.flatnonzero(~part), np.flatnonzero(part)
    if not len(judged) or len(np.unique(y[fitted])) < 2:
        return settings[len(settings) // 2]
    right = [
        _share_right(make(c, len(fitted)).fit(x[fitted], y[fitted]), x[judged], y[judged])
        for c in settings
    ]
    return settings[int(np.argmax(right))]


def _held_part(y: IntArray, seed: int) -> BoolArray:
    """A fifth of the rows of each label, `(n,)`; half, where no label has five."""
    rng = np.random.default_rng(seed)
    share = 5 if np.bincount(y).max() >= 5 else 2
    part = np.zeros(len(y), dtype=np.bool_)
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        part[rows[: len(rows) // share]] = True
    return part


def _share_right(model: Any, x: Any, y: IntArray) -> float:
    return float((model.predict(x) == y).mean())


def _accuracy(model: Any, x: Any, wanted: IntArray) -> Estimate:
    return share_of(model.predict(x) == wanted)


def _tfidf(train: Sequence[str], test: Sequence[str]) -> tuple[Any, Any] | None:
    """Sparse TF-IDF rows of both, with the terms of the first; None where they have no terms."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    reader = TfidfVectorizer(ngram_range=(1, 2), token_pattern=_TERM, max_features=_MOST_TERMS)
    try:
        return reader.fit_transform(train), reader.transform(test)
    except ValueError:
        return None


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
    return "" if has_scikit_learn() else "it needs scikit-learn (pip install scikit-learn)"


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
