"""The latent space in pipelines of scikit-learn."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from rdkit import Chem
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from domains.smiles import SmilesDomain
from domains.smiles.commands import COMMANDS
from tvae_core.domain import DomainError
from tvae_core.space import LatentSpace
from tvae_core.space.transformer import LatentTransformer

MOLECULES = [
    "CC(C)c1ccc(C(=O)NCc2ccco2)cc1",
    "COc1ccc(CN2CCOCC2)cc1C(N)=O",
    "CC(=O)N1CCCC1C(=O)Nc1cc(C)on1",
    "O=C(Nc1ccccc1F)c1cnn(C2CC2)c1",
]


@pytest.fixture(scope="module")
def codes() -> LatentTransformer:
    return LatentTransformer(SmilesDomain(), str(COMMANDS.bundle))


def test_codes_are_those_of_the_space(codes: LatentTransformer) -> None:
    space = LatentSpace.load(COMMANDS.bundle, SmilesDomain())
    found = codes.fit_transform(MOLECULES)
    np.testing.assert_array_equal(found, space.encode(MOLECULES).flatten(1).numpy())
    assert codes.get_feature_names_out()[:2].tolist() == ["token1_1", "token1_2"]
    assert len(codes.get_feature_names_out()) == found.shape[1]
    mols = [Chem.MolFromSmiles(text) for text in MOLECULES]
    np.testing.assert_array_equal(codes.transform(mols), found)
    assert codes.inverse_transform(found) == space.decode(space.encode(MOLECULES))


def test_a_pipeline_and_its_copies(codes: LatentTransformer) -> None:
    model = make_pipeline(codes, Ridge())
    values = [0.1, 0.4, 0.2, 0.9]
    expected = model.fit(MOLECULES, values).predict(MOLECULES)
    np.testing.assert_allclose(clone(model).fit(MOLECULES, values).predict(MOLECULES), expected)
    assert len(cross_val_score(model, MOLECULES, values, cv=2, scoring="r2")) == 2
    saved = pickle.dumps(model)
    assert len(saved) < 100_000
    np.testing.assert_allclose(pickle.loads(saved).predict(MOLECULES), expected)


def test_items_that_are_refused(codes: LatentTransformer) -> None:
    with pytest.raises(DomainError, match="item 2: "):
        codes.transform([MOLECULES[0], "C1CC"])
    with pytest.raises(DomainError, match=r"item 1: it has \d+ tokens; this bundle takes 1 to 48"):
        codes.transform(["C[N+](C)(C)C" * 9])
    lenient = LatentTransformer(SmilesDomain(), str(COMMANDS.bundle), invalid="nan")
    found = lenient.transform(["C1CC", MOLECULES[0]])
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()
    assert lenient.transform([]).shape == (0, found.shape[1])


def test_codes_that_are_none(codes: LatentTransformer) -> None:
    size = codes.transform(MOLECULES[:1]).shape[1]
    with pytest.raises(ValueError, match=f"{size} numbers each"):
        codes.inverse_transform(np.zeros((2, size - 1)))
    with pytest.raises(ValueError, match="finite"):
        codes.inverse_transform(np.full((2, size), np.nan))


@pytest.mark.parametrize("wrong", [{"part": "half"}, {"invalid": "skip"}])
def test_settings_that_there_are_not(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="must be one of"):
        LatentTransformer(SmilesDomain(), str(COMMANDS.bundle), **wrong).fit([])  # type: ignore[arg-type]
