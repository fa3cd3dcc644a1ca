"""Tanimoto similarity pair by pair, and the likeness that the reference score gives."""

from __future__ import annotations

import numpy as np
import pytest

from domains.smiles.chem.scores import score_all
from domains.smiles.domain import EXAMPLES, SmilesDomain
from tvae_core.domain import HasSimilarity


def test_it_is_the_similarity_score() -> None:
    texts = list(EXAMPLES.values())
    domain = SmilesDomain()
    for reference in texts[:3]:
        found = domain.similarity(texts, [reference] * len(texts))
        expected = score_all(texts, ["similarity"], reference=reference)["similarity"]
        np.testing.assert_allclose(found, expected)
        np.testing.assert_allclose(domain.similarity([reference] * len(texts), texts), found)


def test_any_spelling_of_a_molecule_is_the_same() -> None:
    assert SmilesDomain().similarity(["OCC", "C1=CC=CC=C1O"], ["CCO", "Oc1ccccc1"]).tolist() == [
        1,
        1,
    ]


def test_what_is_no_molecule_is_nan() -> None:
    found = SmilesDomain().similarity(["CCO", "C1CC", ""], ["nonsense", "CCO", "CCO"])
    assert found.shape == (3,)
    assert np.isnan(found).all()
    assert SmilesDomain().similarity([], []).shape == (0,)
    with pytest.raises(ValueError, match="2 with 1"):
        SmilesDomain().similarity(["C", "C"], ["C"])


def test_the_domain_says_that_it_has_one() -> None:
    assert isinstance(SmilesDomain(), HasSimilarity)
