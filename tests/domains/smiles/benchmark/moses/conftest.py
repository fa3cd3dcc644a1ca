"""Real molecules, and reference statistics made of them with the code under test."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from domains.smiles.benchmark.moses.chemnet import activations, load_chemnet, moments
from domains.smiles.benchmark.moses.metrics import weighted_counts
from domains.smiles.benchmark.moses.molecules import PROPERTIES, features
from domains.smiles.benchmark.moses.reference import Reference, Statistics

MOLECULES: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "molecules.json").read_text(encoding="utf-8")
)
FILTERS = ("[#16]~[#16]", "[#7]=&!@[#7]", "[#9].[#9].[#9].[#9].[#9].[#9].[#9]")


def statistics(smiles: Sequence[str]) -> Statistics:
    """The statistics of a set of molecules, as the published ones were made."""
    items = [item for item in features(smiles, ()) if item is not None]
    ones = [1] * len(items)
    mean, covariance = moments(activations(smiles, load_chemnet()))
    packed = np.frombuffer(b"".join(item.fingerprint for item in items), np.uint8)
    values = np.array([item.properties for item in items])
    return Statistics(
        packed.reshape(len(items), -1),
        mean,
        covariance,
        {name: values[:, column] for column, name in enumerate(PROPERTIES)},
        weighted_counts([item.fragments for item in items], ones),
        weighted_counts([[item.scaffold] if item.scaffold else [] for item in items], ones),
    )


def reference_of(test: Sequence[str], scaffolds: Sequence[str], train: Sequence[str]) -> Reference:
    """A reference of three lists of molecules."""
    known = pa.chunked_array([pa.array(list(train), pa.string())])
    return Reference(statistics(test), statistics(scaffolds), known, FILTERS)


@pytest.fixture(scope="session")
def make_reference() -> Callable[[Sequence[str], Sequence[str], Sequence[str]], Reference]:
    """`reference_of`, for tests."""
    return reference_of


@pytest.fixture(scope="session")
def molecules() -> dict[str, list[str]]:
    """250 molecules of the MOSES training set and 250 of its test set."""
    return MOLECULES


@pytest.fixture(scope="session")
def reference(molecules: dict[str, list[str]]) -> Reference:
    """Statistics of the 250 test molecules, and of half of them in place of the scaffold test."""
    return reference_of(molecules["test"], molecules["test"][:125], molecules["train"])
