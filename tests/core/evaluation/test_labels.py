"""Latent classification: what codes tell is found, what they do not tell is not, all repeatable."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tvae_core.evaluation import labels as module
from tvae_core.evaluation.intervals import Estimate
from tvae_core.evaluation.labels import PROBES, classify
from tvae_core.support.machine import has_scikit_learn

pytest.importorskip("sklearn")

NAMES = ("a", "b", "c")
ON_CODES = ("probe_accuracy", "probe_svm_accuracy", "probe_rbf_accuracy")


def rows(n: int, seed: int, apart: float = 6.0) -> tuple[torch.Tensor, list[str]]:
    """Codes `(n, 2, 3)` in three clouds, and their labels: half a, a third b, a sixth c."""
    rng = np.random.default_rng(seed)
    labels = [NAMES[k] for k in rng.choice(3, size=n, p=(1 / 2, 1 / 3, 1 / 6))]
    codes = rng.normal(size=(n, 6)) * np.array([1, 1, 1, 1, 100, 0.01])
    codes[np.arange(n), [NAMES.index(label) for label in labels]] += apart
    return torch.from_numpy(codes).float().reshape(n, 2, 3), labels


def test_clouds_are_told_apart_and_baselines_are_what_they_say() -> None:
    train, test = rows(200, 0), rows(120, 1)
    found = classify(*train, *test, seed=3)
    assert all(found[name] > 0.95 for name in ON_CODES)
    assert found["probe_majority"] == pytest.approx(test[1].count("a") / 120)
    expected = sum((train[1].count(k) / 200) * (test[1].count(k) / 120) for k in NAMES)
    assert found["probe_random"] == pytest.approx(expected, abs=0.12)
    assert "probe_tfidf_accuracy" not in found
    assert (found["probe_classes"], found["probe_train"], found["probe_test"]) == (3, 200, 120)
    for name in (*ON_CODES, "probe_majority", "probe_random"):
        share = found[name]
        assert isinstance(share, Estimate)
        assert share.low <= share <= share.high
    assert all(isinstance(value, float) for value in found.values())
    assert classify(*train, *test, seed=3) == found
    assert {name for name, _ in PROBES} >= {name for name in found if "accuracy" in name}


def test_only_the_curved_probe_sees_a_ring() -> None:
    def ring(seed: int) -> tuple[np.ndarray, list[str]]:
        rng = np.random.default_rng(seed)
        codes = rng.normal(size=(300, 2))
        return codes, ["in" if np.linalg.norm(c) < 1.18 else "out" for c in codes]

    found = classify(*ring(0), *ring(1))
    assert found["probe_rbf_accuracy"] > 0.9
    assert found["probe_accuracy"] < 0.75


def test_codes_that_tell_nothing_give_the_commonest_label_at_best() -> None:
    found = classify(*rows(200, 0, apart=0), *rows(200, 1, apart=0))
    for name in ON_CODES:
        assert found[name] < found["probe_majority"] + 0.1


def test_the_text_is_read_where_the_codes_tell_nothing() -> None:
    train, test = rows(200, 0, apart=0), rows(100, 1, apart=0)
    texts = [[f"{'!' * (1 + NAMES.index(k))} word {i}" for i, k in enumerate(labels)]
             for labels in (train[1], test[1])]  # fmt: skip
    found = classify(*train, *test, *texts)
    assert found["probe_tfidf_accuracy"] > 0.95  # signs are terms, too
    assert found["probe_accuracy"] < 0.7
    blank = classify(*train, *test, [" "] * 200, [" "] * 100)
    assert "probe_tfidf_accuracy" not in blank


def test_rows_without_a_label_or_of_a_rare_one() -> None:
    (codes, labels), (others, wanted) = rows(90, 0), rows(40, 1)
    labels[0], labels[1], wanted[0] = "", "only one", ""
    wanted[1:11] = ["new"] * 10
    found = classify(codes, labels, others, wanted)
    assert (found["probe_train"], found["probe_classes"]) == (88, 3)
    assert (found["probe_dropped_labels"], found["probe_dropped_train"]) == (1, 1)
    assert (found["probe_test"], found["probe_unseen_test"]) == (39, 10)
    assert found["probe_accuracy"] <= 29 / 39  # what was not learned is wrong, not left out


def test_no_more_rows_are_taken_than_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = rows(300, 0), rows(100, 1)
    found = classify(*train, *test, most_train=50, most_test=20)
    assert (found["probe_train"], found["probe_test"]) == (50, 20)
    assert found != classify(*train, *test, most_train=50, most_test=20, seed=1)
    # the few that the RBF SVM gets have every label, however rare
    monkeypatch.setattr(module, "MOST_RBF", 6)
    monkeypatch.setattr(module, "_MOST_CHOICE", 6)
    labels = ["rare" if i >= 298 else "common" for i in range(300)]
    assert classify(train[0], labels, *test)["probe_classes"] == 2


def test_fits_that_are_stopped_early_warn_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    def hasty(seed: int, tol: float = 0.0) -> Callable[[float, int], Any]:
        return lambda c, n: LinearSVC(C=c, dual=True, max_iter=1, tol=1e-9, random_state=seed)

    train, test = rows(60, 0, apart=1), rows(30, 1)
    with pytest.warns(ConvergenceWarning):
        hasty(0)(1.0, 60).fit(train[0].flatten(1).numpy(), train[1])
    monkeypatch.setattr(module, "_linear_svm", hasty)
    assert 0 <= classify(*train, *test)["probe_svm_accuracy"] <= 1


def test_stages_are_told_in_order() -> None:
    seen: list[tuple[int, int]] = []
    classify(*rows(40, 0), *rows(20, 1), stage=lambda what, done, total: seen.append((done, total)))
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [(["a"] * 9, ["a"] * 3), ([""] * 9, ["a"] * 3), (list("abcdefghi"), ["a"] * 3),
     (list("aaabbbccc"), [""] * 3)],
)  # fmt: skip
def test_too_few_labels_are_refused(labels: list[str], wanted: list[str]) -> None:
    with pytest.raises(ValueError, match="a probe needs two labels"):
        classify(np.zeros((9, 2)), labels, np.zeros((3, 2)), wanted)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    assert has_scikit_learn()
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert not has_scikit_learn()
