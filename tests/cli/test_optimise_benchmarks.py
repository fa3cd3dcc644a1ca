"""`optimise --benchmark`: penalised logP and PMO with the shipped bundle, on small budgets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rdkit import Chem

from domains.smiles.benchmark import similar_plogp
from domains.smiles.pmo import TASKS
from tests.cli.test_optimise import FOLDER

Command = Callable[..., Any]


def test_the_benchmark(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    result = command(
        "optimise", FOLDER, "--benchmark", "plogp", "--molecules", 2, "--budget", 12,
        "--batch-size", 8, "--methods", "evolve,random", "--jobs", 1, "--json", file,
    )  # fmt: skip
    assert result.code == 0, result.err
    flat = json.loads(file.read_text())
    assert (flat["n"], flat["budget"], flat["similarity"]) == (2, 12, 0.4)
    assert len(flat["molecules"]) == 4
    text = similar_plogp.BENCHMARKS["plogp"].read_text()
    starts = [Chem.CanonSmiles(line.split()[0]) for line in text.splitlines()[:2]]
    for row in flat["molecules"]:
        assert row["start"] in starts
        assert row["calls"] <= 12
        assert row["similarity"] >= 0.4
        assert row["improvement"] >= 0
    gains = [row["improvement"] for row in flat["molecules"] if row["method"] == "evolve"]
    assert flat["evolve_improvement_mean"] == pytest.approx(np.mean(gains))
    assert "evolve" in result.out
    assert "random" in result.out


def test_a_benchmark_of_one_call(command: Command, tmp_path: Path) -> None:
    given = ("--molecules", 1, "--methods", "evolve", "--similarity", 0, "--jobs", 1)
    file = tmp_path / "one.json"
    done = command(
        "optimise", FOLDER, "--benchmark", "plogp", "--budget", 1, *given, "--json", file
    )
    assert done.code == 0, done.err
    flat = json.loads(file.read_text())
    assert flat["evolve_improvement_mean"] == flat["evolve_improvement_half_budget"] == 0
    assert (flat["similarity"], flat["budget"], flat["seed"]) == (0, 1, 0)


def test_the_pmo_benchmark(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "pmo.json"
    result = command(
        "optimise", FOLDER, "--benchmark", "pmo", "--tasks", "qed,isomers_c7h8n2o2",
        "--methods", "random,evolve", "--budget", 40, "--jobs", 1, "--json", file,
    )  # fmt: skip
    assert result.code == 0, result.err
    flat = json.loads(file.read_text())
    done = [(row["method"], row["task"]) for row in flat["rows"]]
    assert done == [(m, t) for m in ("random", "evolve") for t in ("qed", "isomers_c7h8n2o2")]
    for row in flat["rows"]:
        assert row["calls"] == 40
        assert 0 < row["auc_top10"] <= row["top10"] <= row["top1"] <= 1
        assert row["top1"] == pytest.approx(TASKS[row["task"]]([row["best"]])[0])
    for method in ("random", "evolve"):
        total = sum(row["auc_top10"] for row in flat["rows"] if row["method"] == method)
        assert flat[f"{method}_auc_top10_sum"] == pytest.approx(total)
        assert f"over 2 tasks of 23: {total:.3f}; 40 calls each" in result.out
