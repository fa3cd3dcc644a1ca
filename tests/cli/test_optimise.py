"""What molecules add to `optimise`, and conditional sampling, with the shipped bundle."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rdkit import Chem

from domains.smiles.chem.alerts import alerts_of
from domains.smiles.chem.scores import scaffold, score_all
from domains.smiles.domain import BUNDLE

FOLDER = Path(os.environ.get("TVAE_BUNDLE") or BUNDLE)
START = "CCN(CC)CC(=O)Nc1c(C)cccc1C"
Command = Callable[..., Any]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_what_molecules_add_to_a_search(command: Command, tmp_path: Path) -> None:
    given: tuple[object, ...] = (
        *("optimise", FOLDER, "--target", "plogp", "--start", START, "--batch-size", 16),
        *("--seed", 4, "--similarity", 0.2, "--alerts", "pains,brenk", "--keep-scaffold"),
        *("--max", "weight=400"),
    )  # fmt: skip
    result = command(
        *given, "--budget", 8, "--history", tmp_path / "run", "-o", tmp_path / "best.sdf"
    )
    assert result.code == 0, result.err
    calls = rows_of(tmp_path / "run" / "history.csv")
    texts = [row["smiles"] for row in calls]
    mols = [Chem.MolFromSmiles(text) for text in texts]
    kept = Chem.MolFromSmiles(scaffold(mols[0]))
    # what misses a constraint that needs no target is not charged
    assert all(mol.HasSubstructMatch(kept) and not alerts_of(mol, "pains,brenk") for mol in mols)
    found = score_all(texts, ["similarity", "weight"], START)
    assert (found["similarity"] >= 0.2).all()
    assert (found["weight"] <= 400).all()
    objective = json.loads(calls[0]["provenance"])["objective"]
    assert objective == (
        f"plogp from {START}; similarity >= 0.2; no alerts of pains,brenk; "
        f"contains {scaffold(mols[0])}; weight <= 400"
    )
    best = [mol.GetProp("smiles") for mol in Chem.SDMolSupplier(str(tmp_path / "best.sdf"))]
    assert best == sorted(texts, key=lambda text: -float(calls[texts.index(text)]["score"]))
    more = command(*given, "--budget", 10, "--history", tmp_path / "run", "--resume")
    assert more.code == 0, more.err
    assert [row["smiles"] for row in rows_of(tmp_path / "run" / "history.csv")][:8] == texts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "qed", "--start", "C1CC"], "--start 'C1CC': ring 1"),
        (["--target", "qed", "--keep-scaffold"], "needs a start molecule"),
        (["--target", "qed", "--alerts", "painz"], "did you mean pains"),
        (["--target", "qed", "--min", "plogq=1"], "unknown score 'plogq'; did you mean plogp"),
        (["--target", "qed", "-o", "x.doc"], "unknown file ending"),
        (["--target", "nowhere:f"], "No module named 'nowhere'"),
        (["--target", "qed", "--benchmark", "plogp"], "has its own target"),
        (["--benchmark", "plogp", "--methods", "magic"], "not 'magic'"),
        (["--benchmark", "pmo", "--tasks", "osimertinib"], "osimertinib_mpo"),
        (["--benchmark", "pmo", "--tasks", "drd2"], "needs a classifier"),
        (["--benchmark", "pmo", "--similarity", "0"], "pmo has no use for --similarity"),
        (["--benchmark", "pmo", "-o", "best.sdf"], "pmo has no use for --output"),
        (["--benchmark", "plogp", "--tasks", "qed"], "plogp has no use for --tasks"),
        (["--benchmark", "plogp", "--keep-scaffold"], "no use for --keep-scaffold"),
    ],
)
def test_mistakes(arguments: list[str], message: str, command: Command) -> None:
    result = command("optimise", FOLDER, "--threads", 1, *arguments)
    assert message in result.refusal()
    assert result.code == 2


def test_conditional_sampling(command: Command) -> None:
    few = ("--target-samples", 240, "--batch-size", 128, "-n", 60, "--raw", "--seed", 1)
    means = {}
    for wanted in (1.0, 4.0):
        result = command("sample", FOLDER, "--target-property", f"logp={wanted}", *few)
        assert result.code == 0, result.err
        assert "molecules scored first" in result.err
        assert f"logp: wanted {wanted:g}, got " in result.err
        texts = result.out.splitlines()
        assert len(texts) == 60
        means[wanted] = float(np.nanmean(score_all(texts, ["logp"])["logp"]))
    plain = command("sample", FOLDER, "-n", 60, "--raw", "--seed", 1)
    free = float(np.nanmean(score_all(plain.out.splitlines(), ["logp"])["logp"]))
    assert means[1.0] < free - 0.6
    assert means[4.0] > free + 0.6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target-property", "logq=1"], "unknown score 'logq'; did you mean logp"),
        (["--target-property", "logp"], "score=number"),
        (["--target-property", "similarity=1"], "unknown score 'similarity'"),
        (["--target-property", "logp=1", "--fidelity", "auto"], "a number for --fidelity"),
        (["--target-property", "logp=1", "--target-samples", "9"], "at least 100, not 9"),
    ],
)
def test_mistakes_of_conditional_sampling(
    arguments: list[str], message: str, command: Command
) -> None:
    result = command("sample", FOLDER, *arguments)
    assert message in result.refusal()
    assert result.code == 2
