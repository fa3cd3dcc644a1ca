"""The folder of reference statistics: written, read back, refused when damaged."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from domains.smiles.benchmark.moses.reference import Reference
from tvae_core.support.errors import CommandError


@pytest.fixture
def folder(tmp_path: Path, reference: Reference) -> Path:
    """The reference in the folder of a prepared set."""
    (tmp_path / "manifest.json").write_text("{}")
    path = tmp_path / "moses"
    path.mkdir()
    reference.save(path, {"source": "a test"})
    return path


def test_what_is_written_is_read_back(folder: Path, reference: Reference) -> None:
    found = Reference.load(folder)
    for name in ("test", "test_scaffolds"):
        a, b = getattr(found, name), getattr(reference, name)
        np.testing.assert_array_equal(a.fingerprints, b.fingerprints)
        np.testing.assert_array_equal(a.mean, b.mean)
        np.testing.assert_array_equal(a.covariance, b.covariance)
        np.testing.assert_array_equal(a.properties["qed"], b.properties["qed"])
        assert (a.fragments, a.scaffolds) == (b.fragments, b.scaffolds)
    assert found.train.to_pylist() == reference.train.to_pylist()
    assert found.filters == reference.filters


def test_known_molecules(reference: Reference, molecules: dict[str, list[str]]) -> None:
    first = molecules["train"][0]
    assert reference.known([first, "CCO", first]) == {first}
    assert reference.known([]) == set()


def test_a_missing_reference_names_the_command(folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder)
    with pytest.raises(CommandError, match=r"python -m data_prep\.moses_reference --out"):
        Reference.load(folder)
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(CommandError, match=r"python -m data_prep\.smiles --out"):
        Reference.load(folder)


@pytest.mark.parametrize(
    "name", ["test.safetensors", "test_scaffolds.json", "train.parquet", "filters.json"]
)
@pytest.mark.parametrize("content", [None, b"", b"[]"])
def test_a_damaged_reference_names_the_command(
    folder: Path, name: str, content: bytes | None
) -> None:
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(CommandError, match=r"is damaged .* run: python -m data_prep\.moses_ref"):
        Reference.load(folder)


def test_another_format_version(folder: Path) -> None:
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format_version": 1', '"format_version": 9'))
    with pytest.raises(CommandError, match="format version 9"):
        Reference.load(folder)
