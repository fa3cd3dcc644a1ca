"""ChemNet against the package its weights come from, and the Frechet distance by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from fcd.utils import get_one_hot, load_imported_model

from domains.smiles.benchmark.moses import chemnet
from domains.smiles.benchmark.moses.chemnet import (
    activations,
    frechet_distance,
    load_chemnet,
    moments,
)
from tvae_core.support.errors import CommandError

ONE = np.ones((1, 1))


def test_symbols_of_a_smiles() -> None:
    names = [chemnet._SYMBOLS[index] for index in chemnet.symbol_ids("Clc1cc[nH]c1Br")]
    assert names == ["Cl", "c", "1", "c", "c", "[", "n", "H", "]", "c", "1", "Br", "."]
    assert [chemnet._SYMBOLS[i] for i in chemnet.symbol_ids("[Se]%")] == [
        "[",
        "S",
        "X",
        "]",
        "X",
        ".",
    ]
    assert chemnet.symbol_ids("CC.O") == chemnet.symbol_ids("CC")
    assert len(chemnet.symbol_ids("C" * 1000)) == chemnet.LENGTH


def test_activations_are_those_of_the_package(molecules: dict[str, list[str]]) -> None:
    texts = [*molecules["test"][:20], "C", "CCBr"]
    theirs = load_imported_model(torch.load(chemnet.weights_file(), weights_only=True)).eval()
    marks = np.stack([get_one_hot(text, pad_len=350) / 35 for text in texts])
    with torch.no_grad():
        wanted = theirs(torch.from_numpy(marks).float().transpose(1, 2)).numpy()
    done: list[int] = []
    found = activations(texts, load_chemnet(), 8, lambda count, total: done.append(count))
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert done == [8, 16, 22]


def test_no_molecules_have_no_activations() -> None:
    assert activations([], load_chemnet()).shape == (0, 512)


def test_frechet_by_hand() -> None:
    # means 3 apart, standard deviations 2 and 1: 3^2 + (2 - 1)^2
    assert frechet_distance(np.zeros(1), 4 * ONE, np.full(1, 3.0), ONE) == pytest.approx(10)
    a, b = np.diag([1.0, 4.0]), np.diag([9.0, 4.0])
    assert frechet_distance(np.zeros(2), a, np.ones(2), b) == pytest.approx(2 + 4)
    assert frechet_distance(np.ones(2), a, np.ones(2), a) == pytest.approx(0, abs=1e-12)


def test_frechet_of_singular_covariances() -> None:
    line = np.array([[1.0, 1.0], [1.0, 1.0]])
    assert frechet_distance(np.zeros(2), line, np.zeros(2), np.zeros((2, 2))) == pytest.approx(2)


def test_frechet_by_the_eigenvalues_of_the_product() -> None:
    rng = np.random.default_rng(0)
    a, b = moments(rng.normal(size=(90, 12))), moments(rng.normal(1, 2, size=(70, 12)))
    product = a[1] @ b[1]
    values = np.linalg.eigvals(product)
    assert np.all(values.real > 0)
    wanted = ((a[0] - b[0]) ** 2).sum() + np.trace(a[1] + b[1]) - 2 * np.sqrt(values).real.sum()
    assert frechet_distance(*a, *b) == pytest.approx(wanted)


def test_moments() -> None:
    mean, covariance = moments(np.array([[0.0, 1.0], [2.0, 5.0]]))
    assert mean.tolist() == [1, 3]
    assert covariance.tolist() == [[2, 4], [4, 8]]


def test_other_weights_are_refused(tmp_path: Path) -> None:
    layers = torch.load(chemnet.weights_file(), weights_only=True)
    layers[0][1][0]["weight"][0, 0, 0] += 1
    torch.save(layers, tmp_path / "other.pt")
    with pytest.raises(CommandError, match="other weights than the published"):
        load_chemnet(tmp_path / "other.pt")


def test_a_file_that_holds_no_weights(tmp_path: Path) -> None:
    (tmp_path / "broken.pt").write_bytes(b"not a torch file")
    with pytest.raises(CommandError, match="cannot be read as ChemNet's weights"):
        load_chemnet(tmp_path / "broken.pt")
    torch.save([1, 2], tmp_path / "short.pt")
    with pytest.raises(CommandError, match="cannot be read as ChemNet's weights"):
        load_chemnet(tmp_path / "short.pt")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CommandError, match=r"pip install 'tvae-toolkit\[moses\]'"):
        load_chemnet()
